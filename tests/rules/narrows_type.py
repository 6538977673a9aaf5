"""Types that hold less than before, as much, and more; and a table without rows."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE persons (id int PRIMARY KEY, name varchar(100), bio text, score bigint, price numeric(10, 4), at timestamptz,
  feeling text, nick varchar(20), small smallint, cost numeric(10, 4), part float);
INSERT INTO persons VALUES (1, 'a', 'b', 1, 1.2345, '2024-02-03 04:05Z', 'sad', 'n', 1, 1.5, 2.5);
CREATE TABLE nobody (name varchar(100));
"""


def upgrade():
    op.alter_column("persons", "name", type_=sa.String(50), existing_type=sa.String(100))  # finds: narrows-type=info, rewrites-table
    op.alter_column("persons", "bio", type_=sa.String(200))  # finds: narrows-type, rewrites-table
    op.alter_column("persons", "score", type_=sa.Integer)  # finds: narrows-type, rewrites-table
    op.alter_column("persons", "price", type_=sa.Numeric(10, 2))  # finds: narrows-type=danger, rewrites-table
    op.alter_column("persons", "cost", type_=sa.Numeric(10, 2))  # finds: narrows-type=info, rewrites-table
    op.alter_column("persons", "part", type_=sa.Integer)  # finds: changes-type-for-readers, narrows-type=danger, rewrites-table
    op.execute("ALTER TABLE persons ALTER at TYPE date")  # finds: narrows-type=danger, changes-type-for-readers, rewrites-table
    op.execute("ALTER TABLE persons ALTER COLUMN nick TYPE varchar(1) USING nick::varchar(1)")  # finds: narrows-type=info, rewrites-table
    op.execute("ALTER TABLE persons ALTER COLUMN feeling TYPE mood USING feeling::mood")  # finds: narrows-type, changes-type-for-readers, rewrites-table

    op.alter_column("persons", "small", type_=sa.Integer)  # finds: rewrites-table
    op.alter_column("nobody", "name", type_=sa.String(10))


def downgrade():
    op.alter_column("persons", "small", type_=sa.SmallInteger)  # finds: narrows-type=info, rewrites-table


# finds somewhere: downgrade-does-not-restore
