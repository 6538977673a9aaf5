"""What every workflow needs: the project, its revisions, its database, and the processes that serve them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from ..errors import Refused
from ..project import Project, discover, find
from ..report import Database, RevisionLine
from ..revisions import Revisions, read
from ..settings import NamedDatabase
from ..target import Environment, Target
from ..worker_client import Reply, WorkerFailed, Workers
from .found import by_ourselves, by_the_worker, with_own_marks
from .shield import raise_shield, sources

if TYPE_CHECKING:
    from ..scratch import Scratch, ScratchServers
    from ..store import Store
    from .approve import Run
    from .change import Prepared

__all__ = ["App", "Located", "Look", "Progress", "silent"]

_INSTALL = (
    "If that module is a library: the project ran under {}; install it there, "
    'or name the project\'s own Python: interpreter = ".venv/bin/python" under [tool.alembic-mcp] in pyproject.toml.'
)

Progress = Callable[[float, float | None, str], Awaitable[None]]
Look = Callable[[Project, str, Revisions | None, dict[str, Any]], Awaitable[dict[str, Any]]]

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
    """A project's database, found: what `Target` says, and what it counts as.

    Attributes:
        scratch: the database itself, where it is a scratch database that stands in for one that can't be reached.
    """

    project: Project
    target: Target
    environment: Environment
    reason: str
    scratch: Scratch | None = None

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
        models: what the call ``models`` answered about the databases that were looked at last.
    """

    start: Path
    workers: Workers
    read_only: bool = False
    interpreter: Path | None = None
    prepared: dict[str, Prepared] = field(default_factory=dict)
    pins: tuple[str, ...] = ()
    runs: dict[str, Run] = field(default_factory=dict)
    page: Page | None = None
    models: OrderedDict[tuple[Any, ...], dict[str, Any]] = field(default_factory=OrderedDict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _scratch: ScratchServers | None = None
    _store: Store | None = None
    _blanks: dict[str, Scratch] = field(default_factory=dict)
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
        return find(self.start, name, interpreter=self.interpreter)

    def projects(self) -> list[Project]:
        """All projects found from here."""
        return discover(self.start, interpreter=self.interpreter)

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

    async def look(
        self,
        project: Project,
        database: str = "default",
        *,
        schema: bool = False,
        marks: bool = False,
        through: Look | None = None,
    ) -> Located:
        """Find the database: identity, heads, environment.

        With *schema* its schema's fingerprint too. With that or *marks*, what it is marked as is read by ourselves; a
        database that the settings take from variables is looked at by ourselves in any case. *through* makes the
        call ``look`` where the project's code may look at the database by itself.

        Raises:
            Refused: the settings don't name it, or not so that we could look at it; or env.py is lying about it.
            WorkerFailed: env.py failed, or it can't be reached (kind ``connection``).
            Unreachable: it can't be reached by ourselves.
        """
        from ..policy import environment as environment_of  # brings all rules, too much for a start

        settings = named(project, database)
        address = raise_shield(project.settings, settings, project.root).address
        revisions = read(project) if project.static else None
        args = {"schema": schema}
        if address is None and through is not None:
            found = await through(project, database, revisions, args)
        else:
            reply = await self.call(project, "look", args, database=database, timeout=LOOK_SECONDS, revisions=revisions)
            found = reply.result
        if address is not None:
            target = await by_ourselves(database, address, found, schema=schema)
        else:
            target = by_the_worker(database, found)
            if schema or marks:
                target = await with_own_marks(target)
        environment, reason = environment_of(target, settings)
        if not target.marks_known and settings.trusted_environment is None and not environment.guarded:
            environment, reason = Environment.UNKNOWN, "what it is marked as could not be read"
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
        on_waiting: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] | None = None,
    ) -> Reply:
        """One call of the worker under the project's interpreter.

        Only a ``run`` gets the real values of the database's variables. What looks at a database that they lead to
        is sent to *args*' ``redirect``; without one, to an empty database that it can't write to.
        """
        settings = named(project, database)
        shield = raise_shield(project.settings, settings, project.root)
        self.workers.withhold(sources(project.settings))
        if shield.address is None or call == "run":
            variables = shield.real
        else:
            if call != "static" and not args.get("redirect"):
                if not _needs_no_tables(call, args):
                    raise RuntimeError(f"{call} of a database that the project's code must not reach; it was not sent")
                blank = await self._blank(shield.address.dialect)
                args = {**args, "redirect": blank.redirect, "read_only": True}
            variables = shield.variables(args.get("redirect"))
        worker = await self.workers.get(project.interpreter)
        description = project.as_worker()
        if revisions is not None and revisions.static and project.static:
            description["index"] = revisions.as_worker()
        try:
            return await worker.call(
                call,
                description,
                args,
                env=variables,
                x=[*project.settings.x, *settings.x],
                timeout=timeout,
                on_progress=on_progress,
                on_waiting=on_waiting,
            )
        except WorkerFailed as error:
            if error.kind == "connection" and shield.address is not None and call != "run":
                self._blanks.pop(shield.address.dialect, None)  # its server may be gone: the next call makes another
            hint = shield.hint()
            if hint is not None and error.kind in ("user_code", "no_configure", "not_redirectable") and call != "run":
                error.next_steps.append(hint)
            if error.details.get("exception") == "builtins.ModuleNotFoundError":
                error.next_steps.insert(0, _INSTALL.format(project.interpreter))
            raise

    async def _blank(self, dialect: str) -> Scratch:
        """An empty scratch database that nobody writes to, for as long as the app is open."""
        servers = await self.scratch()
        async with self._once:
            if dialect not in self._blanks:
                self._blanks[dialect] = await self._stack.enter_async_context(servers.empty(dialect))
        return self._blanks[dialect]

    async def scratch(self) -> ScratchServers:
        """The scratch databases, opened on first use."""
        from ..scratch import ScratchServers  # costs a second of start-up that most calls don't need

        async with self._once:
            if self._scratch is None:
                self._scratch = await self._stack.enter_async_context(ScratchServers())
        return self._scratch

    async def approval_address(self, plan_id: str) -> str | None:
        """Where a person approves the plan in a browser; None if no page is served."""
        return None if self.page is None else await self.page.address(plan_id)

    async def store(self) -> Store:
        """The store of plans, opened on first use."""
        from ..store import Store  # imports SQLAlchemy

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


def _needs_no_tables(call: str, args: dict[str, Any]) -> bool:
    """True if it makes no difference to the answer what is in the database."""
    return call in ("look", "index", "merge") or (call == "render" and args.get("kind") == "empty")


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
