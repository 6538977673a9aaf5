"""Unique constraints and indexes on values that are unique or not, partial, over expressions, after a clean-up."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, email text, code int, city text, nick text, active bool);
INSERT INTO persons VALUES
    (1, 'a@x', 1, 'Bern', 'A', true), (2, 'A@x', 1, 'Bern', 'A', false), (3, NULL, 2, 'Rome', 'B', true),
    (4, NULL, 3, 'Oslo', 'C', true);
CREATE TABLE one (id int, name text);
INSERT INTO one VALUES (1, 'a');
"""


def upgrade():
    op.create_unique_constraint("uq_code", "persons", ["code"])  # finds: unique-with-duplicates=blocker, unique-builds-index
    op.create_unique_constraint("uq_email", "persons", ["email"])  # finds: unique-builds-index
    op.create_unique_constraint("uq_id", "persons", ["id", "city"])  # finds: unique-builds-index
    op.create_unique_constraint("uq_one", "one", ["name"])  # finds: unique-builds-index
    op.create_index("ix_city", "persons", ["city"], unique=True)  # finds: unique-with-duplicates=blocker, index-without-concurrently
    op.create_index("ix_lower", "persons", [sa.text("lower(email)")], unique=True)  # finds: unique-with-duplicates=blocker, index-without-concurrently
    op.create_index("ix_active", "persons", ["city"], unique=True, postgresql_where=sa.text("active"))  # finds: index-without-concurrently
    op.execute("CREATE UNIQUE INDEX ix_2 ON persons (email) NULLS NOT DISTINCT")  # finds: unique-with-duplicates=blocker, index-without-concurrently

    op.add_column("persons", sa.Column("token", sa.Text, server_default="x"))
    op.create_unique_constraint("uq_token", "persons", ["token"])  # finds: unique-with-duplicates=blocker, unique-builds-index
    op.add_column("persons", sa.Column("slug", sa.Text))
    op.create_unique_constraint("uq_slug", "persons", ["slug"])  # finds: unique-builds-index

    op.execute("DELETE FROM persons WHERE id NOT IN (SELECT min(id) FROM persons GROUP BY nick)")  # finds: delete-rows
    op.create_unique_constraint("uq_nick", "persons", ["nick"])  # finds: unique-builds-index


def downgrade():
    pass


# finds somewhere: irreversible-downgrade
