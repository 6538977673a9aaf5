"""What every workflow needs: the project, its revisions, its database, and the processes that serve them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from ..errors import Refused, remember
from ..project import Project, discover, find
from ..report import Database, RevisionLine
from ..revisions import Revisions, read
from ..settings import NamedDatabase
from ..target import Connect, Environment, Target
from ..worker_client import Reply, Workers

if TYPE_CHECKING:
    from ..scratch import ScratchServers
    from ..store import Store
    from .approve import Run
    from .change import Prepared

__all__ = ["App", "Located", "Progress", "silent"]

Progress = Callable[[float, float | None, str], Awaitable[None]]

LOOK_SECONDS = 120.0
REHEARSE_SECONDS = 900.0


class Page(Protocol):
    """What serves the approval page."""

    async def address(self, plan_id: str) -> str | None:
        """Where a plan is approved; None if no page can be served."""


async def silent(done: float, total: float | None, message: str) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True)
class Located:
    """A project's database, found: what `Target` says, and what it counts as."""

    project: Project
    target: Target
    environment: Environment
    reason: str

    def report(self) -> Database:
        """The database as reports show it."""
        target = self.target
        return Database(
            dialect=target.dialect,
            name=target.name,
            host=target.host,
            environment=self.environment,
            environment_reason=self.reason,
            server_version=target.server_version,
            heads=list(target.heads),
        )


@dataclass
class App:
    """One server's state: where projects are looked for, and the helpers that are started on first use.

    Attributes:
        start: the folder (or configuration file) that projects are looked for from.
        read_only: no workflow that changes a database or a file runs.
        prepared: changes that were prepared and not run yet, by request.
        pins: fingerprints that the server's command line pins: no other approver counts.
        runs: how the runs of approved plans go, by the plan's id.
        page: the approval page; None where nothing serves one.
    """

    start: Path
    workers: Workers
    read_only: bool = False
    interpreter: Path | None = None
    prepared: dict[str, Prepared] = field(default_factory=dict)
    pins: tuple[str, ...] = ()
    runs: dict[str, Run] = field(default_factory=dict)
    page: Page | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _scratch: ScratchServers | None = None
    _store: Store | None = None
    _once: anyio.Lock = field(default_factory=anyio.Lock)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, start: Path, *, read_only: bool = False, interpreter: Path | None = None, pins: tuple[str, ...] = ()
    ) -> AsyncIterator[App]:
        """An app over the projects at *start*; leaving it stops every process and drops every scratch database."""
        async with AsyncExitStack() as stack:
            workers = await stack.enter_async_context(Workers())
            app = cls(
                start=start, workers=workers, read_only=read_only, interpreter=interpreter, pins=pins, _stack=stack
            )
            yield app

    def project(self, name: str | None = None) -> Project:
        """The project called *name*, or the only one. Raises Refused if there is none, or several."""
        return find(self.start, name)

    def projects(self) -> list[Project]:
        """All projects found from here."""
        return discover(self.start)

    def allow_changes(self) -> None:
        """Raises Refused on a read-only server."""
        if self.read_only:
            raise Refused(
                "This server is read-only: nothing was changed.",
                "Use current, history, review and check, or start the server without --read-only.",
            )

    async def revisions(self, project: Project) -> Revisions:
        """The revision graph; from the files alone where they can be read, else by the project's own Alembic."""
        revisions = read(project)
        if project.static and revisions.static:
            return revisions
        reply = await self.call(project, "index", {}, timeout=LOOK_SECONDS, revisions=None)
        return Revisions.from_worker(reply.result)

    async def look(self, project: Project, database: str = "default", *, schema: bool = False) -> Located:
        """Find the database: identity, heads, environment; its schema's fingerprint too if *schema*.

        Raises Refused for a database that the settings don't name, WorkerFailed where it can't be reached.
        """
        from ..policy import environment as environment_of  # noqa: PLC0415 - brings all rules, too much for a start

        revisions = read(project) if project.static else None
        reply = await self.call(
            project, "look", {"schema": schema}, database=database, timeout=LOOK_SECONDS, revisions=revisions
        )
        target = _target(database, reply.result)
        environment, reason = environment_of(target, named(project, database))
        return Located(project, target, environment, reason)

    async def call(
        self,
        project: Project,
        call: str,
        args: dict[str, Any],
        *,
        timeout: float,
        database: str = "default",
        revisions: Revisions | None = None,
        on_progress: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
    ) -> Reply:
        """One call of the worker under the project's interpreter."""
        settings = named(project, database)
        worker = await self.workers.get(self.interpreter or project.interpreter)
        description = project.as_worker()
        if revisions is not None and revisions.static and project.static:
            description["index"] = revisions.as_worker()
        return await worker.call(
            call,
            description,
            args,
            env=_environment_variables(settings),
            x=[*project.settings.x, *settings.x],
            timeout=timeout,
            on_progress=on_progress,
        )

    async def scratch(self) -> ScratchServers:
        """The scratch databases, opened on first use."""
        from ..scratch import ScratchServers  # noqa: PLC0415 - costs a second of start-up that most calls don't need

        async with self._once:
            if self._scratch is None:
                self._scratch = await self._stack.enter_async_context(ScratchServers())
        return self._scratch

    async def approval_address(self, plan_id: str) -> str | None:
        """Where a person approves the plan in a browser; None if no page is served."""
        return None if self.page is None else await self.page.address(plan_id)

    async def store(self) -> Store:
        """The store of plans, opened on first use."""
        from ..store import Store  # noqa: PLC0415 - imports SQLAlchemy

        async with self._once:
            if self._store is None:
                self._store = await anyio.to_thread.run_sync(Store)
                self._stack.callback(self._store.close)
        return self._store


def named(project: Project, database: str) -> NamedDatabase:
    """The settings of a database by name. Raises Refused if they don't name it."""
    databases = project.settings.databases
    if database in databases:
        return databases[database]
    if database == "default":
        return NamedDatabase(name="default")
    known = ", ".join(sorted({"default", *databases}))
    raise Refused(
        f"No database is called {database!r} here. Nothing was done.",
        f"Use one of: {known}.",
        f"Or name it under [tool.alembic-mcp.databases.{database}] in pyproject.toml.",
    )


def lines(revisions: Revisions, ids: list[str]) -> list[RevisionLine]:
    """Revisions as reports list them."""
    return [
        RevisionLine(revision=id_, message=revisions.by_id[id_].message if id_ in revisions.by_id else "")
        for id_ in ids
    ]


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file; ``missing`` if it can't be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return "missing"


def _environment_variables(settings: NamedDatabase) -> dict[str, str]:
    values = {}
    for variable, source in settings.env.items():
        value = os.environ.get(source)
        if value is None:
            raise Refused(
                f"The database {settings.name!r} takes {variable} from the environment variable {source}, which is "
                "not set where the server runs. Nothing was done.",
                f"Start the server with {source} set.",
            )
        values[variable] = value
    return values


def _target(database: str, found: dict[str, Any]) -> Target:
    connect = found.pop("connect")
    libpq: dict[str, str] = connect.get("libpq") or {}
    names = {found.get("name"), found.get("user"), found.get("dialect")}
    remember(*(libpq[key] for key in ("password", "sslpassword") if libpq.get(key) and libpq[key] not in names))
    found["heads"], found["pins"] = tuple(found["heads"]), tuple(found.get("pins", ()))
    found["warnings"] = tuple(found.get("warnings", ()))
    return Target(
        database=database,
        connect=Connect(libpq=libpq, path=connect.get("path"), complete=bool(connect.get("complete"))),
        **found,
    )
