"""Reads column and constraint definitions, as CREATE TABLE and ALTER TABLE ... ADD have them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..operations import AddConstraint, Column, ConstraintKind
from .words import Unreadable, Words

__all__ = ["Definition", "column", "constraint", "starts_constraint"]

_AFTER_TYPE = (
    "NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "REFERENCES", "CHECK", "GENERATED", "AS", "CONSTRAINT", "COLLATE",
    "COMMENT", "AFTER", "FIRST", "AUTO_INCREMENT", "AUTOINCREMENT", "STORAGE", "COMPRESSION", "DEFERRABLE",
    "INITIALLY", "ON", "KEY", "STORED", "VIRTUAL", "INVISIBLE", "VISIBLE", "NO",
)  # fmt: skip
_SERIAL = frozenset({"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"})


@dataclass(frozen=True)
class Definition:
    """A column, and the constraints that its definition brings along."""

    column: Column
    constraints: tuple[AddConstraint, ...] = ()


def column(words: Words, table: str) -> Definition:
    """Read the definition of a column of *table*. Raises Unreadable."""
    name = words.identifier()
    kind = words.until(*_AFTER_TYPE).text
    found = Column(name=name, type=kind)
    if kind.lower() in _SERIAL:
        found = replace(found, nullable=False, server_default=f"nextval('{table}_{name}_seq')")
    constraints: list[AddConstraint] = []
    label: str | None = None
    while not words.done:
        if words.take("CONSTRAINT"):
            label = words.identifier()
            continue
        if words.sees_any("PRIMARY", "UNIQUE", "REFERENCES", "CHECK"):
            added = _inline(words, table, name, label)
            constraints.append(added)
            if added.kind is ConstraintKind.PRIMARY_KEY:
                found = replace(found, primary_key=True, nullable=False)
        else:
            found = _property(words, found)
        label = None
    return Definition(found, tuple(constraints))


def _property(words: Words, found: Column) -> Column:  # noqa: C901 - one branch for each property
    """Read one property of a column that is no constraint of its own."""
    if words.take("NOT", "NULL"):
        if words.take("ENABLE") or words.take("NO", "INHERIT"):
            pass
        return replace(found, nullable=False)
    if words.take("NULL"):
        return found
    if words.take("DEFAULT"):
        # A default may itself be NULL, or hold AS and NOT inside parentheses only.
        value = words.next()
        start, end = value.start, value.end
        if value.upper == "(":
            words.at -= 1
            words.group()
            end = words.words[words.at - 1].end
        tail = words.until(*_AFTER_TYPE)
        if tail.words:
            end = tail.words[-1].end
        text = words.sql[start:end]
        return replace(found, server_default=None if text.upper() == "NULL" else text)
    if words.take("GENERATED"):
        return _generated(words, found)
    if words.take("AS"):
        words.group()
        words.take_any("STORED", "VIRTUAL", "PERSISTENT")
        return replace(found, computed=True)
    if words.take_any("AUTO_INCREMENT", "AUTOINCREMENT"):
        return replace(found, identity=True)
    if words.take("NOT", "DEFERRABLE"):
        return found
    # COLLATE, COMMENT, STORAGE, ON UPDATE, AFTER ...: none changes what others can do or see.
    words.next()
    words.until(*_AFTER_TYPE)
    return found


def _generated(words: Words, found: Column) -> Column:
    words.take("ALWAYS")
    words.take("BY", "DEFAULT")
    words.expect("AS")
    if words.take("IDENTITY"):
        if words.sees("("):
            words.group()
        return replace(found, identity=True, nullable=False)
    words.group()
    words.take_any("STORED", "VIRTUAL")
    return replace(found, computed=True)


def _inline(words: Words, table: str, name: str, label: str | None) -> AddConstraint:
    if words.take("PRIMARY", "KEY"):
        words.take_any("ASC", "DESC")
        return AddConstraint(table=table, name=label, kind=ConstraintKind.PRIMARY_KEY, columns=(name,), from_sql=True)
    if words.take("UNIQUE"):
        words.take("KEY")
        return AddConstraint(
            table=table,
            name=label,
            kind=ConstraintKind.UNIQUE,
            columns=(name,),
            nulls_equal=_nulls(words),
            from_sql=True,
        )
    if words.take("CHECK"):
        expression = words.group().text
        words.take("NO", "INHERIT")
        return AddConstraint(
            table=table, name=label, kind=ConstraintKind.CHECK, expression=expression, columns=(name,), from_sql=True
        )
    return _references(words, AddConstraint(
        table=table, name=label, kind=ConstraintKind.FOREIGN_KEY, columns=(name,), from_sql=True
    ))  # fmt: skip


def _nulls(words: Words) -> bool:
    """Read NULLS [NOT] DISTINCT; says whether nulls count as equal."""
    equal = False
    if words.take("NULLS"):
        equal = words.take("NOT")
        words.expect("DISTINCT")
    return equal


def starts_constraint(words: Words) -> bool:
    """True if a table constraint is next, rather than a column."""
    return words.sees_any("CONSTRAINT", "CHECK", "UNIQUE", "EXCLUDE") or any(
        words.sees(*keywords) for keywords in (("PRIMARY", "KEY"), ("FOREIGN", "KEY"))
    )


def constraint(words: Words, table: str) -> AddConstraint:
    """Read a table constraint. Raises Unreadable."""
    label = words.identifier() if words.take("CONSTRAINT") and not starts_constraint(words) else None
    if words.take("CHECK"):
        added = AddConstraint(
            table=table, name=label, kind=ConstraintKind.CHECK, expression=words.group().text, from_sql=True
        )
    elif words.take("PRIMARY", "KEY"):
        added = _keyed(words, table, label, ConstraintKind.PRIMARY_KEY)
    elif words.take("UNIQUE"):
        words.take_any("KEY", "INDEX")
        equal = _nulls(words)
        added = replace(_keyed(words, table, label, ConstraintKind.UNIQUE), nulls_equal=equal)
    elif words.take("FOREIGN", "KEY"):
        if not words.sees("("):
            label = words.identifier()
        added = AddConstraint(
            table=table, name=label, kind=ConstraintKind.FOREIGN_KEY, columns=_columns(words), from_sql=True
        )
        added = _references(words, added)
    elif words.take("EXCLUDE"):
        added = AddConstraint(table=table, name=label, kind=ConstraintKind.EXCLUDE, from_sql=True)
        words.until("NOT", "DEFERRABLE", "INITIALLY")
    elif words.take("NOT", "NULL"):
        # PostgreSQL 18 has NOT NULL as a table constraint; it scans like SET NOT NULL.
        column_name = words.identifier()
        expression = f"{column_name} IS NOT NULL"
        added = AddConstraint(table=table, name=label, kind=ConstraintKind.CHECK, expression=expression, from_sql=True)
    else:
        raise Unreadable(f"not a constraint that is known: {words.rest[:40]!r}")
    return _tail(words, added)


def _keyed(words: Words, table: str, label: str | None, kind: ConstraintKind) -> AddConstraint:
    if words.take("USING", "INDEX"):
        index = words.identifier()
        return AddConstraint(table=table, name=label or index, kind=kind, using_index=index, from_sql=True)
    if not words.sees("("):
        label = words.identifier()
    added = AddConstraint(table=table, name=label, kind=kind, columns=_columns(words), from_sql=True)
    if words.take("INCLUDE"):
        words.group()
    if words.take("WITH"):
        words.group()
    if words.take("USING", "INDEX", "TABLESPACE"):
        words.identifier()
    return added


def _references(words: Words, added: AddConstraint) -> AddConstraint:
    words.expect("REFERENCES")
    added = replace(added, references=words.name())
    if words.sees("("):
        added = replace(added, referenced_columns=_columns(words))
    if words.take("MATCH"):
        words.next()
    while words.take("ON"):
        event = words.take_any("DELETE", "UPDATE")
        action = words.next().upper
        if action in ("SET", "NO"):
            action = f"{action} {words.next().upper}"
            if words.sees("("):
                words.group()
        if event == "DELETE":
            added = replace(added, on_delete=action)
    return _tail(words, added, finished=False)


def _tail(words: Words, added: AddConstraint, *, finished: bool = True) -> AddConstraint:
    """Read what may follow any constraint; *finished*: nothing else may follow."""
    while not words.done:
        if words.take("NOT", "VALID"):
            added = replace(added, not_valid=True)
        elif not (
            words.take("NOT", "DEFERRABLE")
            or words.take("DEFERRABLE")
            or words.take("NO", "INHERIT")
            or words.take("NOT", "ENFORCED")
            or words.take("ENFORCED")
            or (words.take("INITIALLY") and words.take_any("DEFERRED", "IMMEDIATE"))
        ):
            break
    if finished:
        words.end()
    return added


def _columns(words: Words) -> tuple[str, ...]:
    return tuple(part.identifier() if part.words else "" for part in words.group().parts())
