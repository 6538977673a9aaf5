"""A column of a table with rows, one that was nullable already, and the inverse of the upgrade."""

from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, name text NOT NULL, email text, phone text, fax text NOT NULL);
INSERT INTO persons VALUES (1, 'a', 'b', 'c', 'd');
CREATE TABLE nobody (id bigint PRIMARY KEY, name text NOT NULL);
"""


def upgrade():
    op.alter_column("persons", "name", nullable=True)  # finds: drop-not-null=warning

    op.alter_column("persons", "phone", nullable=False)  # finds: set-not-null-scans
    op.alter_column("persons", "email", nullable=True)
    op.alter_column("nobody", "name", nullable=True)


def downgrade():
    op.alter_column("nobody", "name", nullable=False)
    op.alter_column("persons", "phone", nullable=True)
    op.alter_column("persons", "name", nullable=False)  # finds: set-not-null-scans, downgrade-will-fail
