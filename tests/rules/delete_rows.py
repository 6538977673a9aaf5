"""DELETE with and without a condition, in plain SQL, in a construct, hidden in a query, and as the inverse of INSERT."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, name text);
INSERT INTO persons VALUES (1, 'a');
CREATE TABLE roles (id int PRIMARY KEY);
INSERT INTO roles VALUES (1);
CREATE TABLE nothing (id int PRIMARY KEY);
"""

persons = sa.table("persons", sa.column("id"), sa.column("name"))


def upgrade():
    op.execute("DELETE FROM persons")  # finds: delete-rows=blocker
    op.execute("DELETE FROM persons WHERE 1 = 1")  # finds: delete-rows
    op.execute(persons.delete().where(persons.c.id == 7))  # finds: delete-rows
    gone = sa.text("WITH gone AS (DELETE FROM persons WHERE id = :id RETURNING *) SELECT * FROM gone")
    op.get_bind().execute(gone, {"id": 1})  # finds: delete-rows
    op.execute("DELETE FROM nothing")
    op.execute("SELECT * FROM persons WHERE name = 'DELETE FROM persons' -- DELETE FROM persons")
    op.execute("INSERT INTO roles VALUES (2)")  # finds: writes-data


def downgrade():
    op.execute("DELETE FROM roles WHERE id = 2")  # finds: delete-rows=info
