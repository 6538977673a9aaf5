"""Keeps what Alembic's batch mode loses when SQLite rebuilds a table: it reads a table back less exactly than it is."""

from __future__ import annotations

import copy
import re
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

import sqlalchemy
from alembic.autogenerate.render import _render_column, render_op, renderers
from alembic.operations import ops
from sqlalchemy import schema as sa_schema
from sqlalchemy.sql.elements import conv

from ..schema_sqlite import _checks
from .changes import Facts
from .directives import Autocommit, Code, sql
from .quoting import mentioned, renamed

__all__ = ["PLAIN_INDEX", "Known", "Rebuild", "rebuilt"]

_IN_PLACE = (ops.AddColumnOp, ops.CreateIndexOp, ops.DropIndexOp, ops.CreateTableCommentOp, ops.DropTableCommentOp)
_WORD = re.compile(r"\w+")
_QUOTED = r"(?:\w+|\"[^\"]+\"|`[^`]+`|\[[^\]]+\])"
PLAIN_INDEX = re.compile(rf"\(\s*{_QUOTED}(?:\s*,\s*{_QUOTED})*\s*\)\s*$")
"""Ends the SQL of an index that is made of columns, and nothing more."""
_COLLATE = re.compile(r"\bCOLLATE\s+[\"'`\[]?(\w+)", re.IGNORECASE)
_COMPUTED = re.compile(r"\bAS\s*\(", re.IGNORECASE)
_APART = {
    "fk": "%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
}
_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN")


class Rebuild(ops.ModifyTableOps):
    """Changes of a table that SQLite can only make by rebuilding it.

    Attributes:
        arguments: of ``op.batch_alter_table``, as Python, for what would not be read back.
        nameless: directives of constraints that come back without a name.
        columns: columns that are read back with more than Alembic sees, by ``reflect_args``.
    """

    def __init__(self, table_name: str, inner: List[Any], *, schema: Any = None) -> None:
        super().__init__(table_name, inner, schema=schema)
        self.arguments: Dict[str, str] = {}
        self.checks: List[Tuple[str, str]] = []
        self.nameless: List[Any] = []
        self.columns: List[Any] = []


def rebuilt(table: str, directives: List[Any], facts: Facts) -> List[Any]:
    """Directives that do *directives* to a table in batch mode, and lose nothing of it."""
    if facts.dialect.name != "sqlite":
        return [ops.ModifyTableOps(table, directives, schema=None)]
    known = Known(facts, table)
    # A batch finds no index that is made of more than columns; SQLite makes and drops them without one.
    before = [op for op in directives if isinstance(op, ops.DropIndexOp) and not _of_columns(op._reverse)]
    later = [op for op in directives if isinstance(op, ops.CreateIndexOp) and not _of_columns(op)]
    directives = [op for op in directives if op not in before and op not in later]
    return [*before, *(_rebuilt(table, directives, known, facts) if directives else []), *later]


def _of_columns(op: Any) -> bool:
    return op is None or all(isinstance(part, (str, sqlalchemy.Column)) for part in op.columns)


def _rebuilt(table: str, directives: List[Any], known: Known, facts: Facts) -> List[Any]:
    plain = ops.ModifyTableOps(table, directives, schema=None)
    names = {str(op.column_name): str(op.modify_name) for op in directives
             if isinstance(op, ops.AlterColumnOp) and op.modify_name}  # fmt: skip
    tables = {known.table: table} if known.table != table else {}
    gone = {str(op.column_name) for op in directives if isinstance(op, ops.DropColumnOp)}
    new = {str(op.column.name) for op in directives if isinstance(op, ops.AddColumnOp)}
    again = new & set(known.parts)  # they come back, with what went with them
    generated = facts.generated.setdefault(table, {column.name: (column, at) for column, at in known.generated(set())})
    now = {name: generated[name] for name in generated if name not in gone | new}
    facts.generated[table] = {**now, **{str(op.column.name): (op.column, None) for op in directives if _computes(op)}}
    in_place = all(_in_place(op) for op in directives)
    if not known.sql or (in_place and not (again and known.takes(again))):
        return [plain]
    made = Rebuild(table, [op for op in directives if not getattr(op, "nameless", False)])
    made.nameless = [op for op in directives if getattr(op, "nameless", False)]
    made.checks = [(name, renamed(text, names)) for name, text in known.unnamed_checks() if not gone & mentioned(text)]
    made.nameless += [
        ops.CreateUniqueConstraintOp(None, table, columns)
        for columns in known.unnamed_uniques()
        if again & set(columns) and not gone & set(columns)
    ]
    made.columns = [column for column in known.collated() if str(column.name) not in gone | new]
    _options(made, known.sql)
    if all(_in_place(op) for op in made.ops):
        made.arguments["recreate"] = repr("always")
    _told_apart(made, known, gone, facts)
    _generated(made, now)
    after = _others_again(known, directives, gone, {**names, **tables})
    more = made.arguments or made.checks or made.nameless or made.columns
    bare = not more and made.ops == directives
    found = [plain if bare else made, *after]
    if known.viewed():
        found = [
            Code("# A view reads the table: without this SQLite would not let it be renamed."),
            sql("PRAGMA legacy_alter_table=ON"),
            *found,
            sql("PRAGMA legacy_alter_table=OFF"),
        ]
    if known.enforced():
        found = [
            Code("# Else the rows that refer to the table would go, or keep it, while it is rebuilt."),
            Autocommit([sql("PRAGMA foreign_keys=OFF")]),
            *found,
            Autocommit([sql("PRAGMA foreign_keys=ON")]),
        ]
    return found


