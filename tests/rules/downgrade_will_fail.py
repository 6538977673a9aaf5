"""Downgrades that pass on an empty copy and fail on rows, next to those that do not."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, email text NOT NULL, name text NOT NULL, city text NOT NULL);
INSERT INTO persons VALUES (1, 'a', 'b', 'c');
CREATE TABLE nobody (id int PRIMARY KEY, email text NOT NULL);
"""


def upgrade():
    op.drop_column("persons", "email")  # finds: drop-column
    op.drop_column("nobody", "email")  # finds: drop-column=info
    op.alter_column("persons", "name", nullable=True)  # finds: drop-not-null
    op.alter_column("persons", "city", nullable=True)  # finds: drop-not-null
    op.create_unique_constraint("one_name", "nobody", ["id"])


def downgrade():
    op.execute("UPDATE persons SET city = '' WHERE city IS NULL")
    op.alter_column("persons", "city", nullable=False)  # finds: set-not-null-scans
    op.alter_column("persons", "name", nullable=False)  # finds: downgrade-will-fail=warning, set-not-null-scans
    op.add_column("nobody", sa.Column("email", sa.Text, nullable=False))
    op.add_column("persons", sa.Column("email", sa.Text, nullable=False))  # finds: downgrade-will-fail=danger, lossy-downgrade
    op.drop_constraint(None, "nobody", type_="unique")  # finds: downgrade-will-fail=danger
