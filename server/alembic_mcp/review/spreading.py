"""What else a DELETE or UPDATE reaches, which an empty copy does not show: cascading foreign keys and row triggers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..operations import Delete, DropObject, DropTable, Operation, Truncate, Update
from .context import Context

__all__ = ["Spread", "reached", "spread"]

_EMPTIES = ("SET NULL", "SET DEFAULT")


@dataclass(frozen=True)
class Spread:
    """What goes along.

    Attributes:
        deletes: tables whose rows are deleted with them, one leading to the next.
        empties: tables in whose rows a column is set to NULL or to its default.
        triggers: those that fire for each row.
    """

    deletes: tuple[str, ...] = ()
    empties: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """A sentence that follows another, with a space before it; empty if nothing goes along."""
        parts = []
        if self.deletes:
            parts.append(f"deletes the rows of {', '.join(self.deletes)} that refer to them")
        if self.empties:
            parts.append(f"empties the key of the rows of {', '.join(self.empties)} that refer to them")
        if self.triggers:
            parts.append(f"fires {', '.join(self.triggers)} for each of them, with what {_they(self.triggers)}")
        return f" It also {'; and '.join(parts)}." if parts else ""

    @property
    def tables(self) -> list[str]:
        """All other tables that it is known to reach."""
        return [*self.deletes, *self.empties]


def reached(op: Operation, context: Context) -> set[str]:
    """The tables that *op* reaches by foreign keys: whose rows go or change with it, or that lose the key."""
    if isinstance(op, Delete):
        return set(spread(op, context).tables)
    if not (isinstance(op, (DropTable, Truncate)) and op.cascade):
        return set()
    start = context.names.table(op.table)
    waiting, seen = [start] if start is not None else [], {start}
    found: set[str] = set()
    while waiting:
        gone = waiting.pop()
        for table in context.path.schema.tables:
            if table not in seen and any(key.references == gone for key in context.path.schema.keys(table)):
                seen.add(table)
                found.add(table)
                if isinstance(op, Truncate):
                    waiting.append(table)
    return found


def _they(triggers: tuple[str, ...]) -> str:
    return "it does" if len(triggers) == 1 else "they do"


def spread(op: Delete | Update, context: Context) -> Spread:
    """What *op* reaches besides its table, by the schema of the real database; nothing where that is not known."""
    original = context.names.table(op.table)
    if original is None:
        return Spread()
    triggers = tuple(
        f"trigger {name}"
        for name, text in context.path.schema.triggers(original)
        if (re.search(r"\bFOR EACH ROW\b", text, re.IGNORECASE) or context.path.dialect == "sqlite")
        and re.search(rf"\b{'DELETE' if isinstance(op, Delete) else 'UPDATE'}\b", text.upper().partition(" ON ")[0])
        and not context.prior.has(DropObject, table=op.table, name=name)
    )
    if isinstance(op, Update):
        return Spread(triggers=triggers)
    schema, deletes, empties = context.path.schema, [], []
    waiting, seen = [original], {original}
    while waiting:
        gone = waiting.pop()
        for table in schema.tables:
            actions = {key.on_delete for key in schema.keys(table) if key.references == gone}
            if "CASCADE" in actions and table not in seen:
                seen.add(table)
                deletes.append(table)
                waiting.append(table)
            elif actions & set(_EMPTIES) and table not in seen:
                empties.append(table)
    return Spread(tuple(sorted(deletes)), tuple(sorted(set(empties) - set(deletes))), triggers)
