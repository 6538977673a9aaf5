"""Reads SELECT, INSERT, UPDATE, DELETE, MERGE and COPY, with whatever hides inside them."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ..operations import AlterObject, CreateTable, Delete, Harmless, Insert, Operation, Unrecognised, Update
from .builtins import NOT_CALLS, READS, SEQUENCE
from .words import Naming, Unreadable, Words

__all__ = ["read"]

_READABLE = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Values)


def read(words: Words) -> list[Operation]:  # noqa: C901 - one branch for each kind of node
    """Read one statement of data manipulation, as all that it writes; a pure read is one Harmless.

    Raises Unreadable if it can't be parsed completely.
    """
    if _is_plain_insert(words):
        # A seed of 100,000 rows is not worth a parser's time: there is nothing but values in it.
        words.at = 2
        return [Insert(table=words.name(), from_sql=True)]
    naming = words.naming
    statement = _parse(words.rest, naming)
    found: list[Operation] = []
    for node in statement.walk(bfs=False):
        if isinstance(node.parent, exp.When):
            continue  # part of a MERGE, which is read as a whole
        if isinstance(node, (exp.Delete, exp.Update)):
            found.extend(_joined(node, words.text, naming) or [_plain(node, naming)])
        elif isinstance(node, exp.Insert):
            found.append(_insert(node, naming))
        elif isinstance(node, exp.Merge):
            found.extend(_merge(node, naming))
        elif isinstance(node, exp.Into):
            found.append(_into(node, naming))
        elif isinstance(node, exp.Command):
            raise Unreadable("sqlglot does not understand a part of it")
    calls = _calls(words, statement)
    if calls - READS - SEQUENCE:
        found.append(Unrecognised(sql=words.text, from_sql=True))
    elif not found and calls & {"nextval", "setval"}:
        found.append(AlterObject(kind="sequence", action="set", text=words.text, from_sql=True))
    elif "set_config" in calls:
        found.append(AlterObject(kind="setting", action="set", text=words.text, from_sql=True))
    return found or [Harmless(what="read", from_sql=True)]


def _is_plain_insert(words: Words) -> bool:
    """True for INSERT INTO name (columns) VALUES (...), (...) that calls nothing and queries nothing."""
    if not words.take("INSERT", "INTO"):
        return False
    start = words.at - 2
    try:
        words.name()
        if words.sees("("):
            words.group()
        words.expect("VALUES")
        values = Words(words.sql, words.words[words.at :], words.naming)
        plain = all(part.sees("(") and _is_one_group(part) for part in words.parts())
    except Unreadable:
        return False
    finally:
        words.at = start
    keywords = {word.upper for word in values.words}
    return plain and not keywords & {"SELECT", "WITH"} and not _called(values) - READS


def _is_one_group(part: Words) -> bool:
    part.group()
    return part.done


def _parse(text: str, naming: Naming) -> exp.Expr:
    try:
        statements = [statement for statement in sqlglot.parse(text, read=naming.sqlglot) if statement is not None]
    except (SqlglotError, RecursionError, ValueError) as error:
        raise Unreadable(str(error)) from error
    if len(statements) != 1 or not isinstance(statements[0], _READABLE):
        raise Unreadable("not a statement that reads or writes rows")
    return statements[0]


def _table(node: exp.Expr | None, naming: Naming) -> str:
    """The table that a statement writes to. Raises Unreadable if it is not a plain table."""
    while isinstance(node, (exp.Schema, exp.Alias)):
        node = node.this
    if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
        raise Unreadable("it writes to something that is not a table by name")
    parts = [
        naming.part(part.name, quoted=bool(part.args.get("quoted")))
        for part in node.parts
        if isinstance(part, exp.Identifier)
    ]
    return naming.join(parts)


def _where(node: exp.Expr, naming: Naming) -> str | None:
    where, limit = node.args.get("where"), node.args.get("limit")
    text: str | None = None
    if where is not None and not _always(where.this):
        text = where.this.sql(dialect=naming.sqlglot)
    if limit is not None:
        # Some of the rows; and as the comment shows, no condition that could be put to the database.
        text = f"{text or 'true'} /* of these */ {limit.sql(dialect=naming.sqlglot).strip()}"
    return text


def _always(condition: exp.Expr) -> bool:
    """True for TRUE, 1 = 1 and the like: a condition that is none."""
    condition = condition.unnest()
    if isinstance(condition, exp.Boolean):
        return bool(condition.this)
    if isinstance(condition, exp.Literal):
        return condition.name not in ("0", "")
    if isinstance(condition, exp.Or):
        return _always(condition.left) or _always(condition.right)
    if isinstance(condition, exp.And):
        return _always(condition.left) and _always(condition.right)
    return (
        isinstance(condition, exp.EQ) and isinstance(condition.left, exp.Literal) and condition.left == condition.right
    )


def _plain(node: exp.Delete | exp.Update, naming: Naming) -> Delete | Update:
    """One of a single table."""
    table, where = _table(node.this, naming), _where(node, naming)
    if isinstance(node, exp.Delete):
        return Delete(table=table, where=where, from_sql=True)
    columns = tuple(
        assignment.this.name for assignment in node.expressions if isinstance(assignment, exp.EQ)
    )  # fmt: skip
    return Update(table=table, columns=columns, where=where, from_sql=True)


def _joined(node: exp.Delete | exp.Update, text: str, naming: Naming) -> list[Operation]:
    """MySQL's UPDATE or DELETE of several tables, whose targets may be aliases; nothing for one of a single table.

    Without a condition it is not known which rows the join meets.
    """
    source, targets = node.this, node.args.get("tables") if isinstance(node, exp.Delete) else None
    if isinstance(node, exp.Delete) and naming.sqlglot == "mysql" and node.args.get("using"):
        source, targets = None, [node.this]
    joins = isinstance(source, exp.Table) and bool(source.args.get("joins"))
    if not joins and not targets:
        return []
    tables = [one for one in node.find_all(exp.Table) if not any(one is target for target in targets or ())]
    named = {(one.alias or one.name).lower(): _table(one, naming) for one in tables}
    if targets is None:
        return [Unrecognised(sql=text, writes=tuple(sorted(set(named.values()))), from_sql=True)]
    if not all(isinstance(target, exp.Expr) for target in targets):
        raise Unreadable("DELETE from something that is not a table")
    found = [named.get(target.name.lower()) or _table(target, naming) for target in targets]
    where = _where(node, naming)
    if where is None:
        return [Unrecognised(sql=text, writes=tuple(found), from_sql=True)]
    return [Delete(table=table, where=where, from_sql=True) for table in found]


def _insert(node: exp.Insert, naming: Naming) -> Insert:
    conflict = node.args.get("conflict")
    replaces = bool(
        (conflict is not None and conflict.expressions)
        or node.args.get("overwrite")
        or str(node.args.get("alternative") or "").upper() == "REPLACE"
    )
    return Insert(table=_table(node.this, naming), replaces=replaces, from_sql=True)


def _merge(node: exp.Merge, naming: Naming) -> list[Operation]:
    table = _table(node.this, naming)
    where: str = node.args["on"].sql(dialect=naming.sqlglot)
    found: list[Operation] = []
    for when in node.args["whens"].expressions:
        then = when.args.get("then")
        if isinstance(then, exp.Insert):
            found.append(Insert(table=table, from_sql=True))
        elif isinstance(then, exp.Update):
            names = tuple(assignment.this.name for assignment in then.expressions if isinstance(assignment, exp.EQ))
            found.append(Update(table=table, columns=names, where=where, from_sql=True))
        elif isinstance(then, exp.Var) and then.name.upper() == "DELETE":
            found.append(Delete(table=table, where=where, from_sql=True))
        elif not (isinstance(then, exp.Var) and then.name.upper() == "DO NOTHING"):
            raise Unreadable("MERGE with an action that is not known")
    return found


def _into(node: exp.Into, naming: Naming) -> Operation:
    if node.args.get("bulk_collect") or not isinstance(node.this, exp.Table):
        raise Unreadable("SELECT INTO something that is not a table")
    return CreateTable(table=_table(node.this, naming), from_sql=True)


def _calls(words: Words, statement: exp.Expr) -> set[str]:
    """Names that are called, in lower case, with the schema unless it is pg_catalog.

    They are taken from the words: a class of sqlglot's may stand for a function that some other database has, and
    that somebody defined here.
    """
    known = {alias.name.lower() for alias in statement.find_all(exp.TableAlias)}
    known |= {table.name.lower() for table in statement.find_all(exp.Table) if isinstance(table.this, exp.Identifier)}
    return {name for name in _called(words) if name.rpartition(".")[2] not in known}


def _called(words: Words) -> set[str]:
    """Whatever stands before a parenthesis and is no word of SQL."""
    found = set()
    for index, word in enumerate(words.words[:-1]):
        name = word.text.lower()
        if word.literal or words.words[index + 1].upper != "(" or not (name[:1].isalpha() or name[:1] == "_"):
            continue
        if not word.quoted and name in NOT_CALLS:
            continue
        if index > 1 and words.words[index - 1].upper == ".":
            schema = words.words[index - 2].text.lower()
            name = name if schema == "pg_catalog" else f"{schema}.{name}"
        found.add(name if not name.startswith("st_") else "now")  # PostGIS
    return found
