"""Log lines on stderr, never with a password in them."""

from __future__ import annotations

import logging

from .errors import redact

__all__ = ["log_to_stderr"]


class _Redacted(logging.Formatter):
    """Formats a record, its traceback included, and takes the passwords out."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def log_to_stderr() -> None:
    """Set up logging for the process. Comes before the MCP SDK sets up its own, which redacts nothing."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacted("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
