"""The tables of the store as this version reads them; `revisions` makes them."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["APPROVERS", "AUDIT", "HEAD", "KNOWN", "PLANS", "VERSION_TABLE"]

KNOWN = ("plans_approvers_audit",)
"""The store's own revisions, in order; the last one is what this version needs."""
VERSION_TABLE = "alembic_mcp_version"

_metadata = sa.MetaData()

PLANS = sa.Table(
    "alembic_mcp_plans",
    _metadata,
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
    sa.Column("evidence", sa.JSON(none_as_null=True)),
    sa.Column("statement", sa.Text),
    sa.Column("approved", sa.Double),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("consumed", sa.Double),
    sa.Column("runner", sa.JSON(none_as_null=True)),
    sa.Column("finished", sa.Double),
    sa.Column("outcome", sa.Text, nullable=False),
)

APPROVERS = sa.Table(
    "alembic_mcp_approvers",
    _metadata,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("scrypt", sa.JSON, nullable=False),
    sa.Column("credential_id", sa.LargeBinary),
    sa.Column("added_by", sa.String(64)),
    sa.Column("evidence", sa.JSON(none_as_null=True)),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("revoked", sa.Double),
)

AUDIT = sa.Table(
    "alembic_mcp_audit",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("plan", sa.String(64)),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

HEAD = sa.Table(
    "alembic_mcp_audit_head",
    _metadata,
    sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
