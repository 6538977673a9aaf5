"""Columns with values, without values, made on the way, and dropped by raw SQL."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, email text, nickname text, phone text, fax text);
INSERT INTO persons VALUES (1, 'a@b.c', NULL, '1', '2');
"""


def upgrade():
    op.drop_column("persons", "email")  # finds: drop-column=danger
    op.drop_column("persons", "nickname")  # finds: drop-column=info
    op.execute("ALTER TABLE ONLY public.persons DROP COLUMN IF EXISTS phone, DROP fax CASCADE")  # finds: drop-column

    op.add_column("persons", sa.Column("scratch", sa.Text))
    op.drop_column("persons", "scratch")


def downgrade():
    op.add_column("persons", sa.Column("email", sa.Text))  # finds: lossy-downgrade
    op.add_column("persons", sa.Column("nickname", sa.Text))
    op.add_column("persons", sa.Column("phone", sa.Text))  # finds: lossy-downgrade
    op.add_column("persons", sa.Column("fax", sa.Text))  # finds: lossy-downgrade
