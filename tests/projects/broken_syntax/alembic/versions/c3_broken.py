"""not finished"""

revision = "c3"
down_revision = "b2"


def upgrade():
    op.add_column("person", sa.Column(
