"""An index of a table in use is built, and dropped, while others go on writing."""

from __future__ import annotations

import copy
import inspect
from typing import Any, List, Set

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.schema import CreateIndex

from ..generate import catalog
from ..generate.changes import Change, Facts, Phase
from ..generate.directives import Autocommit, Code, If, With, sql
from ..generate.quoting import plain

__all__ = ["built", "dropped", "index_without_concurrently"]

RULE = "index-without-concurrently"
# Since Alembic 1.12, which hands it to SQLAlchemy, from 2.0 on.
_IF = "if_not_exists" in inspect.signature(ops.CreateIndexOp.__init__).parameters and sa.__version__ >= "2"


def index_without_concurrently(changes: List[Change], facts: Facts) -> List[Change]:
    """For PostgreSQL, on live tables; the indexes of a table that is dropped go with it."""
    if not facts.postgresql:
        return changes
    gone: Set[Any] = {change.table for change in changes if isinstance(change.op, ops.DropTableOp)}
    return [
        change if change.table in gone or not facts.live(change.table) else _concurrent(change, facts)
        for change in changes
    ]


def _concurrent(change: Change, facts: Facts) -> Change:
    op = change.op
    if isinstance(op, (ops.CreateIndexOp, ops.DropIndexOp)) and op.table_name and len(change.down) == 1:
        if catalog.partitioned(facts, op.table_name, op.schema) or op.kw.get("postgresql_concurrently"):
            return change
        made = isinstance(op, ops.CreateIndexOp)
        return Change(
            [_safe(op, facts)],
            [_safe(change.down[0], facts)],
            table=change.table,
            phase=Phase.INDEX,
            rule=RULE,
            why=f"The index {op.index_name} is {'built' if made else 'dropped'} CONCURRENTLY, outside a transaction: "
            f"{'writes to' if made else 'reads and writes of'} {change.table} go on meanwhile.",
            loses=change.loses,
        )
    return change


def _safe(op: Any, facts: Facts) -> Any:
    return Autocommit(built(op, facts) if isinstance(op, ops.CreateIndexOp) else [dropped(op, facts)])


def built(op: Any, facts: Facts) -> List[Any]:
    """Directives, for an autocommit block, that build an index whatever an earlier try has left behind."""
    name = catalog.spelt(facts, op.index_name, op.schema).replace("'", "''")
    drop = ops.DropIndexOp(op.index_name, table_name=op.table_name, schema=op.schema)
    query = f"SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{name}')"  # noqa: S608
    return [
        Code("# What a run that failed has left behind is INVALID: PostgreSQL would never use it."),
        If(f"op.get_bind().execute(sa.text({query!r})).scalar()", [dropped(drop, facts)]),
        _create(op, facts),
    ]


def _create(op: Any, facts: Facts) -> Any:
    made = copy.copy(op)
    made.kw = {**op.kw, "postgresql_concurrently": True}
    if _IF:
        return With(made, if_not_exists=True)
    statement = CreateIndex(made.to_index(facts.context), if_not_exists=True)
    return sql(plain(facts.dialect, str(statement.compile(dialect=facts.dialect))))


def dropped(op: Any, facts: Facts) -> Any:
    """The directive, for an autocommit block, that drops an index if it is there."""
    if not _IF:
        return sql(f"DROP INDEX CONCURRENTLY IF EXISTS {catalog.spelt(facts, op.index_name, op.schema)}")
    drop = ops.DropIndexOp(op.index_name, table_name=op.table_name, schema=op.schema, postgresql_concurrently=True)
    return With(drop, if_exists=True)
