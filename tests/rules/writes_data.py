"""Rows that are written: in SQL, in a construct, in loops that ran and that did not, and to tables that are new or empty."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, name text);
INSERT INTO persons VALUES (1, 'a');
CREATE TABLE nobody (id int PRIMARY KEY, name text);
"""

persons = sa.table("persons", sa.column("id"), sa.column("name"))


def rename(bind, number):
    bind.execute(persons.update().where(persons.c.id == number).values(name="x"))  # finds: writes-data=info


def upgrade():
    bind = op.get_bind()
    op.execute("UPDATE persons SET name = 'b' WHERE id = 1")  # finds: writes-data=info
    op.bulk_insert(persons, [{"id": 7, "name": "g"}])  # finds: writes-data
    op.execute("INSERT INTO persons VALUES (7, 'h') ON CONFLICT (id) DO UPDATE SET name = excluded.name")  # finds: writes-data
    for number in (1, 2):
        rename(bind, number)
    for row in bind.execute(sa.text("SELECT id, name FROM nobody")):  # finds: writes-data=warning
        bind.execute(persons.update().where(persons.c.id == row.id).values(name=row.name.upper()))

    op.execute("INSERT INTO nobody VALUES (1, 'a') ON CONFLICT DO NOTHING")
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True))
    op.execute("INSERT INTO pets VALUES (1)")
    for row in bind.execute(sa.text("SELECT id FROM nobody")):
        print(row.id)


def downgrade():
    op.drop_table("pets")  # finds: lossy-downgrade
    op.execute("UPDATE persons SET name = 'a' WHERE id = 1")  # finds: writes-data
    op.execute("DELETE FROM persons WHERE id = 7")  # finds: delete-rows
