"""Finds the SQL statements in the body of a PL/pgSQL block."""

from __future__ import annotations

from .words import Naming, Unreadable, Words, split

__all__ = ["statements"]

_CONTROL = frozenset({"BEGIN", "THEN", "ELSE", "LOOP", "DECLARE"})
_QUIET = frozenset({"RAISE", "NULL", "RETURN", "EXIT", "CONTINUE", "END", "ASSERT", "GET", "CLOSE"})
_STARTS = frozenset(
    {
        "ALTER", "ANALYZE", "CALL", "CLUSTER", "COMMENT", "COPY", "CREATE", "DELETE", "DO", "DROP", "EXECUTE", "GRANT",
        "IMPORT", "INSERT", "LOCK", "MERGE", "NOTIFY", "PERFORM", "REASSIGN", "REFRESH", "REINDEX", "REVOKE",
        "SECURITY", "SELECT", "SET", "TRUNCATE", "UPDATE", "VALUES", "WITH",
    }
)  # fmt: skip


_BEFORE_EXPRESSION = frozenset({":=", ":", "=", ",", "DEFAULT", "RETURN", "ASSERT", "WHEN"})


def statements(body: str, naming: Naming) -> list[Words]:
    """Cut *body* into its SQL statements; conditions and queries of loops are given as SELECT.

    Raises Unreadable for whatever has to be run to be known: EXECUTE, CALL, and any statement of PL/pgSQL that is
    not one of the few handled here.
    """
    found: list[Words] = []
    declaring = False
    for words in split(body, naming):
        while not words.done:
            if words.take("DECLARE"):
                declaring = True
            elif words.take("BEGIN"):
                declaring = False
            elif declaring:
                found.extend(_calls(words))
                words.at = len(words.words)
            else:
                _one(words, found)
    return found


def _one(words: Words, found: list[Words]) -> None:  # noqa: C901, PLR0912 - one branch for each kind of statement
    """Read one piece up to the next THEN, LOOP or the end of the statement."""
    if words.take_any("IF", "ELSIF", "ELSEIF", "WHILE", "WHEN"):
        found.extend(_condition(words.until("THEN", "LOOP")))
    elif words.take("EXCEPTION"):
        while words.take("WHEN"):
            words.until("THEN")
    elif words.take("FOR"):
        words.until("IN")
        words.expect("IN")
        words.take("REVERSE")
        if words.sees_any("EXECUTE"):
            raise Unreadable("a loop over SQL that is built at run time")
        query = words.until("LOOP")
        found.append(query) if query.sees_any("SELECT", "WITH", "(") else found.extend(_calls(query))
    elif words.take_any(*_CONTROL):
        pass
    elif words.sees_any(*_QUIET):
        found.extend(_calls(words))
        words.until("THEN") if words.sees("END", "CASE") else words.until()
    elif words.take("PERFORM"):
        found.append(_select(words.until()))
    elif words.sees("EXECUTE") and _is_constant(words):
        words.next()
        found.extend(split(words.next().text, words.naming))
    elif words.sees_any("EXECUTE", "CALL", "CASE", "FOREACH", "OPEN", "FETCH", "MOVE"):
        raise Unreadable(f"{words.rest[:40]!r} has to be run to be known")
    elif words.sees_any(*_STARTS):
        found.append(_without_into(words))
    elif words.has(":=") or words.has(":", "=") or words.has("="):
        found.extend(_calls(words))
        words.until()
    else:
        raise Unreadable(f"not a statement of PL/pgSQL that is known: {words.rest[:40]!r}")


def _is_constant(words: Words) -> bool:
    """True for EXECUTE with nothing but a text in quotes."""
    rest = words.words[words.at + 1 :]
    return len(rest) == 1 and rest[0].literal


def _condition(words: Words) -> list[Words]:
    return [_select(words)] if words.words else []


def _select(words: Words) -> Words:
    """The expression as a query."""
    text = f"SELECT {words.text}"
    return split(text, words.naming)[0]


def _calls(words: Words) -> list[Words]:
    """What an assignment or a RAISE evaluates, where it calls or queries anything."""
    if not words.has("("):
        return []
    for index, word in enumerate(words.words):
        if word.upper in _BEFORE_EXPRESSION:
            rest = Words(words.sql, words.words[index + 1 :], words.naming)
            while rest.sees("="):
                rest = Words(words.sql, rest.words[1:], words.naming)
            return [_select(rest)] if rest.words else []
    return []


def _without_into(words: Words) -> Words:
    """The statement without ``INTO variable``, which in PL/pgSQL assigns instead of creating a table."""
    statement = words.until()
    uppers = [word.upper for word in statement.words]
    if uppers[0] in ("SELECT", "WITH") and "INTO" in uppers and "INSERT" not in uppers:
        at = uppers.index("INTO")
        end = at + (3 if uppers[at + 1 : at + 2] == ["STRICT"] else 2)
        while uppers[end : end + 1] in ([","], ["."]):
            end += 2
        text = f"{statement.sql[statement.words[0].start : statement.words[at].start]} "
        text += statement.sql[statement.words[end].start : statement.words[-1].end] if end < len(uppers) else ""
        return split(text, statement.naming)[0]
    return statement
