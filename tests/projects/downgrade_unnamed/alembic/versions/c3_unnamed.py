"""unnamed"""

import sqlalchemy as sa
from alembic import op

revision = "c3"
down_revision = "b2"
branch_labels = None
depends_on = None


def upgrade():
    op.create_unique_constraint(None, "person", ["email"])


def downgrade():
    op.drop_constraint(None, "person", type_="unique")
