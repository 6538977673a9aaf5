"""The migration engineer a coding agent calls: an MCP server over Alembic."""

__version__ = "0.1.0"
