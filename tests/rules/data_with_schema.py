"""Rows that are changed where their table was altered, elsewhere, and in a table that is hardly used."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, name text);
INSERT INTO persons SELECT n, n FROM generate_series(1, 20000) n;
CREATE TABLE few (id bigint PRIMARY KEY, name text);
INSERT INTO few VALUES (1, 'a');
"""


def upgrade():
    op.add_column("persons", sa.Column("lower", sa.Text))
    with op.get_context().autocommit_block():
        op.execute("UPDATE persons SET lower = lower(name) WHERE id < 10")  # finds: writes-data
    op.execute("UPDATE persons SET lower = lower(name) WHERE id < 20")  # finds: writes-data

    op.add_column("persons", sa.Column("upper", sa.Text))
    op.execute("UPDATE persons SET upper = upper(name) WHERE id < 10")  # finds: data-with-schema=warning, writes-data
    op.execute("ALTER TABLE persons ADD a int; DELETE FROM persons WHERE id=7")  # finds: delete-rows, data-with-schema
    op.add_column("few", sa.Column("upper", sa.Text))
    op.execute("UPDATE few SET upper = upper(name) WHERE id < 10")  # finds: writes-data


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
