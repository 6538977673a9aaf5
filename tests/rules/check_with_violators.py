"""CHECK constraints that rows keep or break, some after a clean-up, one that is not to be tried on real rows."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, age int, name text, size int, score int);
INSERT INTO persons VALUES (1, -1, 'a', -5, -5), (2, NULL, 'b', 5, 5);
CREATE FUNCTION acts(int) RETURNS bool LANGUAGE sql AS 'SELECT true';
"""


def upgrade():
    op.create_check_constraint("ck_age", "persons", "age >= 0")  # finds: check-with-violators=blocker, check-validates
    op.create_check_constraint("ck_name", "persons", sa.func.length(sa.column("name")) > 0)  # finds: check-validates
    op.execute("ALTER TABLE persons ADD CONSTRAINT ck_size CHECK (size > 0) NOT VALID")
    op.execute("ALTER TABLE persons VALIDATE CONSTRAINT ck_size")  # finds: check-with-violators=blocker, validate-in-same-transaction
    op.execute("UPDATE persons SET score = 0 WHERE score < 0")  # finds: writes-data
    op.create_check_constraint("ck_score", "persons", "score >= 0")  # finds: check-validates
    op.create_check_constraint("ck_acts", "persons", "acts(age)")  # finds: check-with-violators=warning, check-validates
    op.add_column("persons", sa.Column("rank", sa.Integer))
    op.create_check_constraint("ck_rank", "persons", "rank > 0")  # finds: check-validates


def downgrade():
    pass


# finds somewhere: irreversible-downgrade
