"""UNIQUE and EXCLUDE on a table with rows, on an empty one, on a new one, and with an index that is there."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, email text, phone text, fax text);
INSERT INTO persons SELECT n, n, n, n FROM generate_series(1, 20000) n;
CREATE TABLE nobody (id bigint PRIMARY KEY, email text);
"""


def upgrade():
    op.create_unique_constraint("uq_email", "persons", ["email"])  # finds: unique-builds-index=danger
    op.execute("ALTER TABLE persons ADD UNIQUE (phone)")  # finds: unique-builds-index
    op.execute("ALTER TABLE persons ADD EXCLUDE USING btree (fax WITH =)")  # finds: unique-builds-index

    op.create_unique_constraint("uq_nobody", "nobody", ["email"])
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("name", sa.Text))
    op.create_unique_constraint("uq_pets", "pets", ["name"])
    with op.get_context().autocommit_block():
        op.create_index("uq_fax", "persons", ["fax"], unique=True, postgresql_concurrently=True)
    op.execute("ALTER TABLE persons ADD CONSTRAINT uq_fax UNIQUE USING INDEX uq_fax")


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
