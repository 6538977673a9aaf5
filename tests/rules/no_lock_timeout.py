"""The first statement that blocks others, where nothing sets lock_timeout."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, name text);
INSERT INTO persons VALUES (1, 'a');
"""
LOCK_TIMEOUT = False


def upgrade():
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True))
    op.add_column("pets", sa.Column("name", sa.Text))
    op.add_column("persons", sa.Column("age", sa.Integer))  # finds: no-lock-timeout=info
    op.add_column("persons", sa.Column("size", sa.Integer))


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
