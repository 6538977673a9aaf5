"""Moments with a time zone and without."""

import sqlalchemy as sa
from alembic import op

SETUP = "CREATE TABLE persons (id bigint PRIMARY KEY)"


def upgrade():
    op.add_column("persons", sa.Column("at", sa.DateTime))  # finds: timestamp-without-time-zone=info
    op.execute("CREATE TABLE logs (id bigint PRIMARY KEY, at timestamp(3))")

    op.add_column("persons", sa.Column("until", sa.DateTime(timezone=True)))
    op.execute("ALTER TABLE persons ADD born date, ADD seen timestamptz")


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
