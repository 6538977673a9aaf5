"""Partitions with rows and without, one that was detached before, one that goes with its parent."""

from alembic import op

SETUP = """
CREATE TABLE events (at date, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO events VALUES ('2024-02-02', 'a'), ('2025-02-02', 'b');
CREATE TABLE logs (at date) PARTITION BY RANGE (at);
CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
INSERT INTO logs VALUES ('2024-02-02');
"""


def upgrade():
    op.drop_table("events_2024")  # finds: drops-partition-child=danger
    op.execute("ALTER TABLE events DETACH PARTITION events_2025")  # finds: heavy-maintenance
    op.execute("DROP TABLE events_2025")  # finds: drop-table
    op.execute("DROP TABLE events_2026")  # finds: drop-table=info
    op.execute("DROP TABLE logs_rest")  # finds: drop-table
    op.execute("DROP TABLE logs")  # finds: drop-table


def downgrade():
    raise NotImplementedError  # finds: irreversible-downgrade
