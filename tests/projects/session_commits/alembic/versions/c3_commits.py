"""commits on its own"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

revision = "c3"
down_revision = "b2"


def upgrade():
    op.add_column("person", sa.Column("age", sa.Integer()))
    session = Session(bind=op.get_bind())
    session.execute(sa.text("UPDATE person SET age = 0 WHERE age IS NULL AND name = 'nobody'"))
    session.commit()


def downgrade():
    op.drop_column("person", "age")
