"""Indexes on a table with rows, on an empty one, on a new one, built concurrently, and with a new column."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, name text, email text);
INSERT INTO persons VALUES (1, 'a', 'b');
CREATE INDEX ix_persons_old ON persons (name);
CREATE TABLE nobody (id int PRIMARY KEY, name text);
CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events DEFAULT;
INSERT INTO events VALUES (1, '2026-01-01');
"""


def upgrade():
    op.create_index("ix_persons_name", "persons", ["name"])  # finds: index-without-concurrently
    op.execute("CREATE UNIQUE INDEX ON ONLY public.persons USING btree (lower(email))")  # finds: index-without-concurrently
    op.add_column("persons", sa.Column("city", sa.Text, index=True))  # finds: index-without-concurrently
    op.execute("DO $$ BEGIN EXECUTE 'CREATE INDEX ix_do ON persons (id)'; END $$")  # finds: index-without-concurrently
    op.drop_index("ix_persons_old")  # finds: index-without-concurrently

    with op.get_context().autocommit_block():
        op.create_index("ix_persons_email", "persons", ["email"], postgresql_concurrently=True)
    op.create_index("ix_nobody_name", "nobody", ["name"])
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("name", sa.Text, index=True))
    op.create_index("ix_pets_id", "pets", ["id"])
    op.execute("CREATE INDEX ix_events_at ON ONLY events (at)")
    op.execute("DROP INDEX IF EXISTS ix_that_never_was")


def downgrade():
    op.drop_index("ix_events_at", "events")  # finds: index-without-concurrently=info
    op.drop_index("ix_pets_id", "pets")
    op.drop_table("pets")  # finds: lossy-downgrade
    op.drop_index("ix_nobody_name", "nobody")
    with op.get_context().autocommit_block():
        op.drop_index("ix_persons_email", "persons", postgresql_concurrently=True)
    op.create_index("ix_persons_old", "persons", ["name"])  # finds: index-without-concurrently
    op.execute("DROP INDEX ix_do")  # finds: index-without-concurrently
    op.drop_column("persons", "city")
    op.execute("DROP INDEX persons_lower_idx")  # finds: index-without-concurrently
    op.drop_index("ix_persons_name", "persons")  # finds: index-without-concurrently
