"""Writes a revision that changes rows: typed tables of its own, batches on a large table, both directions."""

from __future__ import annotations

import re
from difflib import get_close_matches
from keyword import kwlist
from typing import Any, Dict, List, Optional, Set, Tuple

import sqlalchemy as sa

from ..errors import CallError
from ..kept_names import SCHEMA
from .changes import Change, Facts, Phase
from .directives import Code, sql
from .filling import BATCH
from .keeping import Copy

__all__ = ["data_change"]

_HERE = "WRITE HERE"
_TAKEN = frozenset({"batch", "connection", "found", "key", "left", "op", "sa", "step", "values", *kwlist})


def data_change(args: Dict[str, Any], facts: Facts, revision: str) -> Tuple[Change, bool]:
    """The change of rows that *args* ask for, and whether it is whole: False where somebody has to write into it.

    Args:
        args: ``table``; ``set``: column -> SQL expression, may be empty; ``where``: SQL condition or None; ``undo``:
            column -> SQL expression for the way back, may be missing.
        facts: on a table that is large rows are changed in batches; with ``keep_data`` the old values are kept.
        revision: its id.

    Raises:
        CallError: ``refused``: there is no such table or column.
    """
    if not args.get("table"):
        raise _wrong("A data revision needs the table whose rows change.", "Call generate with kind='data' and table.")
    work = _Rows(str(args["table"]), facts, revision)
    sets = {str(name): str(text) for name, text in dict(args.get("set") or {}).items()}
    undo = {str(name): str(text) for name, text in dict(args.get("undo") or {}).items()}
    where = str(args["where"]) if args.get("where") else ""
    work.check([*sets, *undo])
    return work.change(sets, undo, where), bool(sets)


def _wrong(message: str, *steps: str) -> CallError:
    return CallError("refused", f"{message} Nothing was written.", next_steps=list(steps))


