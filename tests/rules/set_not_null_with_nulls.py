"""SET NOT NULL on columns with and without nulls, mended and not mended on the way, and of columns that are new."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, email text, name text, city text, born date, code int, "order" text);
INSERT INTO persons SELECT n, NULLIF('e' || n, 'e2'), 'n', NULL, NULL, NULLIF(n, 3) FROM generate_series(1, 3) AS n;
CREATE TABLE loose (a int, b int);
INSERT INTO loose VALUES (1, NULL), (2, 2);
CREATE TABLE nobody (id int PRIMARY KEY, name text);
"""


def upgrade():
    op.alter_column("persons", "email", nullable=False)  # finds: set-not-null-with-nulls=blocker, set-not-null-scans
    op.execute("ALTER TABLE persons ALTER code SET NOT NULL")  # finds: set-not-null-with-nulls=blocker, set-not-null-scans
    op.create_primary_key("pk_loose", "loose", ["a", "b"])  # finds: set-not-null-with-nulls=blocker, changes-primary-key, unique-builds-index

    op.alter_column("persons", "name", nullable=False)  # finds: set-not-null-scans
    op.alter_column("nobody", "name", nullable=False)

    op.execute("UPDATE persons SET city = '' WHERE city IS NULL")  # finds: writes-data
    op.alter_column("persons", "city", nullable=False)  # finds: set-not-null-scans
    op.execute("UPDATE persons SET born = '1970-01-01' WHERE code = 7")
    op.alter_column("persons", "born", nullable=False)  # finds: set-not-null-with-nulls=warning, set-not-null-scans

    op.add_column("persons", sa.Column("nickname", sa.Text))
    op.alter_column("persons", "nickname", nullable=False)  # finds: set-not-null-with-nulls=blocker, set-not-null-scans
    op.add_column("persons", sa.Column("rank", sa.Integer, server_default="1"))
    op.alter_column("persons", "rank", nullable=False)  # finds: set-not-null-scans
    op.add_column("persons", sa.Column("size", sa.Integer))
    op.execute("UPDATE persons SET size = 1")  # finds: update-all-rows
    op.alter_column("persons", "size", nullable=False)  # finds: set-not-null-scans

    op.rename_table("persons", "people")  # finds: rename-table
    op.alter_column("people", "order", new_column_name="rank_order")  # finds: rename-column
    op.alter_column("people", "rank_order", nullable=False)  # finds: set-not-null-with-nulls=blocker, set-not-null-scans


def downgrade():
    pass


# finds somewhere: irreversible-downgrade
