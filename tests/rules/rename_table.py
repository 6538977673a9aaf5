"""A table with rows, one without, one whose old name stays as a view, and one made on the way."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY);
INSERT INTO persons VALUES (1);
CREATE TABLE orders (id bigint PRIMARY KEY);
INSERT INTO orders VALUES (1);
CREATE TABLE nobody (id bigint PRIMARY KEY);
"""


def upgrade():
    op.rename_table("persons", "people")  # finds: rename-table=danger
    op.rename_table("nobody", "nobodies")  # finds: rename-table=info

    op.rename_table("orders", "purchases")
    op.execute("CREATE VIEW orders AS TABLE purchases")
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True))
    op.rename_table("pets", "animals")


def downgrade():
    op.drop_table("animals")  # finds: lossy-downgrade
    op.execute("DROP VIEW orders")
    op.rename_table("purchases", "orders")
    op.rename_table("nobodies", "nobody")
    op.rename_table("people", "persons")
