"""made by create_all"""

import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.execute("ALTER TABLE person ADD COLUMN legacy_note varchar(10)")


def downgrade():
    op.drop_column("person", "legacy_note")
