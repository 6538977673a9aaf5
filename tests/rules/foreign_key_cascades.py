"""Foreign keys that spread deletes, on a table with rows, on an empty and a new one, as before, and those that do not."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE teams (id int PRIMARY KEY);
INSERT INTO teams VALUES (1);
CREATE TABLE persons (id int PRIMARY KEY, team int, other int, same int CONSTRAINT as_before REFERENCES teams ON DELETE CASCADE);
INSERT INTO persons VALUES (1, 1, 1, 1);
CREATE TABLE nobody (team int);
"""


def upgrade():
    op.create_foreign_key("fk_team", "persons", "teams", ["team"], ["id"], ondelete="CASCADE", postgresql_not_valid=True)  # finds: foreign-key-cascades=warning, foreign-key-without-index
    op.execute("ALTER TABLE persons ADD CONSTRAINT fk_o FOREIGN KEY (other) REFERENCES teams ON DELETE SET NULL NOT VALID")  # finds: foreign-key-cascades=info
    op.create_foreign_key("fk_nobody", "nobody", "teams", ["team"], ["id"], ondelete="CASCADE")
    op.create_table("pets", sa.Column("team", sa.Integer, sa.ForeignKey("teams.id", ondelete="CASCADE")))

    op.drop_constraint("as_before", "persons", type_="foreignkey")
    op.create_foreign_key("as_before", "persons", "teams", ["same"], ["id"], ondelete="CASCADE", postgresql_not_valid=True)
    op.create_table("toys", sa.Column("team", sa.Integer, sa.ForeignKey("teams.id")))


def downgrade():
    op.drop_table("toys")  # finds: lossy-downgrade
    op.drop_table("pets")
    op.drop_constraint("fk_nobody", "nobody", type_="foreignkey")
    op.drop_constraint("fk_o", "persons", type_="foreignkey")
    op.drop_constraint("fk_team", "persons", type_="foreignkey")


# finds somewhere: downgrade-does-not-restore
