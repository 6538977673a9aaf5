"""A type made anew without a value, one made anew with another value more, and a CHECK that allows less."""

from alembic import op

SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE size AS ENUM ('s', 'm');
CREATE TABLE persons (id bigint PRIMARY KEY, mood mood, size size, state text,
  CONSTRAINT ck_state CHECK (state IN ('new', 'old', 'gone')));
INSERT INTO persons VALUES (1, 'ok', 's', 'new');
"""


def upgrade():
    op.execute("ALTER TYPE mood RENAME TO mood_old")
    op.execute("CREATE TYPE mood AS ENUM ('ok', 'happy')")  # finds: enum-value-removed=danger
    op.execute("ALTER TABLE persons ALTER mood TYPE mood USING mood::text::mood")  # finds: rewrites-table
    op.execute("DROP TYPE mood_old")  # finds: drop-object

    op.execute("CREATE TYPE size_new AS ENUM ('s', 'm', 'l')")
    op.execute("ALTER TABLE persons ALTER size TYPE size_new USING size::text::size_new")  # finds: rewrites-table
    op.execute("DROP TYPE size")  # finds: drop-object
    op.execute("ALTER TYPE size_new RENAME TO size")

    op.drop_constraint("ck_state", "persons")
    op.create_check_constraint("ck_state", "persons", "state IN ('new', 'old')")  # finds: enum-value-removed, check-validates


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
