"""odd three"""

import sqlalchemy as sa
from alembic import op

revision = "aa1234567890"
down_revision = ["I43e0b669096"]
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("person", sa.Column("city", sa.String(40)))


def downgrade():
    op.drop_column("person", "city")