def _others_again(known: Known, directives: List[Any], gone: Set[str], names: Dict[str, str]) -> List[Any]:
    touched = {str(op.index_name) for op in directives if isinstance(op, (ops.CreateIndexOp, ops.DropIndexOp))}
    after: List[Any] = []
    for kind, name, text in known.others():
        if name in touched or gone & mentioned(text):
            continue
        if kind == "index":
            after.append(sql(f'DROP INDEX IF EXISTS "{name}"'))
        after.append(sql(renamed(text, names)))
    if after:
        after.insert(0, Code("# SQLite drops them with the old table, and Alembic does not know them."))
    return after


def _in_place(op: Any) -> bool:
    if isinstance(op, ops.AddColumnOp):
        default = op.column.server_default
        computed = getattr(op.column, "computed", None)
        if computed is not None:
            return not computed.persisted
        return default is None or isinstance(getattr(default, "arg", None), str)
    return isinstance(op, _IN_PLACE)


class Known:
    """A table as it is, with what the revision renames first under its new names."""

    def __init__(self, facts: Facts, table: str) -> None:
        now = table
        self.table = table = facts.former.get(table, table)
        self._connection = facts.context.connection
        rows = self._read("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", table)
        self.names = facts.names_now(now)
        self.sql = renamed(str(rows[0][0] or ""), self.names) if rows else ""
        self.parts = dict(_columns(self.sql))

    def _read(self, query: str, *values: Any) -> List[Any]:
        return list(self._connection.exec_driver_sql(query, values).fetchall())

    def unnamed_checks(self) -> List[Tuple[str, str]]:
        """(name, expression) of the CHECKs that Alembic does not carry over."""
        inspector: Any = sqlalchemy.inspect(self._connection)
        carried = {check["name"] for check in inspector.get_check_constraints(self.table) if check["name"]}
        return [(name, text) for name, text in _checks(self.sql) if not name or name not in carried]

    def unnamed_uniques(self) -> List[List[str]]:
        """The columns of each UNIQUE without a name: it goes with a column, and has to come back with it."""
        inspector: Any = sqlalchemy.inspect(self._connection)
        found = inspector.get_unique_constraints(self.table)
        return [[self.now(name) for name in each["column_names"]] for each in found if not each["name"]]

    def nameless(self, kind: str, table: str, facts: Facts) -> Iterator[Any]:
        """Directives of the foreign keys (``fk``) or UNIQUEs (``uq``) without a name, by the names of then."""
        inspector: Any = sqlalchemy.inspect(self._connection)
        now = {old: new for new, old in facts.former.items()}

        def columns(of: str, names: List[str]) -> List[str]:
            return [now.get(f"{of}.{name}", name).rpartition(".")[2] for name in names]

        if kind == "uq":
            for names in self.unnamed_uniques():
                yield ops.CreateUniqueConstraintOp(None, table, names)
            return
        for each in inspector.get_foreign_keys(self.table):
            if not each["name"]:
                other = str(each["referred_table"])
                local, remote = columns(self.table, each["constrained_columns"]), each["referred_columns"]
                more = {key: each["options"].get(key) for key in ("ondelete", "onupdate", "deferrable", "initially")}
                yield ops.CreateForeignKeyOp(None, table, now.get(other, other), local, columns(other, remote), **more)

    def now(self, name: Any) -> str:
        """The new name of a column."""
        return self.names.get(str(name), str(name))

    def takes(self, columns: Set[str]) -> bool:
        """Whether a constraint without a name goes with one of the columns."""
        checks = any(columns & mentioned(text) for _, text in self.unnamed_checks())
        return checks or any(columns & set(each) for each in self.unnamed_uniques())

    def collated(self) -> Iterator[Any]:
        """The columns with a collation of their own, complete."""
        for column in self._reflected():
            found = _COLLATE.search(self.parts.get(self.now(column["name"]), ""))
            kind = column["type"]
            if found and hasattr(kind, "collation") and not column.get("computed"):
                kind = copy.copy(kind)
                kind.collation = found[1]
                default = column["default"]
                yield sa_schema.Column(
                    self.now(column["name"]),
                    kind,
                    server_default=None if default is None else sqlalchemy.text(default),
                    nullable=column["nullable"],
                )

    def generated(self, skipped: Set[str]) -> Iterator[Tuple[Any, Optional[str]]]:
        """The generated columns but *skipped* ones, each with the name of the column before it."""
        if not self.sql:
            return
        before: Optional[str] = None
        hidden = {
            self.now(row[0]): row[1] for row in self._read("SELECT name, hidden FROM pragma_table_xinfo(?)", self.table)
        }
        types = {self.now(column["name"]): column["type"] for column in self._reflected()}
        for name, text in self.parts.items():
            if name in skipped:
                continue
            match = _COMPUTED.search(text)
            if hidden.get(name) in (2, 3) and match is not None:
                expression = text[match.end() : _closing(text, match.end())]
                computed = sa_schema.Computed(expression.strip(), persisted=hidden[name] == 3)  # STORED
                nullable = not re.search(r"\bNOT\s+NULL\b", text, re.IGNORECASE)
                yield sa_schema.Column(name, types[name], computed, nullable=nullable), before
            before = name

    def others(self) -> List[Tuple[str, str, str]]:
        """(kind, name, SQL) of triggers, and of indexes with more to them than columns."""
        rows = self._read(
            "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('index', 'trigger') "
            "AND sql IS NOT NULL ORDER BY type, name",
            self.table,
        )
        texts = [(kind, name, renamed(text, self.names)) for kind, name, text in rows]
        return [(kind, name, text) for kind, name, text in texts if kind == "trigger" or not PLAIN_INDEX.search(text)]

    def viewed(self) -> bool:
        """Whether a view, or a trigger of another table, reads it."""
        query = "SELECT sql FROM sqlite_master WHERE type IN ('view', 'trigger') AND tbl_name <> ?"
        rows = self._read(query, self.table)
        return any(self.table in _WORD.findall(row[0] or "") for row in rows)

    def enforced(self) -> bool:
        """Whether SQLite watches over foreign keys, and one refers to the table."""
        if not self._read("PRAGMA foreign_keys")[0][0]:
            return False
        query = """
            SELECT 1 FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND f."table" = ?
        """
        return bool(self._read(query, self.table))

    def _reflected(self) -> List[Any]:
        inspector: Any = sqlalchemy.inspect(self._connection)
        return list(inspector.get_columns(self.table))


