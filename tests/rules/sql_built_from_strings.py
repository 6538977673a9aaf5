"""SQL with values put into it, with constants of the file, and with values that are bound."""

import os

import sqlalchemy as sa
from alembic import op

SETUP = "CREATE TABLE persons (id bigint PRIMARY KEY, name text)"
TABLE = "persons"
COLUMNS = ("a", "b")


def upgrade():
    name = os.environ.get("NOBODY_SETS_THIS", "x")
    op.execute(f"SELECT * FROM persons WHERE name = '{name}'")  # finds: sql-built-from-strings=info
    op.execute("SELECT 2 FROM persons WHERE name = '%s'" % name)  # finds: sql-built-from-strings
    op.execute(sa.text("SELECT 3 FROM persons WHERE name = '{}'".format(name)))  # finds: sql-built-from-strings
    op.execute("SELECT 4 FROM persons WHERE name = '" + name + "'")  # finds: sql-built-from-strings

    for column in COLUMNS:
        op.execute(f"ALTER TABLE {TABLE} ADD {column} text")
    for month in range(11, 13):
        following = month + 1 if month < 12 else f"{month - 11}"
        op.execute(f"SELECT {month}, {following}")
    op.execute("SELECT 5 " + "FROM persons")
    op.execute(sa.text("SELECT 6 FROM persons WHERE name = :name").bindparams(name=name))


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
