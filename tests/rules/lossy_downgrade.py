"""The plain inverse, a downgrade that drops more than it should, and one that puts the values back."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, email text, old text);
INSERT INTO persons VALUES (1, 'a@b.c', 'x');
CREATE TABLE orders (id int PRIMARY KEY);
"""


def upgrade():
    op.create_table("pets", sa.Column("id", sa.BigInteger, primary_key=True))
    op.add_column("persons", sa.Column("name", sa.Text))
    op.alter_column("persons", "old", new_column_name="new")  # finds: rename-column
    op.execute("CREATE TABLE _alembic_mcp_kept_1 AS SELECT id, email FROM persons")
    op.execute("CREATE TABLE _alembic_mcp_kept_2 AS SELECT id, email FROM persons")
    op.execute("CREATE TABLE emails AS SELECT id, email FROM persons")
    op.drop_column("persons", "email")  # finds: drop-column


def downgrade():
    op.add_column("persons", sa.Column("email", sa.Text))
    op.execute("UPDATE persons SET email = emails.email FROM emails WHERE emails.id = persons.id")
    op.execute("UPDATE persons SET email = k.email FROM _alembic_mcp_kept_1 k WHERE k.id = persons.id")
    op.drop_table("_alembic_mcp_kept_1")
    op.drop_table("_alembic_mcp_kept_2")  # finds: lossy-downgrade=info
    op.drop_table("emails")
    op.alter_column("persons", "new", new_column_name="old")
    op.drop_column("persons", "name")
    op.drop_table("pets")
    op.drop_table("orders")  # finds: lossy-downgrade=danger


# finds somewhere: downgrade-does-not-restore
