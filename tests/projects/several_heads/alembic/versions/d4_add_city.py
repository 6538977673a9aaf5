"""add city"""

import sqlalchemy as sa
from alembic import op

revision = "d4"
down_revision = "b2"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("person", sa.Column("city", sa.String(40)))


def downgrade():
    op.drop_column("person", "city")
