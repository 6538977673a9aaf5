"""create person"""

import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None
branch_labels = ("shop",)
depends_on = None


def upgrade():
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
    )


def downgrade():
    op.drop_table("person")
