"""A function of an extension that is not installed."""

import sqlalchemy as sa
from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY);"


def upgrade():
    op.add_column("persons", sa.Column("born", sa.Uuid, server_default=sa.text("gen_random_uuid()")))
    op.add_column("persons", sa.Column("key", sa.Uuid, server_default=sa.text("uuid_generate_v4()")))  # finds: missing-extension=blocker


def downgrade():
    pass
