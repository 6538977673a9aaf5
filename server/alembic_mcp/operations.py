"""What a revision does, as data: the worker records it, `review.reading` builds it, the rules read it.

An operation is what the revision asked for (an Alembic directive or a parsed SQL statement) together with the
statements that it sent and, where it was rehearsed, what the database did with them (`recorded`).

Tables are named ``table`` in the default schema and ``schema.table`` elsewhere, unquoted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .direction import Direction
from .recorded import Dropped, Lock, Measured, RecordedError, Rehearsed, Statement

__all__ = [
    "AddColumn",
    "AddConstraint",
    "AlterColumn",
    "AlterObject",
    "Column",
    "ConstraintKind",
    "CreateIndex",
    "CreateObject",
    "CreateTable",
    "Delete",
    "Direction",
    "DropColumn",
    "DropConstraint",
    "DropIndex",
    "DropObject",
    "DropTable",
    "Dropped",
    "Harmless",
    "Insert",
    "Lock",
    "Measured",
    "Operation",
    "RecordedError",
    "Rehearsed",
    "RenameTable",
    "Revision",
    "Statement",
    "Truncate",
    "Unrecognised",
    "Update",
    "ValidateConstraint",
]


class ConstraintKind(StrEnum):
    """The kinds of constraint, named as SQL names them."""

    PRIMARY_KEY = "primary key"
    UNIQUE = "unique"
    FOREIGN_KEY = "foreign key"
    CHECK = "check"
    EXCLUDE = "exclude"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The common part: where it stands and what it sent.

    Attributes:
        line: line in the revision file, 0 if unknown.
        statements: what it sent, in order; empty where it sent nothing or it was not run.
        from_sql: read from raw SQL rather than from an Alembic directive.
        from_effect: nobody wrote it down: it was seen to happen (a helper, a DO block, a function, a cascade).
        batch: part of a ``batch_alter_table`` that rebuilds its table (SQLite).
    """

    line: int = 0
    statements: tuple[Statement, ...] = ()
    from_sql: bool = False
    from_effect: bool = False
    batch: bool = False

    @property
    def autocommit(self) -> bool:
        """True if all its statements ran outside the transaction of the revision."""
        return bool(self.statements) and all(statement.autocommit for statement in self.statements)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it names."""
        table = getattr(self, "table", None)
        return (table,) if table else ()


@dataclass(frozen=True)
class Column:
    """A column as a directive declares it; ``type`` is spelt by the database's dialect."""

    name: str
    type: str = ""
    nullable: bool = True
    server_default: str | None = None
    primary_key: bool = False
    identity: bool = False
    computed: bool = False


@dataclass(frozen=True, kw_only=True)
class CreateTable(Operation):
    """CREATE TABLE."""

    table: str
    columns: tuple[Column, ...] = ()
    if_not_exists: bool = False


@dataclass(frozen=True, kw_only=True)
class DropTable(Operation):
    """DROP TABLE."""

    table: str
    cascade: bool = False
    if_exists: bool = False


@dataclass(frozen=True, kw_only=True)
class RenameTable(Operation):
    """ALTER TABLE ... RENAME TO."""

    table: str
    to: str


@dataclass(frozen=True, kw_only=True)
class AddColumn(Operation):
    """ALTER TABLE ... ADD COLUMN."""

    table: str
    column: Column


@dataclass(frozen=True, kw_only=True)
class DropColumn(Operation):
    """ALTER TABLE ... DROP COLUMN."""

    table: str
    column: str
    cascade: bool = False


@dataclass(frozen=True, kw_only=True)
class AlterColumn(Operation):
    """A change of one column; what is None does not change.

    Attributes:
        default: the new server default; ``drops_default`` if it is removed.
        using: the expression of USING.
    """

    table: str
    column: str
    nullable: bool | None = None
    type: str | None = None
    existing_type: str | None = None
    default: str | None = None
    drops_default: bool = False
    rename_to: str | None = None
    using: str | None = None


@dataclass(frozen=True, kw_only=True)
class CreateIndex(Operation):
    """CREATE INDEX; ``where`` is the condition of a partial one, ``nulls_equal`` is NULLS NOT DISTINCT.

    With ``only`` the partitions of a partitioned table are left out: no row is read.
    """

    table: str
    name: str | None
    columns: tuple[str, ...] = ()
    unique: bool = False
    concurrently: bool = False
    if_not_exists: bool = False
    where: str | None = None
    nulls_equal: bool = False
    only: bool = False


