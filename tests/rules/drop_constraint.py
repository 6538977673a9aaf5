"""Constraints that go, that are replaced, that go with their column or table, and the inverse of adding one."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE teams (id int PRIMARY KEY);
INSERT INTO teams VALUES (1);
CREATE TABLE persons (id int PRIMARY KEY, email text CONSTRAINT one_email UNIQUE, team int CONSTRAINT fk_team REFERENCES teams,
  age int CONSTRAINT grown_up CHECK (age > 17), old int CONSTRAINT old_one UNIQUE, state text CONSTRAINT states CHECK (state <> ''));
CREATE UNIQUE INDEX ix_persons_age ON persons (age, team);
INSERT INTO persons VALUES (1, 'a', 1, 18, 1, 'x');
CREATE TABLE nobody (id int CONSTRAINT lonely UNIQUE);
"""


def upgrade():
    op.drop_constraint("one_email", "persons", type_="unique")  # finds: drop-constraint=warning
    op.execute("ALTER TABLE persons DROP CONSTRAINT fk_team")  # finds: drop-constraint
    op.drop_constraint("grown_up", "persons")  # finds: drop-constraint
    with op.get_context().autocommit_block():
        op.drop_index("ix_persons_age", postgresql_concurrently=True)  # finds: drop-constraint

    op.drop_constraint("states", "persons", type_="check")
    op.create_check_constraint("states", "persons", "state IN ('x', 'y')", postgresql_not_valid=True)
    op.drop_constraint("old_one", "persons", type_="unique")
    op.drop_column("persons", "old")  # finds: drop-column
    op.drop_constraint("lonely", "nobody", type_="unique")
    op.create_foreign_key("fk_again", "persons", "teams", ["age"], ["id"], postgresql_not_valid=True)  # finds: foreign-key-without-index


def downgrade():
    op.drop_constraint("fk_again", "persons", type_="foreignkey")


# finds somewhere: downgrade-does-not-restore
