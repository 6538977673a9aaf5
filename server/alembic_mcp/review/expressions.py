"""Conditions and expressions of a revision, looked at before they are put into a query on the real database."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING

from .builtins import NOT_CALLS, READS

if TYPE_CHECKING:
    from .words import Word

__all__ = ["is_plain", "mentions", "named", "translated"]

_PLACEHOLDER = re.compile(r"%\(|%s|\?|\$\d|(?<![:\w]):[a-z_]", re.IGNORECASE)
_QUERY = frozenset({"SELECT", "FROM", "WITH", "TABLE", "VALUES", "UNION", "JOIN"})
_NEVER = frozenset(
    {
        "INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "CALL", "EXECUTE", "COPY", "SHARE", "SET", "PREPARE", "LOCK",
        "NEXTVAL", "ALTER", "CREATE", "DROP", "GRANT", "TABLESAMPLE",
    }
)  # fmt: skip
_CONSTANTS = frozenset({"true", "false", "null", "current_date", "current_timestamp", "current_user"})
_ACTS = ("pg_", "set_", "get_lock", "release_", "is_used_lock", "txid_", "inet_", "gen_", "crypt", "hmac", "repeat")
"""Beginnings of functions that wait, lock, set something, or cost much, although they change no row."""


@lru_cache(10_000)
def is_plain(expression: str, dialect: str, *, queries: bool = False) -> bool:
    """True if evaluating *expression* only reads: values of a row, operators, and functions known to do no more.

    A placeholder, of which the value is not known, makes it False; so does anything that would end the parenthesis
    it is put into. With *queries* it may hold SELECTs of its own.
    """
    from .words import Naming, Unreadable, split  # sqlglot takes long to import

    try:
        statements = split(expression, Naming(dialect))
    except Unreadable:
        return False
    if "--" in expression or "/*" in expression:
        return False  # what a comment hides from us it may not hide from the database
    if len(statements) != 1 or not _is_balanced(statements[0].words):
        return False
    words = statements[0].words
    keywords = {word.upper for word in words}
    if keywords & _NEVER or (not queries and keywords & _QUERY):
        return False
    signs = "".join("x " if word.literal or word.quoted else f"{word.text} " for word in words)
    spaceless = expression if not any(word.literal for word in words) else signs
    if _PLACEHOLDER.search(spaceless) or ":" in {word.text for word in words}:
        return False
    return all(name in READS and not name.startswith(_ACTS) for name in _called(words))


def _is_balanced(words: list[Word]) -> bool:
    depth = 0
    for word in words:
        depth += {"(": 1, ")": -1}.get(word.upper, 0)
        if depth < 0:
            return False
    return depth == 0


def _called(words: list[Word]) -> set[str]:
    found = set()
    for index, word in enumerate(words[:-1]):
        name = word.text.lower()
        if word.literal or words[index + 1].upper != "(" or not (name[:1].isalpha() or name[:1] == "_"):
            continue
        if word.quoted or name not in NOT_CALLS:
            qualified = index > 1 and words[index - 1].text == "." and words[index - 2].text.lower() != "pg_catalog"
            found.add(f"?.{name}" if qualified else name)
    return found


def mentions(expression: str, column: str, dialect: str) -> bool:
    """True if *expression* names *column*; also if it can't be read."""
    from .words import Naming, Unreadable, split

    naming = Naming(dialect)
    try:
        statements = split(expression, naming)
    except Unreadable:
        return True
    return any(
        not word.literal and naming.part(word.text, quoted=word.quoted) == column
        for words in statements
        for word in words.words
    )


def named(expression: str, dialect: str) -> list[str]:
    """The columns that *expression* names, as far as that shows without knowing the table."""
    from .words import Naming, Unreadable, split

    naming = Naming(dialect)
    try:
        statements = split(expression, naming)
    except Unreadable:
        return []
    found = []
    for words in statements:
        for word, follows in zip_longest(words.words, words.words[1:]):
            sign = follows.text if follows is not None else ""
            plain = word.quoted or (word.text[:1].isalpha() and word.text.lower() not in NOT_CALLS | _CONSTANTS)
            if not word.literal and plain and sign not in ("(", "."):
                found.append(naming.part(word.text, quoted=word.quoted))
    return list(dict.fromkeys(found))


def translated(
    expression: str, dialect: str, table: tuple[str, str], column: Callable[[str], str | None]
) -> str | None:
    """*expression* as it reads in the real database, where *table* (now, there) and its columns had other names.

    Args:
        expression: one that is plain.
        dialect: SQLAlchemy's name.
        table: bare name now, and name in the real database.
        column: the real name of a column of the table, None if it is not there yet.

    Returns:
        None if it needs a column that is not there yet.
    """
    from .words import Naming, split

    naming = Naming(dialect)
    words = split(expression, naming)[0]
    found, at = "", 0
    for index, word in enumerate(words.words):
        name = naming.part(word.text, quoted=word.quoted)
        follows = words.words[index + 1].text if index + 1 < len(words.words) else ""
        if word.literal or not (word.quoted or word.text[0].isalpha() or word.text[0] == "_") or follows == "(":
            continue
        real = table[1] if name == table[0] and follows == "." else column(name)
        if real is None:
            return None
        if real != name:
            found += expression[at : word.start] + ".".join(f'"{part}"' for part in real.split("."))
            at = word.end
    return found + expression[at:]
