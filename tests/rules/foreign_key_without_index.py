"""Foreign keys with an index of their own, with one that begins otherwise, and with none."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, person_id bigint, payer_id bigint, at date);
CREATE INDEX ON orders (person_id, at);
CREATE INDEX ON orders (at, payer_id);
"""


def upgrade():
    op.create_foreign_key("fk_payer", "orders", "persons", ["payer_id"], ["id"])  # finds: foreign-key-without-index=info
    op.create_table(
        "pets",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("person_id", sa.BigInteger, sa.ForeignKey("persons.id")),
        sa.Column("vet_id", sa.BigInteger, sa.ForeignKey("persons.id"), index=True),
    )

    op.create_foreign_key("fk_person", "orders", "persons", ["person_id"], ["id"])
    op.create_table(
        "friends",
        sa.Column("a_id", sa.BigInteger, sa.ForeignKey("persons.id"), primary_key=True),
        sa.Column("b_id", sa.BigInteger, sa.ForeignKey("persons.id"), primary_key=True),
    )
    op.create_index("ix_friends_b", "friends", ["b_id"])


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
