"""The Alembic environment of the server's own store: we take our own medicine."""
