"""New NOT NULL columns on a table with rows, on an empty one, on a new one, and with something that fills them."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY);
INSERT INTO persons VALUES (1);
CREATE TABLE nobody (id int PRIMARY KEY);
"""


def upgrade():
    op.add_column("persons", sa.Column("age", sa.Integer, nullable=False))  # finds: not-null-without-default=blocker
    op.execute("ALTER TABLE persons ADD a int NOT NULL, ADD b int")  # finds: not-null-without-default

    op.add_column("persons", sa.Column("born", sa.Date, nullable=False, server_default="1970-01-01"))
    op.add_column("persons", sa.Column("number", sa.Integer, sa.Identity(), nullable=False))  # finds: rewrites-table
    op.add_column("persons", sa.Column("next", sa.Integer, sa.Computed("id + 1"), nullable=False))
    op.add_column("persons", sa.Column("nickname", sa.Text))
    op.add_column("nobody", sa.Column("age", sa.Integer, nullable=False))
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True))
    op.add_column("pets", sa.Column("age", sa.Integer, nullable=False))


def downgrade():
    op.drop_table("pets")  # finds: lossy-downgrade
    op.drop_column("nobody", "age")
    for name in ("nickname", "next", "number", "born", "b", "a", "age"):
        op.drop_column("persons", name)
