"""A table in a schema that is not there."""

import sqlalchemy as sa
from alembic import op


def upgrade():
    op.execute("CREATE SCHEMA shop")
    op.create_table("items", sa.Column("id", sa.Integer, primary_key=True), schema="shop")  # finds: int4-primary-key
    op.create_table("items", sa.Column("id", sa.Integer, primary_key=True), schema="store")  # finds: missing-schema=blocker


def downgrade():
    pass
