"""Changes of five tables that have nothing to do with each other."""

import sqlalchemy as sa
from alembic import op

SETUP = "".join(f"CREATE TABLE t{n} (id bigint PRIMARY KEY, v int); INSERT INTO t{n} VALUES (1, 1);" for n in range(9))


def upgrade():
    op.add_column("t0", sa.Column("age", sa.Integer))
    op.add_column("t1", sa.Column("name", sa.Text))
    op.add_column("t2", sa.Column("size", sa.Integer))
    op.alter_column("t3", "v", server_default="1")
    for number in range(4, 9):
        op.add_column(f"t{number}", sa.Column("tenant", sa.Text))


# finds somewhere: several-changes-in-one-revision=info


def downgrade():
    raise NotImplementedError("restore a backup")  # finds: irreversible-downgrade