def _options(made: Rebuild, text: str) -> None:
    tail = text[text.rfind(")") :].upper()
    options = {}
    if re.search(r"\bAUTOINCREMENT\b", text, re.IGNORECASE):
        options["sqlite_autoincrement"] = True
    if re.search(r"\bWITHOUT\s+ROWID\b", tail):
        options["sqlite_with_rowid"] = False
    if options:
        made.arguments["table_kwargs"] = repr(options)


def _nameless(op: Any, prefix: str) -> str:
    """A constraint without a name as Python: Alembic's directives want one."""
    if isinstance(op, ops.CreateForeignKeyOp):
        columns = ", ".join(f"{prefix}Column({str(name)!r})" for name in op.remote_cols)
        other = f"list({prefix}Table({str(op.referent_table)!r}, {prefix}MetaData(), {columns}).columns)"
        given = ("ondelete", "onupdate", "deferrable", "initially", "match")
        more = "".join(f", {key}={op.kw[key]!r}" for key in given if op.kw.get(key) is not None)
        return f"ForeignKeyConstraint({[str(name) for name in op.local_cols]!r}, {other}{more})"
    kind = "PrimaryKey" if isinstance(op, ops.CreatePrimaryKeyOp) else "Unique"
    return f"{kind}Constraint({', '.join(repr(str(getattr(name, 'name', name))) for name in op.columns)})"


