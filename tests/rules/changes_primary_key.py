"""Keys that are made, dropped by name and by column, re-typed; and those of empty and of new tables."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, email text NOT NULL);
INSERT INTO persons VALUES (1, 'a');
CREATE TABLE pets (id int, owner int REFERENCES persons);
INSERT INTO pets VALUES (1, 1);
CREATE TABLE toys (id int CONSTRAINT toys_identity PRIMARY KEY);
INSERT INTO toys VALUES (1);
CREATE TABLE nobody (id int PRIMARY KEY);
"""


def upgrade():
    op.create_primary_key("pets_pkey", "pets", ["id"])  # finds: changes-primary-key=warning, unique-builds-index
    op.alter_column("persons", "id", type_=sa.BigInteger)  # finds: changes-primary-key=warning, rewrites-table
    op.execute("ALTER TABLE toys DROP CONSTRAINT toys_identity")  # finds: changes-primary-key=danger

    op.alter_column("persons", "email", type_=sa.String)
    op.drop_constraint("nobody_pkey", "nobody", type_="primary")
    op.create_table("books", sa.Column("id", sa.Integer, primary_key=True))  # finds: int4-primary-key
    op.drop_constraint("books_pkey", "books", type_="primary")


def downgrade():
    raise NotImplementedError  # finds: irreversible-downgrade
