"""Scratch databases on demand: where they live, and that they are gone afterwards."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import anyio
import anyio.to_thread

from ..target import Target
from .place import Scratch, ScratchUnavailable, cache_folder
from .sqlite import Folder, copy_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from .postgres import PostgresServers

__all__ = ["ScratchServers"]

_NAMES = {"mysql": "MySQL", "mariadb": "MariaDB"}


class ScratchServers:
    """Makes scratch databases; an async context manager that leaves none behind.

    The embedded PostgreSQL starts with the first database that needs it, and stops here if nobody else uses it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Keep data under *folder*, else under ``ALEMBIC_MCP_CACHE_DIR``, else in the user's cache folder."""
        self._folder = folder
        self._postgres: PostgresServers | None = None
        self._files: Folder | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._close)

    def clone(
        self, target: Target | None, version_rows: Sequence[str], *, own_server: bool = False
    ) -> AbstractAsyncContextManager[Scratch]:
        """A copy of the target's schema with *version_rows* in its version table; dropped at the end of the context.

        It is made on the target's own server if *own_server* (its environment is development), the role may create
        databases and the connection can be followed; else, or if that fails, on the embedded PostgreSQL. SQLite: a
        copy of the file, with its rows while it is small. No *target*: an empty PostgreSQL database.

        Raises:
            ScratchUnavailable: on entering: there can be none, and the message says why.
        """
        if target is None:
            return self.empty()
        if target.dialect == "sqlite":
            return self._file(target.connect.path, target, version_rows)
        if target.dialect == "postgresql":
            return self._copy(target, version_rows, own_server=own_server)
        return self.empty(target.dialect)

    def empty(self, dialect: str = "postgresql") -> AbstractAsyncContextManager[Scratch]:
        """An empty database, on the embedded PostgreSQL or in a SQLite file; dropped at the end of the context.

        Raises:
            ScratchUnavailable: on entering: there can be none, and the message says why.
        """
        return self._file(None, None, ()) if dialect == "sqlite" else self._blank(dialect)

    @asynccontextmanager
    async def _copy(self, target: Target, version_rows: Sequence[str], *, own_server: bool) -> AsyncIterator[Scratch]:
        async with self._servers().clone(target, version_rows, own_server=own_server) as scratch:
            yield scratch

    @asynccontextmanager
    async def _blank(self, dialect: str) -> AsyncIterator[Scratch]:
        if dialect != "postgresql":
            raise ScratchUnavailable(
                f"There are no scratch databases for {_NAMES.get(dialect, dialect)}.",
                "Try it on a database of its own first: what the files say is judged, and nothing is rehearsed.",
            )
        async with self._servers().empty() as scratch:
            yield scratch

    def _servers(self) -> PostgresServers:
        if self._postgres is None:
            from .postgres import PostgresServers  # psycopg takes 0.1 s, SQLite does not need it

            self._postgres = PostgresServers(self._folder)
        return self._postgres

    @asynccontextmanager
    async def _file(
        self, source: str | None, target: Target | None, version_rows: Sequence[str]
    ) -> AsyncIterator[Scratch]:
        folder = await anyio.to_thread.run_sync(self._make_folder)
        try:
            pristine, used = folder / "pristine", folder / "used" / (Path(source).name if source else "empty.sqlite")
            used.parent.mkdir()
            table = target.version_table if target else ""
            whole = await anyio.to_thread.run_sync(copy_database, source, pristine, table, version_rows)

            def recreate() -> None:
                shutil.rmtree(used.parent)
                used.parent.mkdir()
                shutil.copyfile(pristine, used)

            async def fresh() -> None:
                await anyio.to_thread.run_sync(recreate)

            await fresh()
            warnings = () if whole else ("It has the schema only: the file is too large to be copied for a rehearsal.",)
            where = "an empty SQLite file" if source is None else "a copy of the SQLite file"
            yield Scratch(
                {"dialect": "sqlite", "path": str(used)}, where, same_version=True, recreate=fresh, warnings=warnings
            )
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))

    def _make_folder(self) -> Path:
        try:
            if self._files is None:
                self._files = Folder(cache_folder(self._folder) / "scratch")
            return self._files.make()
        except OSError as error:
            raise ScratchUnavailable(
                f"There is no place for scratch files: {error}", "Set ALEMBIC_MCP_CACHE_DIR to a folder of your own."
            ) from error

    def _close(self) -> None:
        try:
            if self._postgres is not None:
                self._postgres.close()
        finally:
            if self._files is not None:
                self._files.remove()
            self._postgres = self._files = None
