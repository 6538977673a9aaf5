"""A revision that revises one that is nowhere."""

from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY)"
PROBLEMS = [
    {"kind": "missing-ancestor", "why": "revision b2 revises 'a1', which no file declares", "revision": "b2", "path": "b.py"}
]


def upgrade():
    op.execute("COMMENT ON TABLE persons IS 'people'")


def downgrade():
    op.execute("COMMENT ON TABLE persons IS NULL")


# finds somewhere: missing-ancestor
