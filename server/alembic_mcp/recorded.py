"""What was seen when a revision ran on the scratch database: each statement, what it did, and how the run ended.

Tables are named as in `operations`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .locks import LockMode

__all__ = ["Dropped", "Lock", "Measured", "RecordedError", "Rehearsed", "Statement"]


@dataclass(frozen=True)
class Lock:
    """A table lock that a statement acquired and that its transaction held to its end."""

    mode: LockMode
    table: str


@dataclass(frozen=True)
class Dropped:
    """An object that a statement dropped, named by the database, cascades included.

    Attributes:
        kind: as PostgreSQL's event trigger names it: ``table``, ``table column``, ``index``, ``view``, ...
        name: unquoted identity: ``persons``, ``persons.email``, ``other_schema.persons``.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class Measured:
    """What the database was seen to do with one statement on the scratch database.

    Attributes:
        locks: acquired by this statement and held to the end of its transaction; ACCESS SHARE left out.
        rewritten: tables whose storage was written anew.
        scanned: tables read from end to end.
        indexes_built: (index, table) pairs.
        created: (kind, name) pairs; ``altered`` likewise.
        dropped: every object that went, cascades included.
        complete: True if objects were watched by event triggers, so that what is not listed did not happen.
    """

    locks: tuple[Lock, ...] = ()
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    indexes_built: tuple[tuple[str, str], ...] = ()
    created: tuple[tuple[str, str], ...] = ()
    altered: tuple[tuple[str, str], ...] = ()
    dropped: tuple[Dropped, ...] = ()
    complete: bool = False


@dataclass(frozen=True)
class Statement:
    """One SQL statement as it was sent to the database (or, unrehearsed, as it would be sent).

    Attributes:
        sql: the text, with the placeholders of the driver.
        line: line in the revision file that led to it, 0 if unknown.
        autocommit: sent outside the transaction of the revision.
        milliseconds: time on the (empty) scratch database.
        rows: rows touched on the scratch database; None if the driver does not say.
        measured: None if it was not run, or the database cannot be watched.
        transaction: statements with the same number ran in one transaction; 0 if unknown.
    """

    sql: str
    line: int = 0
    autocommit: bool = False
    milliseconds: float = 0.0
    rows: int | None = None
    measured: Measured | None = None
    transaction: int = 0
    error: str | None = None


@dataclass(frozen=True)
class RecordedError:
    """How a revision's function failed on the scratch database.

    Attributes:
        message: type and text of the exception, redacted.
        sql: the statement that failed, if one did.
        line: line in the revision file, 0 if unknown.
    """

    message: str
    sql: str | None = None
    line: int = 0


@dataclass(frozen=True)
class Rehearsed:
    """What became of one revision on the scratch database; None: not tried, or not known.

    Attributes:
        restored: the schema after upgrade and downgrade equals the one before.
        not_restored: what differs, one plain line each: ``index ix_a on a is missing``.
        downgrade_empty: the downgrade sent no statement although the upgrade did.
        downgrade_missing: the file defines no ``downgrade``.
    """

    upgraded: bool | None = None
    downgraded: bool | None = None
    restored: bool | None = None
    reupgraded: bool | None = None
    not_restored: tuple[str, ...] = ()
    upgrade_error: RecordedError | None = None
    downgrade_error: RecordedError | None = None
    reupgrade_error: RecordedError | None = None
    downgrade_empty: bool = False
    downgrade_missing: bool = False
