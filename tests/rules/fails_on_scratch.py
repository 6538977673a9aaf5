"""An upgrade that the database refuses."""

from alembic import op


def upgrade():
    op.drop_index("ix_that_is_not_there")  # finds: fails-on-scratch=blocker, index-without-concurrently


def downgrade():
    pass
