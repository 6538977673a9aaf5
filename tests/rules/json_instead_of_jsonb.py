"""Columns of type json and jsonb, in a new table and in one that is there."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

SETUP = "CREATE TABLE persons (id bigint PRIMARY KEY)"


def upgrade():
    op.add_column("persons", sa.Column("data", sa.JSON))  # finds: json-instead-of-jsonb=info
    op.execute("CREATE TABLE logs (id bigint PRIMARY KEY, data json)")

    op.add_column("persons", sa.Column("more", postgresql.JSONB))
    op.execute("ALTER TABLE persons ADD most jsonb")


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
