"""Foreign keys of rows that refer to what is there, to nothing, or to a table that is made on the way."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE cities (id int PRIMARY KEY, code text UNIQUE);
INSERT INTO cities VALUES (1, 'a');
CREATE TABLE persons (id int PRIMARY KEY, city int, home int, boss int, code text, work int, team int, club int);
INSERT INTO persons VALUES (1, 1, 1, 1, 'a', 5, 4, 4), (2, 9, NULL, 7, 'b', NULL, NULL, NULL);
"""


def upgrade():
    op.create_foreign_key("fk_city", "persons", "cities", ["city"], ["id"])  # finds: foreign-key-with-orphans=blocker, foreign-key-validates, foreign-key-without-index
    op.create_foreign_key("fk_home", "persons", "cities", ["home"], ["id"])  # finds: foreign-key-validates
    op.create_foreign_key("fk_boss", "persons", "persons", ["boss"], ["id"])  # finds: foreign-key-with-orphans=blocker, foreign-key-validates
    op.create_foreign_key("fk_code", "persons", "cities", ["code"], ["code"])  # finds: foreign-key-with-orphans=blocker, foreign-key-validates

    op.execute("ALTER TABLE persons ADD CONSTRAINT fk_work FOREIGN KEY (work) REFERENCES cities NOT VALID")
    op.execute("ALTER TABLE persons VALIDATE CONSTRAINT fk_work")  # finds: foreign-key-with-orphans=blocker, validate-in-same-transaction

    op.create_table("teams", sa.Column("id", sa.Integer, primary_key=True))  # finds: int4-primary-key
    op.create_foreign_key("fk_team", "persons", "teams", ["team"], ["id"])  # finds: foreign-key-with-orphans=blocker, foreign-key-validates
    op.create_table("clubs", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO clubs SELECT DISTINCT club FROM persons WHERE club IS NOT NULL")
    op.create_foreign_key("fk_club", "persons", "clubs", ["club"], ["id"])  # finds: foreign-key-validates
    op.add_column("persons", sa.Column("school", sa.Integer, sa.ForeignKey("cities.id")))


def downgrade():
    pass


# finds somewhere: irreversible-downgrade
