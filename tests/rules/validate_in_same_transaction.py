"""A constraint that is validated where it was added, one that was there before, and one in a transaction of its own."""

from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, age int);
INSERT INTO persons SELECT n, 1 FROM generate_series(1, 20000) n;
ALTER TABLE persons ADD CONSTRAINT ck_before CHECK (age > 0) NOT VALID;
CREATE TABLE nobody (id bigint PRIMARY KEY, age int);
"""


def upgrade():
    op.execute("ALTER TABLE persons VALIDATE CONSTRAINT ck_before")

    op.create_check_constraint("ck_age", "persons", "age < 200", postgresql_not_valid=True)
    op.execute("ALTER TABLE persons VALIDATE CONSTRAINT ck_age")  # finds: validate-in-same-transaction=danger

    op.create_check_constraint("ck_nobody", "nobody", "age < 200", postgresql_not_valid=True)
    op.execute("ALTER TABLE nobody VALIDATE CONSTRAINT ck_nobody")

    op.create_check_constraint("ck_later", "persons", "age < 300", postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE persons VALIDATE CONSTRAINT ck_later")


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
