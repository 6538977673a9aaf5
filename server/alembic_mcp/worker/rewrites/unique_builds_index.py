"""UNIQUE and PRIMARY KEY take over an index that was built while others went on writing."""

from __future__ import annotations

from typing import Any, List

from alembic.operations import ops

from ..generate import catalog
from ..generate.changes import Change, Facts, Phase
from ..generate.directives import Autocommit, sql
from .index_without_concurrently import built

__all__ = ["unique_builds_index"]

RULE = "unique-builds-index"
_KINDS = {ops.CreateUniqueConstraintOp: "UNIQUE", ops.CreatePrimaryKeyOp: "PRIMARY KEY"}


def unique_builds_index(changes: List[Change], facts: Facts) -> List[Change]:
    """For PostgreSQL, on live tables."""
    if not facts.postgresql:
        return changes
    found: List[Change] = []
    for change in changes:
        op = change.op
        if len(change.down) == 1 and _is(change.down[0], change, facts):
            back = change.down[0]
            change.down = [Autocommit(built(_index(back), facts)), _takes_over(back, facts)]
        if not _is(op, change, facts):
            found.append(change)
            continue
        found.append(
            Change(
                [Autocommit(built(_index(op), facts)), _takes_over(op, facts)],
                change.down,
                table=change.table,
                phase=Phase.INDEX,
                rule=RULE,
                why=f"{op.constraint_name} takes over an index that is built CONCURRENTLY, outside a transaction: "
                f"writes to {change.table} go on meanwhile. It fails if there are duplicates; run it again when they "
                "are gone.",
                loses=change.loses,
            )
        )
    return found


def _is(op: Any, change: Change, facts: Facts) -> bool:
    return (
        type(op) in _KINDS
        and op.constraint_name is not None
        and facts.live(change.table)
        and not catalog.partitioned(facts, op.table_name, op.schema)
    )


def _index(op: Any) -> Any:
    kw = {key: value for key, value in (op.kw or {}).items() if key.startswith("postgresql_")}
    columns = [str(getattr(column, "name", column)) for column in op.columns]
    return ops.CreateIndexOp(op.constraint_name, op.table_name, columns, schema=op.schema, unique=True, **kw)


def _takes_over(op: Any, facts: Facts) -> Any:
    name = catalog.identifier(facts, op.constraint_name)
    more = ""
    if op.kw.get("deferrable"):
        more = " DEFERRABLE"
        if op.kw.get("initially"):
            more += f" INITIALLY {str(op.kw['initially']).upper()}"
    table = catalog.spelt(facts, op.table_name, op.schema)
    return sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {_KINDS[type(op)]} USING INDEX {name}{more}")
