"""CHECK on a table with rows, with a new column, not validated, on an empty table and on a domain."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, age int);
INSERT INTO persons SELECT n, 1 FROM generate_series(1, 20000) n;
CREATE TABLE nobody (id bigint PRIMARY KEY, age int);
CREATE DOMAIN email AS text;
"""


def upgrade():
    op.create_check_constraint("ck_age", "persons", "age > 0")  # finds: check-validates=danger
    op.execute("ALTER TABLE persons ADD size int CONSTRAINT ck_size CHECK (size > 0)")  # finds: check-validates
    op.execute("ALTER DOMAIN email ADD CONSTRAINT ck_at CHECK (VALUE LIKE '%@%')")  # finds: check-validates=warning

    op.create_check_constraint("ck_old", "persons", "age < 200", postgresql_not_valid=True)
    op.execute("ALTER TABLE persons ADD CONSTRAINT ck_less CHECK (age < 300) NOT VALID")
    op.create_check_constraint("ck_age", "nobody", sa.text("age > 0"))
    op.execute("ALTER DOMAIN email ADD CONSTRAINT ck_dot CHECK (VALUE LIKE '%.%') NOT VALID")


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
