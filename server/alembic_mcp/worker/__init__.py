"""The worker: runs under the project's interpreter with its Alembic, and imports nothing of the server."""
