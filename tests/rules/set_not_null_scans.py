"""SET NOT NULL with rows, without, on a new table, where it is set already, and where a CHECK has proven it."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, name text, email text, phone text, fax text NOT NULL, city text,
  CONSTRAINT ck_city CHECK (city IS NOT NULL));
INSERT INTO persons SELECT n, 'a', 'b', 'c', 'd', 'e' FROM generate_series(1, 20000) n;
CREATE TABLE notes (id bigint PRIMARY KEY, text text);
INSERT INTO notes VALUES (1, 'a');
CREATE TABLE nobody (id bigint PRIMARY KEY, name text);
"""


def upgrade():
    op.alter_column("persons", "name", nullable=False)  # finds: set-not-null-scans=danger
    op.execute("ALTER TABLE public.persons ALTER email SET NOT NULL")  # finds: set-not-null-scans
    op.alter_column("notes", "text", nullable=False)  # finds: set-not-null-scans=warning

    op.alter_column("persons", "city", nullable=False)
    op.execute("ALTER TABLE persons ADD CONSTRAINT ck CHECK (phone IS NOT NULL) NOT VALID")
    together = "ALTER TABLE persons VALIDATE CONSTRAINT ck; ALTER TABLE persons ALTER phone SET NOT NULL"
    op.execute(together)  # finds: validate-in-same-transaction, lock-held-long
    op.alter_column("persons", "fax", existing_type=sa.Text, nullable=False)
    op.alter_column("nobody", "name", nullable=False)
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("name", sa.Text))
    op.alter_column("pets", "name", nullable=False)


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
