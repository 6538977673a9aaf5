"""Schemas with tables in them, empty, and made on the way."""

from alembic import op

SETUP = """
CREATE SCHEMA archive;
CREATE TABLE archive.persons (id int PRIMARY KEY);
INSERT INTO archive.persons VALUES (1);
CREATE SCHEMA hollow;
CREATE SCHEMA bare;
"""


def upgrade():
    op.execute("DROP SCHEMA archive CASCADE")  # finds: drop-schema=danger, drop-table
    op.execute("DROP SCHEMA hollow CASCADE")  # finds: drop-schema=info
    op.execute("DROP SCHEMA IF EXISTS bare")  # finds: drop-schema=info
    op.execute("CREATE SCHEMA passing")
    op.execute("DROP SCHEMA passing CASCADE")
    op.execute("CREATE SCHEMA sales")
    op.execute("CREATE SCHEMA stock")
    op.execute("CREATE SCHEMA bare")
    op.execute("CREATE SCHEMA hollow")
    op.execute("CREATE SCHEMA archive")
    op.execute("CREATE TABLE archive.persons (id bigint PRIMARY KEY)")


def downgrade():
    op.execute("DROP SCHEMA stock")
    op.execute("DROP SCHEMA sales CASCADE")  # finds: drop-schema=warning


# finds somewhere: downgrade-does-not-restore
