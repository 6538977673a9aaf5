"""Types that code notices, and types that it does not."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id bigint PRIMARY KEY, number int, code int, name varchar(20), at timestamptz);
INSERT INTO persons VALUES (1, 1, 1, 'a', now());
CREATE TABLE nobody (id bigint PRIMARY KEY, code int);
"""


def upgrade():
    op.alter_column("persons", "code", existing_type=sa.Integer, type_=sa.Text, postgresql_using="code::text")  # finds: changes-type-for-readers=warning, rewrites-table
    op.execute("ALTER TABLE persons ALTER at TYPE date")  # finds: changes-type-for-readers, rewrites-table, narrows-type

    op.alter_column("persons", "number", existing_type=sa.Integer, type_=sa.BigInteger)  # finds: rewrites-table
    op.alter_column("persons", "name", existing_type=sa.String(20), type_=sa.Text)
    op.alter_column("nobody", "code", existing_type=sa.Integer, type_=sa.Text)


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
