"""A change of type that would write a large table anew goes through a second column, if that is what was chosen."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Tuple

import sqlalchemy
from alembic.operations import ops
from sqlalchemy import schema as sa_schema

from ..generate import catalog
from ..generate.changes import Change, Facts, Phase
from ..generate.directives import sql
from ..generate.filling import fill
from ..generate.naming import shortened
from ..generate.not_null import sets_not_null
from .cast_fails import turned_default

__all__ = ["questions", "rewrites_table"]

RULE = "rewrites-table"
EXPAND, IN_PLACE = "expand", "in place"
_SHAPE = re.compile(r"^([A-Z ]+?)\s*(?:\((\d+)(?:,\s*(\d+))?\))?$")
_TEXTS = ("VARCHAR", "TEXT", "CITEXT")
# What hangs on a column but its own default: keys, indexes, checks, views, sequences, generated columns.
_HANGS_ON = """
    SELECT count(*) FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND a.attrelid = to_regclass(:name) AND a.attname = :column
      AND d.classid <> 'pg_catalog.pg_attrdef'::regclass
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE d.classid = 'pg_catalog.pg_constraint'::regclass
                      AND k.oid = d.objid AND k.contype = 'n')
"""


def questions(changes: List[Change], facts: Facts) -> List[Dict[str, Any]]:
    """``rewrite:table.column`` for each change of type that writes a table anew which is known to be large."""
    found = []
    for change in changes:
        where = _where(change, facts)
        if where is None:
            continue
        facts.asked[f"rewrite:{where}"] = [EXPAND, IN_PLACE]
        if f"rewrite:{where}" in facts.answers:
            continue
        rows, op = facts.rows[change.table or ""], change.op
        new = _spelt(op.modify_type, facts)
        found.append(
            {
                "id": f"rewrite:{where}",
                "question": f"{where} becomes {new}, for which PostgreSQL writes all of {change.table} anew (about "
                f"{rows:,} rows) while nobody can read or write it. Shall it go through a second column instead?",
                "table": change.table,
                "options": [
                    _option(
                        where,
                        EXPAND,
                        "No data is lost. A second column is filled in batches, a trigger keeps it up to date, and "
                        f"the last revision puts it in the place of {where}; the downgrade goes the same way back.",
                    ),
                    _option(
                        where,
                        IN_PLACE,
                        f"No data is lost, but {change.table} is locked until every row has been written.",
                    ),
                ],
            }
        )
    return found


def rewrites_table(changes: List[Change], facts: Facts) -> List[Change]:
    """Expand, backfill and swap where the answer to the question says so."""
    found: List[Change] = []
    for change in changes:
        where = _where(change, facts)
        if where is not None and facts.answers.get(f"rewrite:{where}") == EXPAND:
            found += _Swap(change, facts).steps()
        else:
            found.append(change)
    return found


def _option(where: str, choice: str, effect: str) -> Dict[str, Any]:
    return {"choice": choice, "effect": effect, "how": {"answers": {f"rewrite:{where}": choice}}}


def _where(change: Change, facts: Facts) -> Optional[str]:
    """The column, if the change is one that the question is about."""
    op = change.op
    if not facts.postgresql or not isinstance(op, ops.AlterColumnOp) or op.modify_type is None:
        return None
    if not facts.large(change.table) or facts.rows.get(change.table or "") is None or change.table in facts.former:
        return None
    other = (op.modify_nullable is not None, op.modify_server_default is not False, bool(op.modify_name))
    if any(other) or op.existing_type is None or isinstance(op.modify_type, sqlalchemy.Enum):
        return None
    where = f"{change.table}.{op.column_name}"
    if where in facts.former or _keeps_storage(_spelt(op.existing_type, facts), _spelt(op.modify_type, facts)):
        return None
    name = catalog.spelt(facts, op.table_name, op.schema)
    query = sqlalchemy.text(_HANGS_ON)
    hangs = facts.context.connection.execute(query, {"name": name, "column": str(op.column_name)}).scalar()
    way = catalog.casts(facts, _spelt(op.existing_type, facts), _spelt(op.modify_type, facts))
    return None if hangs or way is None or (way == "none" and where not in facts.fills) else where


class _Swap:
    """One column that another one takes the place of."""

    def __init__(self, change: Change, facts: Facts) -> None:
        self.facts, self.table = facts, change.table
        self.op = op = change.op
        self.column, self.beside = str(op.column_name), shortened(str(op.column_name), "", "new")
        self.where = f"{self.table}.{self.column}"
        self.full = catalog.spelt(facts, op.table_name, op.schema)
        self.name = catalog.spelt(facts, shortened(op.table_name, self.beside, "sync"), op.schema)
        self.trigger = catalog.identifier(facts, shortened(op.table_name, self.beside, "sync"))
        self.old, self.new = _spelt(op.existing_type, facts).lower(), _spelt(op.modify_type, facts).lower()

    def steps(self) -> List[Change]:
        """Expand, backfill, contract."""
        op, facts = self.op, self.facts
        beside = ops.AddColumnOp(
            op.table_name, sa_schema.Column(self.beside, op.modify_type, nullable=True), schema=op.schema
        )
        back = ops.DropColumnOp(op.table_name, self.beside, schema=op.schema)
        update = fill(facts, op.table_name, self.beside, self.cast(""), op.schema)
        return [
            self.step(
                [beside, *self.watch()],
                [*self.unwatch(), back],
                Phase.EXPAND,
                f"{self.beside} is added beside {self.where}, and a trigger keeps it up to date: changing the type in "
                f"place would write all of {self.table} anew while nobody can read or write it.",
            ),
            self.step(
                update, [], Phase.BACKFILL, f"Sets {self.beside} from {self.where} in the rows that have been there."
            ),
            self.step(
                self.forward(), self.backward(), Phase.CONTRACT, f"{self.beside} takes the place of {self.where}."
            ),
        ]

    def step(self, up: List[Any], down: List[Any], phase: Phase, why: str) -> Change:
        return Change(up, down, table=self.table, phase=phase, rule=RULE, why=why)

    def cast(self, row: str) -> str:
        """The new value by the old one, in a statement or of a trigger's row."""
        given = self.facts.fills.get(self.where)
        name = f"{row}{catalog.identifier(self.facts, self.column)}"
        return given if given is not None and not row else f"{name}::{self.new}"

    def watch(self) -> List[Any]:
        """The trigger that keeps the new column up to date."""
        beside = catalog.identifier(self.facts, self.beside)
        return [
            sql(
                f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN NEW.{beside} := {self.cast('NEW.')}; RETURN NEW; END $$"
            ),
            sql(
                f"CREATE TRIGGER {self.trigger} BEFORE INSERT OR UPDATE ON {self.full} "
                f"FOR EACH ROW EXECUTE FUNCTION {self.name}()"
            ),
        ]

    def unwatch(self) -> List[Any]:
        return [sql(f"DROP TRIGGER {self.trigger} ON {self.full}"), sql(f"DROP FUNCTION {self.name}()")]

    def forward(self) -> List[Any]:
        """The new column takes the name, the NOT NULL and the default of the old one."""
        op = self.op
        found: List[Any] = []
        if op.existing_nullable is False:
            found += sets_not_null(self.facts, op.table_name, self.beside, op.modify_type, op.schema)
        default = op.existing_server_default
        found += self.unwatch()
        found.append(ops.DropColumnOp(op.table_name, self.column, schema=op.schema))
        found.append(self.rename(self.beside, self.column, op.modify_type))
        if isinstance(default, sa_schema.DefaultClause):
            found.append(self.default(self.column, op.modify_type, turned_default(op, default, self.facts)))
        return found

    def backward(self) -> List[Any]:
        """The old column comes back with its values, which the new one still has."""
        op = self.op
        kept = ops.AddColumnOp(
            op.table_name, sa_schema.Column(self.column, op.existing_type, nullable=True), schema=op.schema
        )
        value = f"{catalog.identifier(self.facts, self.beside)}::{self.old}"
        default = op.existing_server_default
        has_default = isinstance(default, sa_schema.DefaultClause)
        found: List[Any] = [self.default(self.column, op.modify_type, None)] if has_default else []
        found += [self.rename(self.column, self.beside, op.modify_type), kept]
        found += fill(self.facts, op.table_name, self.column, value, op.schema)
        if op.existing_nullable is False:
            found += sets_not_null(self.facts, op.table_name, self.column, op.existing_type, op.schema)
            found.append(
                ops.AlterColumnOp(
                    op.table_name,
                    self.beside,
                    schema=op.schema,
                    existing_type=op.modify_type,
                    modify_nullable=True,
                )
            )
        if has_default:
            found.append(self.default(self.column, op.existing_type, default))
        return [*found, *self.watch()]

    def rename(self, old: str, new: str, kind: Any) -> Any:
        return ops.AlterColumnOp(self.op.table_name, old, schema=self.op.schema, existing_type=kind, modify_name=new)

    def default(self, column: str, kind: Any, value: Any) -> Any:
        return ops.AlterColumnOp(
            self.op.table_name, column, schema=self.op.schema, existing_type=kind, modify_server_default=value
        )


def _keeps_storage(old: str, new: str) -> bool:
    """Whether PostgreSQL leaves the table as it is; what is not known to be so writes it anew."""
    before, after = _shape(old), _shape(new)
    if before is None or after is None:
        return old == new
    (name, size, scale), (other, new_size, new_scale) = before, after
    if name in _TEXTS and other in _TEXTS:
        return new_size is None or (name == other and size is not None and size <= new_size)
    if name != other:
        return False
    return new_size is None or (size is not None and size <= new_size and scale == new_scale)


def _shape(kind: str) -> Optional[Tuple[str, Optional[int], Optional[int]]]:
    found = _SHAPE.match(kind)
    if found is None:
        return None
    return found[1], int(found[2]) if found[2] else None, int(found[3]) if found[3] else None


def _spelt(kind: Any, facts: Facts) -> str:
    return str(kind.compile(dialect=facts.dialect))
