"""A revision in scripts that somebody else has branched."""

from alembic import op

SETUP = "CREATE TABLE persons (id int PRIMARY KEY)"
HEADS = ("several_heads", "somebody_elses")


def upgrade():
    op.execute("COMMENT ON TABLE persons IS 'people'")


def downgrade():
    op.execute("COMMENT ON TABLE persons IS NULL")


# finds somewhere: several-heads
