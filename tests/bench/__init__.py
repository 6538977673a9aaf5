"""How fast and how large the server is, against the alembic command and an empty MCP server."""
