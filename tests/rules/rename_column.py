"""A column of a table with rows, of one without, and one made on the way."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, name text, fax text);
INSERT INTO persons VALUES (1, 'a');
CREATE TABLE nobody (id bigint PRIMARY KEY, name text);
"""


def upgrade():
    op.alter_column("persons", "name", new_column_name="full_name")  # finds: rename-column=danger
    op.execute("ALTER TABLE persons RENAME fax TO telefax")  # finds: rename-column
    op.alter_column("nobody", "name", new_column_name="full_name")  # finds: rename-column=info

    op.add_column("persons", sa.Column("age", sa.Integer))
    op.alter_column("persons", "age", new_column_name="years")


def downgrade():
    op.drop_column("persons", "years")  # finds: lossy-downgrade
    op.alter_column("nobody", "full_name", new_column_name="name")
    op.alter_column("persons", "telefax", new_column_name="fax")
    op.alter_column("persons", "full_name", new_column_name="name")
