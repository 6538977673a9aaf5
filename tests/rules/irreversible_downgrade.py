"""A downgrade that says that there is none."""

import sqlalchemy as sa
from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY)"


def upgrade():
    op.add_column("persons", sa.Column("name", sa.Text))


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
