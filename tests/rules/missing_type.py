"""A column of an enum that add_column does not make."""

import sqlalchemy as sa
from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY); INSERT INTO persons VALUES (1);"


def upgrade():
    op.add_column("persons", sa.Column("age", sa.Integer))
    op.add_column("persons", sa.Column("mood", sa.Enum("good", "bad", name="mood")))  # finds: missing-type=blocker


def downgrade():
    pass
