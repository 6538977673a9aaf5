"""Commits of a session, of the connection, as SQL and in a helper; and what only looks like one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

SETUP = "CREATE TABLE persons (id int PRIMARY KEY)"


def save(session):
    session.commit()  # finds: commits-by-itself=warning


def unused(session):
    session.commit()


def upgrade():
    session = Session(bind=op.get_bind())
    session.execute(sa.text("SELECT 1"))
    with op.get_context().autocommit_block():
        op.execute("COMMENT ON TABLE persons IS 'people'")
    part = op.get_bind().begin_nested()
    part.commit()
    op.execute("SELECT 'COMMIT'")
    save(session)
    try:
        session.execute(sa.text("SELECT 2"))
    except sa.exc.SQLAlchemyError:
        session.rollback()
        raise


def downgrade():
    op.execute("COMMENT ON TABLE persons IS NULL")
    op.execute("COMMIT")  # finds: commits-by-itself
