"""A downgrade that forgets an index."""

import sqlalchemy as sa
from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY, name text)"


def upgrade():
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True))
    op.create_index("ix_persons_name", "persons", ["name"], if_not_exists=True)


def downgrade():
    op.drop_table("pets")  # finds: lossy-downgrade


# finds somewhere: downgrade-does-not-restore
