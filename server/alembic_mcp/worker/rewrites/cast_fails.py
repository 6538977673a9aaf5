"""A change of type says with USING how a value becomes one of the new type, where PostgreSQL does not do it alone."""

from __future__ import annotations

import copy
import re
from typing import Any, List, Optional

from alembic.operations import ops
from sqlalchemy import Enum, text
from sqlalchemy import schema as sa_schema

from ..generate import catalog
from ..generate.changes import Change, Facts
from ..generate.directives import With

__all__ = ["cast_fails", "turned_default"]

RULE = "cast-fails"
_CONSTANT = re.compile(r"^('(?:[^']|'')*'|-?[\d.]+|true|false|null)(::[\w\s\"]+(\([\d, ]+\))?)?$", re.IGNORECASE)
_NUMBER = re.compile(r"smallint|bigint|numeric|real|double|float", re.IGNORECASE)


def cast_fails(changes: List[Change], facts: Facts) -> List[Change]:
    """For PostgreSQL, on all tables: it refuses the plain change even where there is no row."""
    if not facts.postgresql:
        return changes
    for change in list(changes):
        op = change.op
        using = _using(op, facts)
        retyped = using is not None or any(_using(back, facts) is not None for back in change.down)
        if isinstance(op, ops.AlterColumnOp) and not retyped and _keeps_old_cast(op, facts):
            change.up = _steps(op, None, facts)
            change.down = [step for back in change.down for step in _steps(back, None, facts)]
        if not isinstance(op, ops.AlterColumnOp) or not retyped:
            continue
        changes = _with_default(change, changes)
        change.up = _steps(op, using, facts)
        change.down = [
            step
            for back in change.down
            for step in (_steps(back, _using(back, facts), facts) if isinstance(back, ops.AlterColumnOp) else [back])
        ]
        old, new = _spelt(op.existing_type, facts), _spelt(op.modify_type, facts)
        change.why = (
            f"{change.table}.{op.column_name} becomes {new} by {using}: PostgreSQL does not turn {old} into {new} "
            "on its own."
            if using is not None
            else f"The downgrade says how {change.table}.{op.column_name} becomes {old} again: PostgreSQL does not "
            f"turn {new} into it on its own."
        )
    return changes


def _with_default(change: Change, changes: List[Change]) -> List[Change]:
    """Take what another change does to the default of the same column into *change*: only together can they run."""
    op = change.op
    for other in changes:
        alter = other.op
        if other is change or not isinstance(alter, ops.AlterColumnOp) or other.table != change.table:
            continue
        only = alter.modify_type is None and alter.modify_nullable is None and not alter.modify_name
        if alter.column_name != op.column_name or alter.modify_server_default is False or not only:
            continue
        op.modify_server_default = alter.modify_server_default
        for back, default in zip(change.down, other.down):
            if isinstance(back, ops.AlterColumnOp) and isinstance(default, ops.AlterColumnOp):
                back.modify_server_default = default.modify_server_default
        return [each for each in changes if each is not other]
    return changes


def _using(op: Any, facts: Facts) -> Optional[str]:
    """The expression that USING needs; None where none is needed, or it is not known whether."""
    if not isinstance(op, ops.AlterColumnOp) or op.modify_type is None or op.existing_type is None:
        return None
    if isinstance(op.modify_type, Enum) or "postgresql_using" in op.kw:
        return None
    old, new = _spelt(op.existing_type, facts), _spelt(op.modify_type, facts)
    way = catalog.casts(facts, old, new)
    if way is None or way == "automatic":
        return None
    given = facts.fills.get(f"{facts.table(op.table_name, op.schema)}.{op.column_name}")
    name = catalog.identifier(facts, op.column_name)
    by_number = f"{name} <> 0" if new == "BOOLEAN" and _NUMBER.match(old) else None
    if old == "BOOLEAN" and _NUMBER.match(new):
        by_number = f"{name}::integer::{new.lower()}"
    through_text = "::text" if way == "none" else ""
    return given or by_number or f"{name}{through_text}::{new.lower()}"


def _keeps_old_cast(op: Any, facts: Facts) -> bool:
    """Whether the default would go on to be made as the old type, and be turned into the new one each time."""
    if op.modify_type is None or not isinstance(op.existing_server_default, sa_schema.DefaultClause):
        return False
    default = str(getattr(op.existing_server_default.arg, "text", op.existing_server_default.arg))
    found = re.search(r"'::(\w+)$", default)
    return found is not None and {found[1].lower(), _spelt(op.modify_type, facts).lower()} == {"json", "jsonb"}


def _steps(op: Any, using: Optional[str], facts: Facts) -> List[Any]:
    default = op.existing_server_default
    if not isinstance(default, sa_schema.DefaultClause) and op.modify_server_default in (None, False):
        return [_typed(op, using)]
    # A default is not cast along with the values.
    alone = copy.copy(op)
    alone.modify_server_default = alone.existing_server_default = False
    found = [_default(op, op.existing_type, None), _typed(alone, using)]
    after = op.modify_server_default
    if after is False:
        after = turned_default(op, default, facts)
    if after is not None:
        found.append(_default(op, op.modify_type, after))
    return found


def _typed(op: Any, using: Optional[str]) -> Any:
    return op if using is None else With(op, postgresql_using=using)


def _default(op: Any, kind: Any, value: Any) -> Any:
    return ops.AlterColumnOp(
        op.table_name, op.column_name, schema=op.schema, existing_type=kind, modify_server_default=value
    )


def turned_default(op: Any, default: Any, facts: Facts) -> Any:
    """The default that the column has, for its new type; the models' own if they have one."""
    tables = getattr(facts.metadata, "tables", {})
    table = tables.get(f"{op.schema}.{op.table_name}" if op.schema else op.table_name)
    column = None if table is None else table.columns.get(str(op.column_name))
    wanted = getattr(column, "server_default", None)
    if column is not None and isinstance(wanted, sa_schema.DefaultClause) and _same(column.type, op, facts):
        return wanted
    value = str(getattr(default.arg, "text", default.arg))
    constant = _CONSTANT.match(value)
    return sa_schema.DefaultClause(text(constant[1] if constant else f"({value})::{_spelt(op.modify_type, facts)}"))


def _same(kind: Any, op: Any, facts: Facts) -> bool:
    return _spelt(kind, facts) == _spelt(op.modify_type, facts)


def _spelt(kind: Any, facts: Facts) -> str:
    return str(kind.compile(dialect=facts.dialect))
