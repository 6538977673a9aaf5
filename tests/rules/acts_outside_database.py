"""A revision that calls a service."""

import urllib.request

from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY)"


def upgrade():
    op.execute("COMMENT ON TABLE persons IS 'people'")
    try:
        urllib.request.urlopen("http://127.0.0.1:9/", timeout=1)  # finds: acts-outside-database
    except OSError:
        pass


def downgrade():
    op.execute("COMMENT ON TABLE persons IS NULL")