@dataclass(frozen=True, kw_only=True)
class DropIndex(Operation):
    """DROP INDEX."""

    name: str
    table: str | None = None
    concurrently: bool = False


@dataclass(frozen=True, kw_only=True)
class AddConstraint(Operation):
    """ALTER TABLE ... ADD CONSTRAINT; ``references`` is the other table of a foreign key."""

    table: str
    name: str | None
    kind: ConstraintKind
    columns: tuple[str, ...] = ()
    references: str | None = None
    referenced_columns: tuple[str, ...] = ()
    on_delete: str | None = None
    expression: str | None = None
    not_valid: bool = False
    using_index: str | None = None
    nulls_equal: bool = False


@dataclass(frozen=True, kw_only=True)
class DropConstraint(Operation):
    """ALTER TABLE ... DROP CONSTRAINT."""

    table: str
    name: str | None
    kind: ConstraintKind | None = None
    cascade: bool = False


@dataclass(frozen=True, kw_only=True)
class ValidateConstraint(Operation):
    """ALTER TABLE ... VALIDATE CONSTRAINT."""

    table: str
    name: str


@dataclass(frozen=True, kw_only=True)
class CreateObject(Operation):
    """Anything else that is created: ``kind`` is view, sequence, type, schema, extension, function, trigger, ..."""

    kind: str
    name: str
    table: str | None = None


@dataclass(frozen=True, kw_only=True)
class DropObject(Operation):
    """Anything else that is dropped; ``kind`` as in CreateObject; ``table`` where it hangs on one (trigger, policy)."""

    kind: str
    name: str
    cascade: bool = False
    table: str | None = None


@dataclass(frozen=True, kw_only=True)
class AlterObject(Operation):
    """Any other change of something that is there, or a command on it.

    Attributes:
        kind: as in CreateObject, or table, index, setting, privileges, transaction.
        action: SQL's own words in lower case: ``add value``, ``disable trigger``, ``vacuum full``, ``refresh``,
            ``lock``, ``grant``, ``set``, ``commit``.
        name: what is changed; ``table`` where it is a table or hangs on one.
        text: the rest of the action, as it was written.
    """

    kind: str
    action: str
    name: str = ""
    table: str | None = None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Truncate(Operation):
    """TRUNCATE."""

    table: str
    cascade: bool = False


@dataclass(frozen=True, kw_only=True)
class Delete(Operation):
    """DELETE; ``where`` is the condition as SQL, None if there is none."""

    table: str
    where: str | None = None


@dataclass(frozen=True, kw_only=True)
class Update(Operation):
    """UPDATE; ``where`` is the condition as SQL, None if there is none."""

    table: str
    columns: tuple[str, ...] = ()
    where: str | None = None


@dataclass(frozen=True, kw_only=True)
class Insert(Operation):
    """INSERT, bulk inserts included; ``replaces`` if it may overwrite rows that are there (ON CONFLICT DO UPDATE)."""

    table: str
    replaces: bool = False


@dataclass(frozen=True, kw_only=True)
class Harmless(Operation):
    """Known to change neither data nor what others can do: a pure read, a comment, SET of the session."""

    what: str


@dataclass(frozen=True, kw_only=True)
class Unrecognised(Operation):
    """Neither understood nor measured, or only seen to write to ``writes``: never passed in silence."""

    sql: str
    writes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revision:
    """One revision of a path, as the rules see it.

    Attributes:
        upgrade: operations of upgrade(), in order; ``downgrade`` likewise.
        created_before: tables created by earlier revisions of the same path: not live.
        renamed: name in this revision -> name in the target database, for tables renamed earlier in the path.
        rehearsed: None where no rehearsal was possible.
        source: text of the file; empty if it could not be read.
    """

    revision: str
    path: str = ""
    message: str = ""
    upgrade: tuple[Operation, ...] = ()
    downgrade: tuple[Operation, ...] = ()
    created_before: frozenset[str] = frozenset()
    renamed: dict[str, str] = field(default_factory=dict)
    rehearsed: Rehearsed | None = None
    source: str = ""

    def operations(self, direction: Direction) -> tuple[Operation, ...]:
        """The operations of one direction."""
        return self.upgrade if direction is Direction.UPGRADE else self.downgrade
