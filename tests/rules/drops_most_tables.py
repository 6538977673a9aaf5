"""What autogenerate writes when env.py imports no models."""

from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY);
INSERT INTO persons VALUES (1);
CREATE TABLE orders (id int PRIMARY KEY);
CREATE TABLE pets (id int PRIMARY KEY);
CREATE TABLE toys (id int PRIMARY KEY);
"""


def upgrade():
    op.drop_table("orders")  # finds: drop-table=info, drops-most-tables=danger
    op.drop_table("pets")  # finds: drop-table=info
    op.drop_table("persons")  # finds: drop-table=danger


def downgrade():
    raise NotImplementedError  # finds: irreversible-downgrade
