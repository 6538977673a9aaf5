"""A folder in which two files declare one revision."""

from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY)"
PROBLEMS = [
    {"kind": "duplicate-revision", "why": "revision a1 is declared by b.py too", "revision": "a1", "path": "a.py"},
    {"kind": "unreadable", "why": "c.py can't be read", "path": "c.py"},
]


def upgrade():
    op.execute("COMMENT ON TABLE persons IS 'people'")


def downgrade():
    op.execute("COMMENT ON TABLE persons IS NULL")


# finds somewhere: duplicate-revision
