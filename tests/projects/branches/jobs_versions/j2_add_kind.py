"""add kind"""

import sqlalchemy as sa
from alembic import op

revision = "j2"
down_revision = "j1"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("job", sa.Column("kind", sa.String(10)))


def downgrade():
    op.drop_column("job", "kind")
