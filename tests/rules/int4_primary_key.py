"""Primary keys that count up, that are given, and that are long enough."""

import sqlalchemy as sa
from alembic import op

SETUP = "CREATE TABLE persons (id bigint PRIMARY KEY)"


def upgrade():
    op.create_table("pets", sa.Column("id", sa.Integer, primary_key=True))  # finds: int4-primary-key=info
    op.execute("CREATE TABLE logs (id serial PRIMARY KEY)")
    op.create_table("notes", sa.Column("id", sa.SmallInteger, sa.Identity(), primary_key=True))

    op.create_table("codes", sa.Column("code", sa.Integer, primary_key=True, autoincrement=False))
    op.create_table("orders", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("number", sa.Integer))
    op.create_table(
        "parts", sa.Column("a", sa.Integer, primary_key=True), sa.Column("b", sa.Integer, primary_key=True)
    )


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
