"""Triggers, row level security, policies, privileges: off for good, off for a while, replaced."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY);
INSERT INTO persons VALUES (1);
CREATE POLICY own ON persons USING (id = 1);
CREATE POLICY other ON persons USING (id = 2);
CREATE TABLE orders (id bigint PRIMARY KEY);
INSERT INTO orders VALUES (1);
CREATE POLICY own ON orders USING (id = 1);
"""


def upgrade():
    op.execute("ALTER TABLE persons DISABLE TRIGGER ALL")  # finds: disables-protection=danger
    op.execute("ALTER TABLE orders DISABLE TRIGGER USER")  # finds: disables-protection=warning
    op.execute("ALTER TABLE orders ENABLE TRIGGER USER")
    op.execute("ALTER TABLE persons DISABLE ROW LEVEL SECURITY")  # finds: disables-protection=danger
    op.execute("GRANT SELECT ON persons TO PUBLIC")  # finds: disables-protection=warning
    op.execute("SET session_replication_role = replica")  # finds: disables-protection=danger
    op.execute("SET session_replication_role = DEFAULT")
    op.execute("DROP POLICY own ON persons")  # finds: disables-protection

    op.execute("GRANT SELECT ON persons TO CURRENT_USER")
    op.execute("REVOKE ALL ON persons FROM PUBLIC")
    op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE orders ENABLE TRIGGER ALL")
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True))
    op.execute("ALTER TABLE pets DISABLE TRIGGER ALL")


def downgrade():
    op.execute("ALTER TABLE orders DISABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE orders DISABLE TRIGGER ALL")
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
