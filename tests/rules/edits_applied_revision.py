"""A history in which one applied file has changed, one has not, and one is gone."""

from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY)"
APPLIED = {"a1": "1111", "b2": "2222", "c3": "3333"}
FILES = {"a1": "9999", "b2": "2222", "edits_applied_revision": "4444"}


def upgrade():
    op.execute("COMMENT ON TABLE persons IS 'people'")


def downgrade():
    op.execute("COMMENT ON TABLE persons IS NULL")


# finds somewhere: edits-applied-revision
