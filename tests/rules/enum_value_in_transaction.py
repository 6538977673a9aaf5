"""A new value that is committed before it is used, one of a new type, one that is not used, and one used at once."""

from alembic import op

SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE persons (id bigint PRIMARY KEY, mood mood);
INSERT INTO persons VALUES (1, 'ok');
"""


def upgrade():
    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE mood ADD VALUE 'glad'")
    op.alter_column("persons", "mood", server_default="glad")
    op.execute("CREATE TYPE size AS ENUM ('s')")
    op.execute("ALTER TYPE size ADD VALUE 'm'")
    op.execute("SELECT 'm'::size")

    op.execute("ALTER TYPE mood ADD VALUE 'happy' AFTER 'ok'")
    op.alter_column("persons", "mood", server_default="happy")  # finds: enum-value-in-transaction=blocker


def downgrade():
    pass
