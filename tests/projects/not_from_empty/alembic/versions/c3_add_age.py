"""add age"""

import sqlalchemy as sa
from alembic import op

revision = "c3"
down_revision = "b2"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("person", sa.Column("age", sa.Integer()))


def downgrade():
    op.drop_column("person", "age")
