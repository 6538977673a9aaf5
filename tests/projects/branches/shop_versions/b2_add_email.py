"""add email"""

import sqlalchemy as sa
from alembic import op

revision = "b2"
down_revision = "a1"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("person", sa.Column("email", sa.String(80)))


def downgrade():
    op.drop_column("person", "email")
