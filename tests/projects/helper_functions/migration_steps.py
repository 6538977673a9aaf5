import sqlalchemy as sa
from alembic import op


def add_stamps(table):
    for name in ("created_at", "updated_at"):
        op.add_column(table, sa.Column(name, sa.DateTime()))


def drop_stamps(table):
    for name in ("updated_at", "created_at"):
        op.drop_column(table, name)
