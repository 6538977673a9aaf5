"""Tables with rows, without rows, made on the way, and dropped by something that is not called DROP TABLE."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY);
INSERT INTO persons VALUES (1), (2);
CREATE TABLE nobody (id int PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY);
INSERT INTO orders VALUES (1);
CREATE TABLE lines (id int PRIMARY KEY);
INSERT INTO lines VALUES (1);
CREATE TABLE logs (id int PRIMARY KEY);
INSERT INTO logs VALUES (1);
CREATE TABLE people (id int PRIMARY KEY, old int);
INSERT INTO people VALUES (1);
CREATE TABLE _alembic_mcp_kept_1 (id int, old int);
INSERT INTO _alembic_mcp_kept_1 VALUES (1, 2);
CREATE FUNCTION wipe() RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE ''DROP TABLE '' || ''logs''; END';
"""


def upgrade():
    op.drop_table("persons")  # finds: drop-table=danger
    op.drop_table("nobody")  # finds: drop-table=info
    op.execute("DROP TABLE IF EXISTS orders, gone")  # finds: drop-table
    op.execute("DO $$ BEGIN IF 1 = 1 THEN DROP TABLE lines; END IF; END $$")  # finds: drop-table
    op.execute("SELECT wipe()")  # finds: drop-table

    op.execute("UPDATE people SET old = k.old FROM _alembic_mcp_kept_1 k WHERE k.id = people.id")  # finds: writes-data
    op.drop_table("_alembic_mcp_kept_1")  # finds: drop-table=warning

    op.create_table("copies", sa.Column("id", sa.BigInteger, primary_key=True))
    op.drop_table("copies")


def downgrade():
    op.execute("CREATE TABLE _alembic_mcp_kept_1 AS SELECT id, old FROM people")  # finds: lossy-downgrade
    for name in ("persons", "nobody", "orders", "lines", "logs"):
        op.create_table(name, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))  # finds: lossy-downgrade


# finds somewhere: several-changes-in-one-revision
