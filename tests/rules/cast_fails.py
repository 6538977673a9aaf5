"""Changes of type whose values all cast, and others."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

SETUP = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE persons (id int PRIMARY KEY, code text, zip text, big bigint, small bigint, name varchar(20), feel text,
    felt text, price numeric, kind text, other text, wide int);
INSERT INTO persons VALUES (1, 'x', '8000', 3000000000, 7, 'abcdefghij', 'ok', 'bad', 12345.6, 'one', 'one', 1);
CREATE TABLE nobody (id int PRIMARY KEY, code text);
"""


def upgrade():
    integer = sa.Integer()
    op.alter_column("persons", "code", type_=integer, postgresql_using="code::integer")  # finds: cast-fails=blocker, changes-type-for-readers, rewrites-table
    op.alter_column("persons", "zip", type_=integer, postgresql_using="zip::integer")  # finds: changes-type-for-readers, rewrites-table
    op.alter_column("persons", "big", type_=integer)  # finds: cast-fails=blocker, rewrites-table
    op.alter_column("persons", "small", type_=integer)  # finds: narrows-type, rewrites-table
    op.alter_column("persons", "wide", type_=sa.BigInteger())  # finds: rewrites-table
    op.alter_column("persons", "name", type_=sa.String(5))  # finds: cast-fails=blocker, rewrites-table
    op.alter_column("persons", "price", type_=sa.Numeric(4, 1))  # finds: cast-fails=blocker, rewrites-table
    mood = postgresql.ENUM("good", "bad", name="mood", create_type=False)
    op.alter_column("persons", "feel", type_=mood, postgresql_using="feel::mood")  # finds: cast-fails=blocker, changes-type-for-readers, rewrites-table
    op.alter_column("persons", "felt", type_=mood, postgresql_using="felt::mood")  # finds: changes-type-for-readers, narrows-type, rewrites-table
    op.alter_column("nobody", "code", type_=integer, postgresql_using="code::integer")

    op.execute("CREATE TYPE kind AS ENUM ('two')")
    op.execute("ALTER TABLE persons ALTER kind TYPE kind USING kind::kind")  # finds: cast-fails=blocker, changes-type-for-readers, rewrites-table
    op.execute("UPDATE persons SET other = 'two' WHERE other = 'one'")  # finds: writes-data
    op.execute("ALTER TABLE persons ALTER other TYPE kind USING other::kind")  # finds: changes-type-for-readers, rewrites-table


def downgrade():
    pass


# finds somewhere: irreversible-downgrade
