"""What writes a table anew, and what looks like it but does not."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, number int, name varchar(20), city varchar(20), price numeric(8, 2));
INSERT INTO persons SELECT n, n, 'a', 'b', 1 FROM generate_series(1, 20000) n;
CREATE TABLE nobody (id bigint PRIMARY KEY, number int);
"""


def upgrade():
    op.add_column("persons", sa.Column("key", sa.Uuid, server_default=sa.text("gen_random_uuid()")))  # finds: rewrites-table=danger
    op.execute("ALTER TABLE persons ADD twice int GENERATED ALWAYS AS (number * 2) STORED, ADD plain text")  # finds: rewrites-table
    op.execute("ALTER TABLE persons ADD counted bigserial")  # finds: rewrites-table
    op.drop_column("persons", "twice")
    op.alter_column("persons", "number", existing_type=sa.Integer, type_=sa.BigInteger)  # finds: rewrites-table
    op.execute("DO $$ BEGIN EXECUTE 'ALTER TABLE persons ALTER plain TYPE bytea USING NULL'; END $$")  # finds: rewrites-table

    op.add_column("persons", sa.Column("born", sa.Date, server_default="1970-01-01", nullable=False))
    op.add_column("persons", sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()))
    op.alter_column("persons", "name", existing_type=sa.String(20), type_=sa.String(40))
    op.alter_column("persons", "city", existing_type=sa.String(20), type_=sa.Text)
    op.execute("ALTER TABLE persons ALTER price TYPE numeric(10, 2)")
    op.alter_column("nobody", "number", existing_type=sa.Integer, type_=sa.BigInteger)


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
