"""Plans, approvers, audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "plans_approvers_audit"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alembic_mcp_plans",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("seen", sa.Double, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("approver", sa.String(64)),
        sa.Column("evidence", sa.JSON),
        sa.Column("statement", sa.Text),
        sa.Column("approved", sa.Double),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("consumed", sa.Double),
        sa.Column("runner", sa.JSON),
        sa.Column("finished", sa.Double),
        sa.Column("outcome", sa.Text, nullable=False),
    )
    waits = sa.text("state IN ('open', 'approved')")
    op.create_index(
        "alembic_mcp_one_open_plan",
        "alembic_mcp_plans",
        ["key"],
        unique=True,
        sqlite_where=waits,
        postgresql_where=waits,
    )
    op.create_index("alembic_mcp_plans_by_identity", "alembic_mcp_plans", ["identity"])
    op.create_table(
        "alembic_mcp_approvers",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("scrypt", sa.JSON, nullable=False),
        sa.Column("credential_id", sa.LargeBinary),
        sa.Column("added_by", sa.String(64)),
        sa.Column("evidence", sa.JSON),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("revoked", sa.Double),
    )
    op.create_table(
        "alembic_mcp_audit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("plan", sa.String(64)),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "alembic_mcp_audit_head",
        sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    op.drop_table("alembic_mcp_audit_head")
    op.drop_table("alembic_mcp_audit")
    op.drop_table("alembic_mcp_approvers")
    op.drop_index("alembic_mcp_plans_by_identity", "alembic_mcp_plans")
    op.drop_index("alembic_mcp_one_open_plan", "alembic_mcp_plans")
    op.drop_table("alembic_mcp_plans")
