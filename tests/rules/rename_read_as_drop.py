"""Columns and tables that look renamed, next to those whose values are moved or whose types do not fit."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, name text, born date);
INSERT INTO persons VALUES (1, 'a', now());
CREATE TABLE pets (id int PRIMARY KEY, nickname text);
INSERT INTO pets VALUES (1, 'a');
CREATE TABLE toys (id int PRIMARY KEY, label text);
INSERT INTO toys VALUES (1, 'a');
CREATE TABLE user_account (id int PRIMARY KEY, email text, phone text);
INSERT INTO user_account VALUES (1, 'a', 'b');
CREATE TABLE orders (id int PRIMARY KEY, number text);
INSERT INTO orders VALUES (1, 'a');
"""


def upgrade():
    op.add_column("persons", sa.Column("full_name", sa.String()))
    op.drop_column("persons", "name")  # finds: drop-column, rename-read-as-drop=danger
    op.drop_column("persons", "born")  # finds: drop-column
    op.drop_column("pets", "nickname")  # finds: drop-column, rename-read-as-drop=warning
    op.add_column("pets", sa.Column("colour", sa.Text))

    op.add_column("toys", sa.Column("label_text", sa.Text))
    op.execute("UPDATE toys SET label_text = label WHERE true")  # finds: update-all-rows
    op.drop_column("toys", "label")  # finds: drop-column

    op.create_table("user_accounts", sa.Column("id", sa.Integer, primary_key=True), sa.Column("email", sa.Text),  # finds: int4-primary-key
                    sa.Column("phone", sa.Text))  # fmt: skip
    op.drop_table("user_account")  # finds: drop-table, rename-read-as-drop=danger
    op.create_table("purchases", sa.Column("id", sa.Integer, primary_key=True), sa.Column("number", sa.Text))
    op.execute("INSERT INTO purchases SELECT id, number FROM orders")
    op.drop_table("orders")  # finds: drop-table


def downgrade():
    raise NotImplementedError  # finds: irreversible-downgrade


# finds somewhere: several-changes-in-one-revision
