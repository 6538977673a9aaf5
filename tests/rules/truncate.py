"""TRUNCATE of one and of several tables, of an empty one, and behind a function."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY);
INSERT INTO persons VALUES (1);
CREATE TABLE orders (id int PRIMARY KEY);
INSERT INTO orders VALUES (1);
CREATE TABLE sessions (id int PRIMARY KEY);
"""


def upgrade():
    op.execute("TRUNCATE TABLE persons, orders RESTART IDENTITY CASCADE")  # finds: truncate
    op.execute("TRUNCATE sessions")  # finds: truncate

    op.create_table("copies", sa.Column("id", sa.BigInteger, primary_key=True))
    op.execute("TRUNCATE copies")
    op.execute("SELECT 'TRUNCATE persons; --'")


def downgrade():
    op.drop_table("copies")  # finds: lossy-downgrade
