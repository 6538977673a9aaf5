"""A type made anew without a value, others whose rows get another one, one with a value more, and a CHECK."""

from alembic import op

SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE size AS ENUM ('s', 'm');
CREATE TYPE tone AS ENUM ('low', 'high', 'shrill');
CREATE TYPE pace AS ENUM ('slow', 'fast', 'still');
CREATE TABLE persons (id bigint PRIMARY KEY, mood mood, size size, state text, tone tone, pace pace,
  CONSTRAINT ck_state CHECK (state IN ('new', 'old', 'gone')));
INSERT INTO persons VALUES (1, 'ok', 's', 'new', 'shrill', 'slow');
"""


def upgrade():
    op.execute("ALTER TYPE mood RENAME TO mood_old")
    op.execute("CREATE TYPE mood AS ENUM ('ok', 'happy')")  # finds: enum-value-removed=danger
    op.execute("ALTER TABLE persons ALTER mood TYPE mood USING mood::text::mood")  # finds: rewrites-table
    op.execute("DROP TYPE mood_old")  # finds: drop-object

    op.execute("ALTER TYPE tone RENAME TO tone_old")
    op.execute("CREATE TYPE tone AS ENUM ('low', 'high')")
    op.execute("ALTER TABLE persons ALTER tone TYPE tone USING replace(tone::text, 'shrill', 'high')::tone")  # finds: enum-value-removed=danger, rewrites-table
    op.execute("DROP TYPE tone_old")  # finds: drop-object

    op.execute("ALTER TYPE pace RENAME TO pace_old")
    op.execute("CREATE TYPE pace AS ENUM ('slow', 'fast')")
    op.execute("ALTER TABLE persons ALTER pace TYPE pace USING replace(pace::text, 'still', 'slow')::pace")  # finds: enum-value-removed=warning, rewrites-table
    op.execute("DROP TYPE pace_old")  # finds: drop-object

    op.execute("CREATE TYPE size_new AS ENUM ('s', 'm', 'l')")
    op.execute("ALTER TABLE persons ALTER size TYPE size_new USING size::text::size_new")  # finds: rewrites-table
    op.execute("DROP TYPE size")  # finds: drop-object
    op.execute("ALTER TYPE size_new RENAME TO size")

    op.drop_constraint("ck_state", "persons")
    op.create_check_constraint("ck_state", "persons", "state IN ('new', 'old')")  # finds: enum-value-removed, check-validates


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
