"""Scratch copies of SQLite files: the whole file while it is small, else its schema."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..owner import Owner
from .place import ScratchUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Folder", "copy_database", "uri"]

WHOLE_BELOW = 64 * 1024 * 1024  # bytes of file: up to here the rows are copied too
_OWNER = "owner.json"
_BUSY = 10.0  # seconds to wait for a writer


class Folder:
    """A folder for scratch files, gone with its process: what a killed one left is swept by the next."""

    def __init__(self, parent: Path) -> None:
        """Make a folder of our own under *parent*, and remove those whose process is gone."""
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in parent.iterdir():
            if old.is_dir() and _is_leftover(old):
                shutil.rmtree(old, ignore_errors=True)
        self.path = Path(tempfile.mkdtemp(prefix="files-", dir=parent))
        (self.path / _OWNER).write_text(json.dumps(Owner.me().as_dict()), encoding="utf-8")

    def make(self) -> Path:
        """A new empty folder in it."""
        return Path(tempfile.mkdtemp(dir=self.path))

    def remove(self) -> None:
        """Remove it with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def uri(path: str | Path, mode: str = "ro") -> str:
    """The file as SQLite takes it with ``uri=True``."""
    return f"{Path(path).absolute().as_uri()}?mode={mode}"


def copy_database(source: str | None, copy: Path, version_table: str, version_rows: Sequence[str]) -> bool:
    """Copy the database *source* to the new file *copy*, with *version_rows* in its version table.

    A *source* that does not exist (or is in memory: None) gives an empty database. Returns True if rows were copied.

    Raises:
        ScratchUnavailable: it cannot be read.
    """
    whole = True
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as target:
            if source is not None and Path(source).exists():
                whole = Path(source).stat().st_size < WHOLE_BELOW
                with closing(_open(source)) as original:
                    if whole:
                        original.backup(target)
                    else:
                        _copy_schema(original, target)
            # A copy in WAL mode would leave files next to it.
            target.execute("PRAGMA journal_mode = DELETE")
            _set_versions(target, version_table, version_rows)
    except (sqlite3.Error, OSError) as error:
        raise ScratchUnavailable(
            f"The SQLite file {source} could not be copied: {error}",
            "Check that it is a database, that it may be read, and that nobody keeps it locked.",
        ) from error
    return whole


def _open(source: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(uri(source), uri=True, timeout=_BUSY)
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        # In a folder that cannot be written, a file in WAL mode opens only as one that nobody changes.
        wal = Path(f"{source}-wal")
        if wal.exists() and wal.stat().st_size:
            raise
        connection = sqlite3.connect(uri(source) + "&immutable=1", uri=True, timeout=_BUSY)
    return connection


def _copy_schema(original: sqlite3.Connection, target: sqlite3.Connection) -> None:
    (encoding,) = original.execute("PRAGMA encoding").fetchone()
    target.execute(f"PRAGMA encoding = '{encoding}'")
    for pragma in ("user_version", "application_id", "auto_vacuum"):
        (value,) = original.execute(f"PRAGMA {pragma}").fetchone()
        target.execute(f"PRAGMA {pragma} = {value:d}")
    query = """
        SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*'
        ORDER BY CASE type WHEN 'table' THEN sql NOT LIKE 'CREATE VIRTUAL%'
                           WHEN 'index' THEN 2 WHEN 'view' THEN 3 ELSE 4 END, rowid
    """
    target.execute("BEGIN")
    for name, statement in original.execute(query):
        # A virtual table has made its own shadow tables by now.
        if not target.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [name]).fetchone():
            target.execute(statement)
    target.execute("COMMIT")


def _set_versions(target: sqlite3.Connection, version_table: str, version_rows: Sequence[str]) -> None:
    name = '"' + version_table.rpartition(".")[2].replace('"', '""') + '"'
    with suppress(sqlite3.OperationalError):  # there is none
        target.execute(f"DELETE FROM {name}")  # noqa: S608 - quoted
    if version_rows:
        target.execute(f"CREATE TABLE IF NOT EXISTS {name} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        rows = [[row] for row in version_rows]
        target.executemany(f"INSERT INTO {name} (version_num) VALUES (?)", rows)  # noqa: S608 - quoted


def _is_leftover(folder: Path) -> bool:
    try:
        owner = Owner.read(json.loads((folder / _OWNER).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False
    return owner is not None and owner.is_dead
