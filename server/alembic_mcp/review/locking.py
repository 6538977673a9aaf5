"""Which locks an operation takes, measured or by the book, and which operations share a transaction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..locks import STATEMENT_LOCKS, LockMode
from ..operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterObject,
    ConstraintKind,
    CreateIndex,
    CreateObject,
    Delete,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropObject,
    DropTable,
    Insert,
    Lock,
    Operation,
    RenameTable,
    Truncate,
    Update,
    ValidateConstraint,
)
from .context import Context
from .names import Names
from .window import Window

__all__ = ["OWN_TRANSACTIONS", "Held", "Step", "locks_of", "same_transaction", "shares_statement", "steps"]

OWN_TRANSACTIONS = (
    "Pass transaction_per_migration=True to context.configure() in env.py: each revision then commits by itself, and "
    "gives its locks back before the next one starts."
)
"""The remedy where a lock is one of an earlier revision's."""

_BY_TYPE: dict[type[Operation], str] = {
    AddColumn: "add column",
    AlterColumn: "alter column",
    Delete: "delete",
    DropColumn: "drop column",
    DropConstraint: "drop constraint",
    DropTable: "drop table",
    Insert: "insert",
    RenameTable: "rename table",
    Truncate: "truncate",
    Update: "update",
    ValidateConstraint: "validate constraint",
}
_ALONE = (CreateIndex, Delete, Insert, Truncate, Update)
"""What is never a part of ALTER TABLE."""
_MODE = re.compile(r"\bIN\s+([A-Z ]+?)\s+MODE\b", re.IGNORECASE)


def locks_of(op: Operation) -> tuple[Lock, ...]:
    """The table locks of *op*: what its statements newly acquired, or what they take by the book if not measured.

    What ran outside a transaction has given its locks back before they could be seen.
    """
    if op.statements and all(one.measured is not None and not one.autocommit for one in op.statements):
        locks = [lock for one in op.statements if one.measured is not None for lock in one.measured.locks]
        if isinstance(op, RenameTable):  # measured afterwards, when the table has its new name
            locks = [replace(lock, table=op.table) if lock.table == op.to else lock for lock in locks]
        return tuple(locks)
    return tuple(_by_the_book(op))


def _by_the_book(op: Operation) -> Iterator[Lock]:
    table = getattr(op, "table", None)
    kind = _kind(op)
    if table and kind:
        yield Lock(_mode(op, kind), table)
    if isinstance(op, AddConstraint) and op.references:
        yield Lock(STATEMENT_LOCKS["add foreign key, referenced table"], op.references)


def _kind(op: Operation) -> str | None:
    match op:
        case AddConstraint(kind=ConstraintKind.FOREIGN_KEY):
            return "add foreign key"
        case AddConstraint():
            return "add constraint"
        case CreateIndex() | DropIndex():
            verb = "create" if isinstance(op, CreateIndex) else "drop"
            return f"{verb} index{' concurrently' if op.concurrently else ''}"
        case CreateObject() | DropObject():
            verb = "create" if isinstance(op, CreateObject) else "drop"
            return f"{verb} {op.kind}" if f"{verb} {op.kind}" in STATEMENT_LOCKS else None
        case AlterObject():
            return _command(op)
    return _BY_TYPE.get(type(op))


def _command(op: AlterObject) -> str | None:
    """The longest known beginning of a command, ``alter table`` for any other of its actions."""
    words = op.action.split()
    if "concurrently" in op.text.lower().split():
        words = [*words[:2], "concurrently"]
    for end in range(len(words), 0, -1):
        if " ".join(words[:end]) in STATEMENT_LOCKS:
            return " ".join(words[:end])
    if op.kind == "table" and op.action == "set" and op.text.lstrip().startswith("("):
        return "set storage parameter"
    return "alter table" if op.kind == "table" and op.table else None


def _mode(op: Operation, kind: str) -> LockMode:
    """LOCK TABLE names its mode."""
    if kind == "lock" and isinstance(op, AlterObject) and (found := _MODE.search(op.text)):
        name = " ".join(found[1].upper().split())
        return LockMode(name) if name in list(LockMode) else STATEMENT_LOCKS[kind]
    return STATEMENT_LOCKS[kind]


def shares_statement(one: Operation, other: Operation) -> bool:
    """True if both are parts of one statement, or of one directive."""
    sent = {id(statement) for statement in one.statements}
    return any(id(statement) in sent for statement in other.statements)


