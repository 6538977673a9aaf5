"""odd two"""

import sqlalchemy as sa
from alembic import op

revision = "I43e0b669096"
down_revision = ("v3.2.0.a",)
branch_labels = ()
depends_on = None


def upgrade():
    pass


def downgrade():
    pass
