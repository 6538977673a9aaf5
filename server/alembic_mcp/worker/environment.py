"""Runs the project's env.py without its cooperation, as the alembic command would, and says why when it can't."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import inspect
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext

from . import connections, scripts, stand_in
from .errors import CallError, is_user_file
from .failures import explain

__all__ = ["Environment", "Run"]

Work = Callable[[Any, MigrationContext], Optional[Iterable[Any]]]


class Run:
    """One execution of env.py.

    Attributes:
        work: gets the heads and the context when env.py runs its migrations, and returns the steps to take.
        before: gets the context right before Alembic looks at the version table; what it raises stops everything.
        contexts: what env.py configured.
        reached: the contexts whose migrations it ran.
        failure: what *before*, *work* or a step raised, also if env.py swallowed it.
        several: env.py ran migrations for more than one database or schema; only the first was served.
    """

    def __init__(self, work: Work, before: Optional[Callable[[MigrationContext], None]], *, exclusive: bool) -> None:
        self.work = work
        self.before = before
        self.exclusive = exclusive
        self.contexts: List[MigrationContext] = []
        self.reached: List[MigrationContext] = []
        self.failure: Optional[BaseException] = None
        self.several = False

    def steps(self, heads: Any, context: MigrationContext) -> List[Any]:
        """What Alembic calls to learn the steps."""
        if context.as_sql:
            raise CallError("no_configure", "env.py runs in offline mode although it was not asked to.")
        self.reached.append(context)
        if len(self.reached) > 1:
            self.several = True
            if self.exclusive:
                raise CallError(
                    "alembic",
                    "env.py runs migrations for several databases or schemas in one go; "
                    "only one at a time can be judged.",
                    next_steps=["Select one of them, for instance with an -x argument in the settings."],
                )
            return []
        return list(self.work(heads, context) or ())

    def prepare(self, context: MigrationContext) -> None:
        """What happens before Alembic touches the version table."""
        if self.before is not None and not self.reached:
            self.before(context)

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """Remember what is raised inside."""
        try:
            yield
        except BaseException as error:
            self.failure = self.failure or error
            raise


class Environment:
    """A project's configuration, scripts and env.py.

    Attributes:
        root: the project's folder, absolute.
        config: Alembic's configuration.
        script: Alembic's script folder.
        seen: the connections that were opened.
        refused: set by the guards: what was tried and not allowed; checked after every run.
    """

    def __init__(self, request: Dict[str, Any], name: str, **options: Any) -> None:
        """Read the configuration.

        Args:
            request: the call; ``project`` and ``x`` are used.
            name: the alembic command that this call stands for; some env.py ask.
            options: that command's options.

        Raises:
            alembic.util.CommandError: no script folder, or broken configuration.
        """
        project = request["project"]
        self.root = os.path.realpath(project["root"])
        self._folders = {self.root, str(Path(project["root"]).absolute())}
        self.refused: List[CallError] = []
        self.running: Optional[Run] = None
        self._anyio = False
        sys.argv = [str(Path(sys.executable).with_name("alembic")), name]
        self.seen = connections.watch()
        self.config = _config(project, name, request.get("x") or (), options)
        self.script = scripts.load(self.config, project.get("index"))
        redirect = (request.get("args") or {}).get("redirect") or {}
        if redirect.get("fill"):
            stand_in.fill(self, redirect, self._env_py())
        self._patch()

    def run(
        self,
        work: Work,
        *,
        before: Optional[Callable[[MigrationContext], None]] = None,
        exclusive: bool = False,
        **opts: Any,
    ) -> Run:
        """Execute env.py once.

        Args:
            work: see Run.
            before: see Run.
            exclusive: refuse an env.py that runs migrations for more than one database.
            opts: what the alembic command hands to EnvironmentContext (``dont_mutate``, ``destination_rev``, ...).

        Raises:
            CallError: env.py, the connection or *work* failed, also where env.py swallowed it.
        """
        run = self.running = Run(work, before, exclusive=exclusive)
        errors = len(self.seen.errors)
        try:
            self._execute(run, opts)
        except BaseException as error:
            if isinstance(error, SystemExit) and run.reached and run.failure is None and not self.refused:
                return run  # it was done; how env.py leaves is its own business
            raise self._reason(run, error, errors) from error
        finally:
            self.running = None
        if self.refused or run.failure is not None:
            raise self._reason(run, run.failure, errors) from run.failure
        if not run.reached:
            raise self._reason(run, None, errors)
        return run

    def go_on(self, entries: List[Dict[str, Any]], **options: Any) -> None:
        """From now on there are other revisions (see `scripts.load`), and the command has other options."""
        for key, value in options.items():
            setattr(self.config.cmd_opts, key, value)
        self.script = scripts.load(self.config, entries)

    def modules(self) -> Dict[str, str]:
        """The project's files that were imported so far, env.py included: absolute path -> SHA-256."""
        inside = tuple(folder + os.sep for folder in self._folders)
        paths = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        found = {}
        for path in {*paths, str(self._env_py())}:
            # Most modules are elsewhere: ask the file system only about those that are not.
            if path and path.startswith(inside) and path.endswith(".py"):
                real = os.path.realpath(path)
                if is_user_file(real, self.root) and Path(real).is_file():
                    found[real] = hashlib.sha256(Path(real).read_bytes()).hexdigest()
        return dict(sorted(found.items()))

    def sets_version_locations(self) -> bool:
        """Whether env.py says itself where the revisions are."""
        file = self._env_py()
        return file.is_file() and b"version_locations" in file.read_bytes()

    def _env_py(self) -> Path:
        return Path(self.script.dir, "env.py").absolute()

    def _execute(self, run: Run, opts: Dict[str, Any]) -> None:
        def execute() -> None:
            with EnvironmentContext(self.config, self.script, fn=run.steps, **opts):
                self.script.run_env()

        if self._anyio:
            _in_anyio_thread(execute)
            return
        sent = self.seen.statements
        try:
            execute()
        except RuntimeError as error:
            # Written to be called by an AnyIO application; nothing has happened yet, so it can be run as one.
            if "AnyIO worker thread" not in str(error) or self.seen.statements != sent:
                raise
            self._anyio = True
            _in_anyio_thread(execute)

    def _reason(self, run: Run, error: Optional[BaseException], errors: int) -> BaseException:
        if self.refused:
            return self.refused[0]
        swallowed = self.seen.errors[errors:]
        if isinstance(run.failure or error, KeyboardInterrupt):
            return run.failure or error or KeyboardInterrupt()
        return explain(
            run.failure or error, swallowed, self.root, configured=bool(run.contexts), reached=bool(run.reached)
        )

    def _patch(self) -> None:
        configure = EnvironmentContext.configure
        run_migrations = MigrationContext.run_migrations
        environment = self

        def configured(context: EnvironmentContext, *args: Any, **kw: Any) -> None:
            configure(context, *args, **kw)
            if environment.running and context._migration_context is not None:
                environment.running.contexts.append(context._migration_context)

        def migrated(context: MigrationContext, **kw: Any) -> None:
            if environment.running is None or context.as_sql:
                run_migrations(context, **kw)
                return
            with environment.running.noticing():
                environment.running.prepare(context)
                run_migrations(context, **kw)

        EnvironmentContext.configure = configured  # type: ignore[assignment]
        MigrationContext.run_migrations = migrated  # type: ignore[assignment]


