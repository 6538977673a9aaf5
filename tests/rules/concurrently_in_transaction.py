"""CONCURRENTLY in an autocommit block, where it belongs, and then in the transaction of the revision."""

from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, name text);
INSERT INTO persons VALUES (1, 'a');
CREATE MATERIALIZED VIEW names AS SELECT DISTINCT name FROM persons;
CREATE UNIQUE INDEX ON names (name);
"""


def upgrade():
    with op.get_context().autocommit_block():
        op.create_index("ix_persons_name", "persons", ["name"], postgresql_concurrently=True)
        op.execute("REINDEX TABLE CONCURRENTLY persons")
        op.execute("VACUUM persons")
    op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY names")

    op.create_index("ix_persons_2", "persons", ["name"], postgresql_concurrently=True)  # finds: concurrently-in-transaction=blocker


def downgrade():
    pass
