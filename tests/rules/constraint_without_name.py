"""Constraints with and without a name."""

import sqlalchemy as sa
from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY, boss int, email text, age int);"


def upgrade():
    op.create_unique_constraint(None, "persons", ["email"])  # finds: constraint-without-name=warning
    op.create_foreign_key(None, "persons", "persons", ["boss"], ["id"])  # finds: constraint-without-name, foreign-key-without-index
    op.create_check_constraint(None, "persons", "age > 0")  # finds: constraint-without-name
    op.create_unique_constraint("uq_persons_age", "persons", ["age"])
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("name", sa.Text))
    op.create_unique_constraint(None, "pets", ["name"])


def downgrade():
    op.drop_table("pets")  # finds: lossy-downgrade


# finds somewhere: downgrade-does-not-restore