def _told_apart(made: Rebuild, known: Known, gone: Set[str], facts: Facts) -> None:
    """Name what is read back without a name while one of its kind is dropped; the others get none in the end."""
    drops: List[Any] = [op for op in made.ops if getattr(op, "unnamed", None) is not None]
    kinds = {"fk" if op.constraint_type == "foreignkey" else "uq" for op in drops}
    for op in drops:
        op.constraint_name = conv(_name_apart(op.unnamed, made.table_name))
    names = {str(op.constraint_name) for op in drops}
    for kind in sorted(kinds):
        for each in known.nameless(kind, made.table_name, facts):
            name, own = _name_apart(each, made.table_name), getattr(each, "local_cols", None) or each.columns
            if name not in names and not gone & set(own):
                made.ops.insert(
                    0,
                    ops.DropConstraintOp(conv(name), made.table_name, type_={"fk": "foreignkey", "uq": "unique"}[kind]),
                )
                made.nameless.append(each)
    if kinds:
        made.arguments["naming_convention"] = repr({kind: _APART[kind] for kind in sorted(kinds)})


def _name_apart(op: Any, table: str) -> str:
    """What `_APART` calls the constraint that *op* makes."""
    if isinstance(op, ops.CreateForeignKeyOp):
        return "_".join([table, *map(str, op.local_cols), str(op.referent_table), "fkey"])
    return "_".join([table, *(str(getattr(part, "name", part)) for part in op.columns), "key"])


def _computes(op: Any) -> bool:
    return isinstance(op, ops.AddColumnOp) and getattr(op.column, "computed", None) is not None


def _generated(made: Rebuild, columns: Dict[str, Tuple[Any, Optional[str]]]) -> None:
    """Give the generated columns anew: Alembic would copy their values, which SQLite refuses."""
    if columns:
        note = Code("# Generated columns stay as they are; given anew, their values are not copied.")
        made.ops = [*made.ops, note, *(_Again(made.table_name, column, before) for column, before in columns.values())]


class _Again(ops.AddColumnOp):
    """A generated column that is given anew in its place, behind the column *before*."""

    def __init__(self, table_name: str, column: Any, before: Optional[str]) -> None:
        super().__init__(table_name, column)
        self.before = before


def _columns(text: str) -> Iterator[Tuple[str, str]]:
    """(name, definition) of the columns in a CREATE TABLE."""
    start = text.find("(")
    if start < 0:
        return
    part, depth, quote = "", 0, ""
    for letter in text[start + 1 : _closing(text, start + 1)] + ",":
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"`[":
            quote = "]" if letter == "[" else letter
        depth += {"(": 1, ")": -1}.get(letter, 0) if not quote else 0
        if letter == "," and not depth and not quote:
            name = re.match(r"\s*(?:\"([^\"]+)\"|`([^`]+)`|\[([^\]]+)\]|(\w+))", part)
            if name is not None and not (name[4] and name[4].upper() in _CONSTRAINTS):
                yield next(each for each in name.groups() if each), part[name.end() :]
            part = ""
        else:
            part += letter


def _closing(text: str, start: int) -> int:
    """Where the bracket closes that opened right before *start*."""
    depth, quote = 1, ""
    for at in range(start, len(text)):
        letter = text[at]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"`[":
            quote = "]" if letter == "[" else letter
        else:
            depth += {"(": 1, ")": -1}.get(letter, 0)
            if not depth:
                return at
    return len(text)


@renderers.dispatch_for(_Again)
def _again(context: Any, op: _Again) -> List[str]:
    place = "" if op.before is None else f", insert_after={op.before!r}"
    return [f"batch_op.add_column({_render_column(op.column, context)}{place})"]


@renderers.dispatch_for(Rebuild)
def _rebuild(context: Any, op: Rebuild) -> List[str]:
    arguments = dict(op.arguments)
    prefix = context.opts["sqlalchemy_module_prefix"] or ""
    parts = [f"{prefix}CheckConstraint({text!r}{f', name={name!r}' if name else ''})" for name, text in op.checks]
    parts += [f"{prefix}{_nameless(each, prefix)}" for each in op.nameless]
    if parts:
        arguments["table_args"] = f"({', '.join(parts)},)"
    if op.columns:
        columns = [_render_column(column, context) for column in op.columns]
        arguments["reflect_args"] = f"[{', '.join(columns)}]"
    given = "".join(f", {name}={value}" for name, value in sorted(arguments.items()))
    lines = [f"with op.batch_alter_table({str(op.table_name)!r}{given}){' as batch_op' if op.ops else ''}:"]
    if not op.ops:
        lines.append("    pass  # the table is made again with what is given above")
    with context._within_batch():
        for inner in op.ops:
            for text in render_op(context, inner):
                lines += [f"    {line}" if line else "" for line in text.splitlines()]
    return ["\n".join(lines)]
