"""SQL in colours: pygments does it, and the style sheet knows its class names."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers.sql import PostgresLexer, SqlLexer

__all__ = ["sql"]

_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True, classprefix="sql-")
_LONGEST = 20_000


@lru_cache(maxsize=512)
def sql(text: str, dialect: str) -> Markup:
    """*text* as HTML without any style of its own; what is too long to colour is only escaped."""
    if len(text) > _LONGEST:
        return Markup.escape(text)
    lexer = PostgresLexer(stripnl=True) if dialect == "postgresql" else SqlLexer(stripnl=True)
    return Markup(highlight(text, lexer, _FORMATTER).rstrip("\n"))  # noqa: S704 - pygments escapes what it is given
