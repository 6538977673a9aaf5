"""What MySQL and MariaDB commit by themselves: a revision that fails there stays half applied."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Sequence

__all__ = ["commits", "kept"]

DIALECTS = ("mysql", "mariadb")
# Comments go first, but for /*! ... */, which MySQL executes: what stands in it decides.
_COMMENTS = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*(?!!|M!).*?\*/|/\*M?!\d*)+", re.DOTALL)
_COMMITS = re.compile(
    r"(?:ALTER|ANALYZE|CACHE|CHECK|CREATE|DROP|FLUSH|GRANT|INSTALL|LOAD\s+INDEX|LOCK|OPTIMIZE|RENAME|REPAIR|RESET"
    r"|REVOKE|TRUNCATE|UNINSTALL|UNLOCK|BEGIN|START\s+TRANSACTION|COMMIT)\b(?!\s+TEMPORARY\b)",
    re.IGNORECASE,
)
_READS = re.compile(r"(?:SELECT|SHOW|DESCRIBE|DESC|EXPLAIN|SET|USE|WITH)\b", re.IGNORECASE)


def commits(dialect: str, sql: str) -> bool:
    """Whether a statement commits, before and after itself, whatever transaction it stands in."""
    return dialect in DIALECTS and _COMMITS.match(_start(sql)) is not None


def kept(dialect: str, statements: Sequence[Dict[str, Any]]) -> List[str]:
    """What stays of *statements* when the last one failed, or the code after it: those that change something, as SQL.

    Empty where all is undone. ``error`` of a statement says that it is the one which failed.
    """
    last = max((at for at, each in enumerate(statements) if commits(dialect, each["sql"])), default=-1)
    done = [each for each in statements[: last + 1] if not each.get("error")]
    return [each["sql"] for each in done if not _READS.match(_start(each["sql"]))]


def _start(sql: str) -> str:
    found = _COMMENTS.match(sql)
    return sql[found.end() :] if found else sql
