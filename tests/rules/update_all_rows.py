"""UPDATE of whole tables that have rows, to fill a new column, of an empty table, and with a condition."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, name text);
INSERT INTO persons VALUES (1, 'a');
CREATE TABLE nobody (id int PRIMARY KEY, name text);
CREATE TABLE events (id int PRIMARY KEY, name text);
INSERT INTO events SELECT n, 'x' FROM generate_series(1, 100001) n;
"""

persons = sa.table("persons", sa.column("name"), sa.column("full_name"))


def upgrade():
    op.execute("UPDATE persons SET name = upper(name)")  # finds: update-all-rows=warning
    op.execute(persons.update().values(name="x"))  # finds: update-all-rows
    op.execute("UPDATE events SET name = 'y' WHERE id > 0")  # finds: update-all-rows=warning
    op.execute("UPDATE events SET name = 'y' WHERE id IN (SELECT id FROM events WHERE name = 'x' LIMIT 500)")  # finds: writes-data=info
    op.execute("UPDATE events SET name = 'y' WHERE id = 7")  # finds: writes-data=info
    op.add_column("persons", sa.Column("full_name", sa.Text))
    op.execute(persons.update().values(full_name=persons.c.name))  # finds: update-all-rows=info
    op.execute("UPDATE events SET name = 'z'")  # finds: update-all-rows=danger, lock-held-long

    op.execute("UPDATE nobody SET name = 'x'")
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True))
    op.execute("UPDATE pets SET id = 1")


def downgrade():
    op.drop_table("pets")  # finds: lossy-downgrade
    op.execute("UPDATE persons SET name = full_name")  # finds: update-all-rows
    op.drop_column("persons", "full_name")
