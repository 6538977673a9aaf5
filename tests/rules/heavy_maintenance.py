"""Commands that maintain tables with rows, without, and in ways that let others work."""

from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, name text);
INSERT INTO persons SELECT n, n FROM generate_series(1, 20000) n;
CREATE TABLE nobody (id bigint PRIMARY KEY);
CREATE MATERIALIZED VIEW names AS SELECT DISTINCT name FROM persons;
CREATE TABLE logs (at date) PARTITION BY RANGE (at);
CREATE TABLE logs_old PARTITION OF logs FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');
INSERT INTO logs VALUES ('2000-05-05');
"""


def upgrade():
    op.execute("REFRESH MATERIALIZED VIEW names")  # finds: heavy-maintenance=warning
    op.execute("CLUSTER persons USING persons_pkey")  # finds: heavy-maintenance=danger
    op.execute("REINDEX TABLE persons")  # finds: heavy-maintenance
    op.execute("LOCK TABLE persons IN SHARE ROW EXCLUSIVE MODE")  # finds: heavy-maintenance
    op.execute("ALTER TABLE logs DETACH PARTITION logs_old")  # finds: heavy-maintenance
    with op.get_context().autocommit_block():
        op.execute("VACUUM FULL persons")  # finds: heavy-maintenance

        op.execute("VACUUM (ANALYZE) persons")
        op.execute("REINDEX TABLE CONCURRENTLY persons")
    op.execute("REINDEX TABLE nobody")
    op.execute("LOCK TABLE persons IN SHARE UPDATE EXCLUSIVE MODE")
    op.execute("CREATE MATERIALIZED VIEW fresh AS SELECT 1 AS one WITH NO DATA")
    op.execute("REFRESH MATERIALIZED VIEW fresh")


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