class _Rows:
    """The table whose rows change: its columns as the models declare them, else as the database has them."""

    def __init__(self, table: str, facts: Facts, revision: str) -> None:
        self._facts = facts
        self._revision = revision
        self._schema, _, self._name = table.rpartition(".")
        self._table = facts.table(self._name, self._schema or None)
        inspector: Any = sa.inspect(facts.context.connection)
        schema = self._schema or None
        if not inspector.has_table(self._name, schema=schema):
            known = inspector.get_table_names(schema=schema)
            close = get_close_matches(self._name, known, 3) or known[:5]
            raise _wrong(f"There is no table {table}.", f"Tables are: {', '.join(close) or 'none'}.")
        self._types: Dict[str, Any] = {}
        self._made: Set[str] = set()
        for each in inspector.get_columns(self._name, schema=schema):
            self._types[str(each["name"])] = each["type"]
            if each.get("computed"):
                self._made.add(str(each["name"]))
        self._types.update(self._declared())
        self._key: List[str] = list(inspector.get_pk_constraint(self._name, schema=schema)["constrained_columns"] or [])

    def check(self, columns: List[str]) -> None:
        """Raises CallError for what the table does not have, or makes by itself."""
        for name in columns:
            if name not in self._types:
                known = ", ".join(self._types)
                raise _wrong(f"{self._table} has no column {name}.", f"It has: {known}.")
            if name in self._made:
                raise _wrong(f"{self._table}.{name} is computed: it can't be set.", "Set the columns it is made from.")

    def change(self, sets: Dict[str, str], undo: Dict[str, str], where: str) -> Change:
        imports: Set[str] = set()
        up: List[Any] = []
        down: List[Any] = []
        loses, why = "", self._why(sets, where)
        columns = ", ".join(f"{self._table}.{name}" for name in sets)
        if sets and self._facts.keep_data and self._key and not undo:
            up, down, source = self._kept(sets, where)
            why += f" The values from before are kept in {source} for the downgrade."
            loses = "Values that were written after the upgrade are replaced by those from before it."
        elif undo:
            down = [Code(self._update(undo, "", imports), imports)]
        elif sets:
            loses = f"The values of {columns} from before don't come back: the downgrade leaves the rows as they are."
            down = [Code("# The values from before are not kept: there is nothing to bring back.\npass")]
        else:
            down = [Code(f"# {_HERE}: how the rows get back what they had; leave it at pass if they can't.\npass")]
        text = self._update(sets, where, imports) if sets else self._skeleton(where, imports)
        return Change([*up, Code(text, imports)], down, table=self._table, phase=Phase.BACKFILL, why=why, loses=loses)

    def _declared(self) -> Dict[str, Any]:
        """Types that the models declare; a type of the application's own counts as what it is stored as."""
        every = self._facts.metadata if isinstance(self._facts.metadata, (list, tuple)) else [self._facts.metadata]
        found: Dict[str, Any] = {}
        for metadata in every:
            for table in metadata.tables.values() if metadata is not None else ():
                if self._facts.table(table.name, table.schema) == self._table:
                    found = {str(column.name): column.type for column in table.columns}
        for name, type_ in list(found.items()):
            plain = type_.impl if isinstance(type_, sa.types.TypeDecorator) else type_
            if name not in self._types or not type(plain).__module__.startswith("sqlalchemy."):
                del found[name]
            else:
                found[name] = plain
        return found

    def _why(self, sets: Dict[str, str], where: str) -> str:
        if not sets:
            return f"It is not finished: {_HERE} marks what upgrade() and downgrade() still need."
        rows = f"the rows of {self._table}" + (f" where {where}" if where else "")
        text = f"Sets {', '.join(f'{name} to {value}' for name, value in sets.items())} in {rows}."
        if self._facts.large(self._table) and self._reads_itself(sets):
            text += (
                " In one transaction, although the table is large: an expression that reads what it sets must not run "
                "twice on a row, as it might after an interruption."
            )
        return text

    def _kept(self, sets: Dict[str, str], where: str) -> Tuple[List[Any], List[Any], str]:
        facts, columns = self._facts, [*self._key, *(name for name in sets if name not in self._key)]
        copy = Copy(self._table, columns, self._table.replace(".", "_"), facts, self._revision, where=where, again=True)
        up, down = [sql(copy.make)], [sql(copy.bring_back(list(sets), self._key)), sql(f"DROP TABLE {copy.name}")]
        if facts.postgresql:
            own = facts.dialect.identifier_preparer.quote(SCHEMA + self._revision)
            up.insert(0, sql(f"CREATE SCHEMA IF NOT EXISTS {own}"))
            down.append(sql(f"DROP SCHEMA IF EXISTS {own}"))
        return up, down, copy.name

    # Code

    def _update(self, sets: Dict[str, str], where: str, imports: Set[str]) -> str:
        rows = self._variable()
        declared = self._declaration(rows, [*self._key, *(name for name in sets if name not in self._key)], imports)
        values = ", ".join(f"{name!r}: sa.text({_text(value)!r})" for name, value in sets.items())
        if not self._batched(sets):
            narrowed = f".where(sa.text({_text(where)!r}))" if where else ""
            return f"{declared}\nop.execute(sa.update({rows}){narrowed}.values({{{values}}}))"
        left = self._left(rows, sets, where)
        return f"{declared}\nvalues = {{{values}}}\nleft = {left}\n{self._loop(rows)}"

    def _skeleton(self, where: str, imports: Set[str]) -> str:
        rows = self._variable()
        declared = self._declaration(rows, list(self._types), imports)
        left = f"sa.text({_text(where)!r})" if where else "sa.true()"
        change = self._loop(rows) if self._batched({}) else f"op.execute(sa.update({rows}).where(left).values(values))"
        column = next((name for name in self._types if name not in self._key), "column")
        return f"""\
{declared}
# {_HERE}: what a row gets, as {{{column!r}: sa.func.lower({_member(rows, column)})}}.
values = {{}}
# {_HERE}: true for the rows that are still to be changed, false for those that are done.
left = {left}
if not values:
    raise NotImplementedError("upgrade() does not say yet what the rows get.")
{change}"""

    def _declaration(self, rows: str, columns: List[str], imports: Set[str]) -> str:
        listed = "".join(f"    sa.column({name!r}, {_type(self._types[name], imports)}),\n" for name in columns)
        schema = f"    schema={self._schema!r},\n" if self._schema else ""
        return f"{rows} = sa.table(\n    {self._name!r},\n{listed}{schema})"

    def _left(self, rows: str, sets: Dict[str, str], where: str) -> str:
        """The rows that are still to be changed: so that what was done before an interruption is not done again."""
        differs = [
            f"{_member(rows, name)}.is_distinct_from(sa.text({_text(f'({value})')!r}))"
            for name, value in sets.items()
            if not isinstance(self._types[name], sa.JSON)
        ]
        comparable = len(differs) == len(sets)
        changed = f"sa.or_({', '.join(differs)})" if len(differs) > 1 else "".join(differs)
        given = f"sa.text({_text(f'({where})')!r})" if where else ""
        if not comparable or not changed:
            return given or "sa.true()"
        return f"sa.and_({given}, {changed})" if given else changed

    def _loop(self, rows: str) -> str:
        keys = ", ".join(_member(rows, name) for name in self._key)
        one = len(self._key) == 1
        return f"""\
# {BATCH} rows at a time, each batch committed by itself: nobody waits long for a lock, and a run that was
# interrupted goes on with the rows that are left.
key = {keys if one else f"sa.tuple_({keys})"}
batch = sa.select({keys}).where(left).order_by({keys}).limit({BATCH})
with op.get_context().autocommit_block():
    connection = op.get_bind()
    step = batch
    while found := connection.execute(step).all():
        connection.execute(sa.update({rows}).where(key.in_(step)).values(values))
        step = batch.where(key > {"found[-1][0]" if one else "sa.tuple_(*found[-1])"})"""

    def _batched(self, sets: Dict[str, str]) -> bool:
        facts = self._facts
        reads = bool(sets) and self._reads_itself(sets)
        return facts.postgresql and facts.large(self._table) and bool(self._key) and not reads

    @staticmethod
    def _reads_itself(sets: Dict[str, str]) -> bool:
        words = {word.lower() for value in sets.values() for word in re.findall(r"\w+", value)}
        return any(name.lower() in words for name in sets)

    def _variable(self) -> str:
        return self._name if self._name.isidentifier() and self._name not in _TAKEN else "rows"


def _member(rows: str, column: str) -> str:
    return f"{rows}.c.{column}" if column.isidentifier() and not hasattr(dict, column) else f"{rows}.c[{column!r}]"


def _text(value: str) -> str:
    """*value* as ``sa.text`` takes it: a colon before a name would be a parameter."""
    return re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", value)


def _type(kind: Any, imports: Set[str]) -> str:
    found: Optional[Any] = re.match(r"sqlalchemy\.dialects\.(\w+)", type(kind).__module__)
    if found is None:
        return f"sa.{kind!r}"
    imports.add(f"from sqlalchemy.dialects import {found[1]}")
    return f"{found[1]}.{kind!r}"
