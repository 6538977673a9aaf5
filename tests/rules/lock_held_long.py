"""Long work after a lock on a table with rows, in the same transaction, in another one, and short work only."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, name text);
INSERT INTO persons SELECT n, n FROM generate_series(1, 20000) n;
CREATE TABLE orders (id bigint PRIMARY KEY, total int);
INSERT INTO orders SELECT n, n FROM generate_series(1, 20000) n;
CREATE TABLE few (id bigint PRIMARY KEY, name text);
INSERT INTO few VALUES (1, 'a');
"""


def upgrade():
    op.execute("ALTER TABLE orders ADD CONSTRAINT ck_total CHECK (total >= 0) NOT VALID")
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_total")

    op.add_column("persons", sa.Column("age", sa.Integer))
    op.add_column("persons", sa.Column("size", sa.Integer))
    op.create_index("ix_few", "few", ["name"])  # finds: index-without-concurrently
    op.create_index("ix_orders", "orders", ["total"])  # finds: index-without-concurrently, lock-held-long
    op.create_index("ix_persons", "persons", ["name"])  # finds: index-without-concurrently
    op.add_column("persons", sa.Column("few_id", sa.BigInteger))
    op.create_foreign_key("fk", "persons", "few", ["few_id"], ["id"])  # finds: foreign-key-validates, foreign-key-without-index


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
