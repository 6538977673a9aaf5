"""A value of a type that is there, and one of a type made on the way."""

from alembic import op

SETUP = "CREATE TYPE mood AS ENUM ('sad', 'ok')"


def upgrade():
    op.execute("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'")  # finds: enum-value-renamed=danger

    op.execute("CREATE TYPE size AS ENUM ('s', 'm')")
    op.execute("ALTER TYPE size RENAME VALUE 's' TO 'xs'")


def downgrade():
    op.execute("DROP TYPE size")
    op.execute("ALTER TYPE mood RENAME VALUE 'blue' TO 'sad'")
