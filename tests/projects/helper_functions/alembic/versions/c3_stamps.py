"""add stamps"""

from migration_steps import add_stamps, drop_stamps

revision = "c3"
down_revision = "b2"


def upgrade():
    add_stamps("person")


def downgrade():
    drop_stamps("person")