def _follows(op: Operation, last: Operation) -> bool:
    """True if *op* was a statement of its own in the text in which it was sent together with *last*."""
    return op.from_sql and not op.from_effect and isinstance(op, _ALONE) and not isinstance(last, _ALONE)


def same_transaction(op: Operation, context: Context, earlier: Operation) -> bool:
    """True if *op*, which is where *context* stands, runs in the transaction in which *earlier* ran."""
    between: list[Operation] = []
    for one in reversed(context.prior):
        if one is earlier:
            break
        between.append(one)
    if any(isinstance(one, AlterObject) and one.kind == "transaction" for one in between):
        return False
    first, last = (op.statements[:1], earlier.statements[-1:])
    if first and last and first[0].transaction and last[0].transaction:
        return first[0].transaction == last[0].transaction
    return not any(one.autocommit for one in (earlier, *between, op))


class Held(NamedTuple):
    """A lock that a transaction holds, and what took it first; *revision* is empty if it is the same one."""

    mode: LockMode
    op: Operation
    revision: str = ""

    @property
    def where(self) -> str:
        """For a sentence: ``line 7``, ``line 7 of a1b2``; empty if it is not known."""
        line = f"line {self.op.line}" if self.op.line else ""
        if not self.revision:
            return line
        return f"{line} of {self.revision}" if line else self.revision


@dataclass(frozen=True)
class Step:
    """An operation with its context, and what its transaction already holds.

    Attributes:
        held: tables in use, with the lock at least as strong as asked for and the operation that took it first.
    """

    op: Operation
    context: Context
    held: dict[str, Held]


def steps(context: Context, at_least: LockMode = LockMode.ACCESS_EXCLUSIVE) -> Iterator[Step]:
    """Walk over the operations that *context* stands before, with the locks that add up in each transaction.

    Operations that share a statement take their locks together: none of them holds anything for the others. Where all
    revisions run in one transaction, it begins with what the ones before have locked.
    """
    names, operations = context.names.copy(), context.later
    held = _inherited(context, at_least)
    taken: dict[str, Held] = {}
    last: Operation | None = None
    for index, op in enumerate(operations):
        here = replace(context, names=names, prior=operations.before(index), later=operations.after(index))
        if (last is not None and _starts_anew(op, last)) or (last is None and op.autocommit):
            held, taken = {}, {}
        elif last is None or not shares_statement(op, last) or _follows(op, last):
            held, taken = {**taken, **held}, {}
        yield Step(op, here, dict(held))
        for lock in () if op.autocommit else locks_of(op):
            if lock.mode >= at_least and here.in_use(lock.table):
                taken.setdefault(lock.table, Held(lock.mode, op))
        names.walk(op)
        if isinstance(op, RenameTable) and op.table in held:
            held[op.to] = held.pop(op.table)
        last = op
    if _adds_up(context):
        end = {} if last is not None and last.autocommit else {**taken, **held}
        context.path.memo[f"{context.revision.revision} {at_least}"] = {
            table: lock if lock.revision else lock._replace(revision=context.revision.revision)
            for table, lock in end.items()
        }


def _adds_up(context: Context) -> bool:
    return context.path.one_transaction and context.running and len(context.path.revisions) > 1


def _inherited(context: Context, at_least: LockMode) -> dict[str, Held]:
    """What the transaction holds when the revision begins."""
    if not _adds_up(context) or context.prior:
        return {}
    at = next((at for at, one in enumerate(context.path.revisions) if one is context.revision), 0)
    if not at:
        return {}
    before = context.path.revisions[at - 1]
    key = f"{before.revision} {at_least}"
    if key not in context.path.memo:
        window = context.path.window(before, context.direction)
        whole = replace(context, revision=before, names=Names.before(before), prior=Window(), later=window)
        for _ in steps(whole, at_least):
            pass
    return dict(context.path.memo.get(key, {}))


def _starts_anew(op: Operation, last: Operation) -> bool:
    """True if *op* runs in another transaction than *last*, the operation right before it."""
    if op.autocommit or last.autocommit or (isinstance(last, AlterObject) and last.kind == "transaction"):
        return True
    first, before = op.statements[:1], last.statements[-1:]
    numbers = (first[0].transaction, before[0].transaction) if first and before else (0, 0)
    return bool(numbers[0] and numbers[1]) and numbers[0] != numbers[1]
