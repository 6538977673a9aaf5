"""create job"""

import sqlalchemy as sa
from alembic import op

revision = "j1"
down_revision = None
branch_labels = ("jobs",)
depends_on = None


def upgrade():
    op.create_table("job", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("job")
