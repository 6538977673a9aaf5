"""Spells names and expressions as SQL that a revision can hold: SQLAlchemy spells them as a driver wants them."""

from __future__ import annotations

import re
from typing import Any, Mapping, Match, Set

__all__ = ["mentioned", "plain", "quoted", "renamed", "written_plain"]

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+""")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def quoted(dialect: Any, name: Any) -> str:
    """A name as SQL spells it: in quotes if it has to be."""
    return plain(dialect, str(dialect.identifier_preparer.quote(str(name))))


def renamed(text: str, names: Mapping[str, str]) -> str:
    """SQL with other names for columns or tables; what stands in quotes as a value stays."""

    def new(found: Match[str]) -> str:
        name = found[0][1:-1].replace('""', '"') if found[0].startswith('"') else found[0]
        if found[0].startswith("'") or name not in names:
            return found[0]
        to = names[name]
        return to if _PLAIN.fullmatch(to) and not found[0].startswith('"') else '"' + to.replace('"', '""') + '"'

    return _TOKEN.sub(new, text) if names else text


def mentioned(text: str) -> Set[str]:
    """The names, and whatever else is a word, in SQL; what stands in quotes as a value is none."""
    tokens = _TOKEN.findall(text)
    return {token[1:-1].replace('""', '"') if token.startswith('"') else token for token in tokens if token[0] != "'"}


def plain(dialect: Any, text: str) -> str:
    """What SQLAlchemy compiled, with the percent signs that it doubled for the driver single again.

    ``op.execute`` and ``sa.text`` double them once more.
    """
    return text.replace("%%", "%") if getattr(dialect.identifier_preparer, "_double_percents", False) else text


def written_plain(context: Any) -> None:
    """Let what Alembic writes into revisions from here on have single percent signs.

    Args:
        context: the MigrationContext; autogenerate has done its work with it.
    """
    spelt = context.impl.render_ddl_sql_expr

    def render_ddl_sql_expr(expression: Any, **options: Any) -> str:
        return plain(context.dialect, str(spelt(expression, **options)))

    context.impl.render_ddl_sql_expr = render_ddl_sql_expr
