"""Lists of values as text, as a type, and other conditions."""

import sqlalchemy as sa
from alembic import op

SETUP = "CREATE TABLE persons (id bigint PRIMARY KEY, state text, level int)"


def upgrade():
    op.create_check_constraint("ck_state", "persons", "state IN ('new', 'old')")  # finds: varchar-for-enum=info
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("state", sa.Enum("new", "paid", name="state", native_enum=False, create_constraint=True)),
    )

    op.create_check_constraint("ck_level", "persons", "level IN (1, 2)")
    op.add_column("persons", sa.Column("note", sa.String(20)))
    op.create_table(
        "notes",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("mood", sa.Enum("sad", "ok", name="mood")),
    )


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
