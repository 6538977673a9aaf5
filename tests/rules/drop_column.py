"""Columns with values, without values, made on the way, and dropped by raw SQL."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (
    id int PRIMARY KEY, email text, nickname text, phone text, fax text, notes text, city text,
    label text GENERATED ALWAYS AS ('person ' || id) STORED
);
INSERT INTO persons VALUES (1, 'a@b.c', NULL, '1', '2', 'n', 'c');
"""


def upgrade():
    op.drop_column("persons", "email")  # finds: drop-column=danger
    op.drop_column("persons", "nickname")  # finds: drop-column=info
    op.execute("ALTER TABLE ONLY public.persons DROP COLUMN IF EXISTS phone, DROP fax CASCADE")  # finds: drop-column

    op.drop_column("persons", "label")  # finds: drop-column=info

    op.execute("CREATE TABLE persons_notes AS SELECT id, notes FROM persons WHERE notes IS NOT NULL")
    op.drop_column("persons", "notes")  # finds: drop-column=warning
    op.execute("CREATE TABLE persons_city AS SELECT id, city FROM persons WHERE id < 5")
    op.drop_column("persons", "city")  # finds: drop-column=danger

    op.add_column("persons", sa.Column("scratch", sa.Text))
    op.drop_column("persons", "scratch")


def downgrade():
    op.add_column("persons", sa.Column("city", sa.Text))  # finds: lossy-downgrade
    op.drop_table("persons_city")  # finds: lossy-downgrade
    op.add_column("persons", sa.Column("notes", sa.Text))
    op.execute("UPDATE persons SET notes = kept.notes FROM persons_notes kept WHERE kept.id = persons.id")
    op.drop_table("persons_notes")
    label = sa.Computed("'person ' || id", persisted=True)
    op.add_column("persons", sa.Column("label", sa.Text, label))  # finds: rewrites-table
    op.add_column("persons", sa.Column("email", sa.Text))  # finds: lossy-downgrade
    op.add_column("persons", sa.Column("nickname", sa.Text))
    op.add_column("persons", sa.Column("phone", sa.Text))  # finds: lossy-downgrade
    op.add_column("persons", sa.Column("fax", sa.Text))  # finds: lossy-downgrade
