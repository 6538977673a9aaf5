"""Foreign keys of a table with rows, of an empty one, of a new one, not validated, and with a column of their own."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY);
INSERT INTO persons VALUES (1);
CREATE TABLE orders (id bigint PRIMARY KEY, person_id bigint, payer_id bigint, payee_id bigint);
INSERT INTO orders SELECT n, 1, 1, 1 FROM generate_series(1, 20000) n;
CREATE INDEX ON orders (person_id);
CREATE INDEX ON orders (payer_id);
CREATE INDEX ON orders (payee_id);
CREATE TABLE nobody (id bigint PRIMARY KEY, person_id bigint);
CREATE INDEX ON nobody (person_id);
"""


def upgrade():
    op.create_foreign_key("fk_person", "orders", "persons", ["person_id"], ["id"])  # finds: foreign-key-validates=danger
    op.execute("ALTER TABLE orders ADD FOREIGN KEY (payer_id) REFERENCES persons")  # finds: foreign-key-validates
    op.execute("ALTER TABLE orders ADD buyer_id bigint REFERENCES persons")  # finds: foreign-key-validates=info, foreign-key-without-index

    op.create_foreign_key("fk_payee", "orders", "persons", ["payee_id"], ["id"], postgresql_not_valid=True)
    op.create_foreign_key("fk_nobody", "nobody", "persons", ["person_id"], ["id"])
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("person_id", sa.BigInteger))
    op.create_index("ix_pets", "pets", ["person_id"])
    op.create_foreign_key("fk_pets", "pets", "persons", ["person_id"], ["id"])


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