def _config(project: Dict[str, Any], name: str, x: Sequence[str], options: Dict[str, Any]) -> Config:
    """The configuration as ``alembic -c ... -n ... -x ... NAME`` makes it, command-line options included."""
    kw: Dict[str, Any] = {}
    reads_toml = "toml_file" in inspect.signature(Config.__init__).parameters
    file = project.get("config_file")
    if project.get("toml_file"):
        if not reads_toml:
            raise CallError(
                "alembic",
                "The project is configured in pyproject.toml, which Alembic reads from 1.16 on.",
                next_steps=["Upgrade Alembic in the project's environment, or add an alembic.ini."],
            )
        kw["toml_file"] = project["toml_file"]
    section = project.get("section") or "alembic"
    function = getattr(command, name, None)
    positional, keywords = ("revision",) if name in ("upgrade", "downgrade", "stamp") else (), tuple(options)
    cmd_opts = argparse.Namespace(
        config=[file] if file and reads_toml else file,
        name=section,
        x=list(x) or None,
        raiseerr=False,
        quiet=False,
        verbose=False,
        sql=False,
        tag=None,
        cmd=(function, positional, keywords),
    )
    for key, value in options.items():
        setattr(cmd_opts, key, value)
    return Config(file, ini_section=section, cmd_opts=cmd_opts, stdout=sys.stdout, **kw)


def _in_anyio_thread(function: Callable[[], None]) -> None:
    # The project's own AnyIO, by name: this package must not depend on it.
    anyio = importlib.import_module("anyio")
    to_thread = importlib.import_module("anyio.to_thread")

    async def main() -> None:
        await to_thread.run_sync(function)

    anyio.run(main)
