"""Reads revisions without a database: their functions run against one that is not there, the rest is read as source."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from alembic.operations import Operations, batch
from alembic.runtime.environment import EnvironmentContext
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from alembic.util.pyfiles import load_python_file
from sqlalchemy import MetaData
from sqlalchemy.sql import ClauseElement

from . import nowhere, scripts
from .environment import Environment
from .guards import Guards
from .recorder import Recorder, Step
from .resume import Resume

__all__ = ["static"]

_DIRECTIONS = ("upgrade", "downgrade")


def static(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer the call ``static``: what the given revisions would do, as far as it can be told without a database.

    env.py is not run. Each function runs against a database that takes every statement and returns no rows; sockets,
    processes and files of SQLite are closed to it. Where it stops (it looks at the schema, wants a row, raises), the
    rest is read statement by statement, on every branch; so are branches that it left out after it asked for rows.
    What can't be read is an operation of the kind ``unreadable``, with the source text as ``op``.

    Args:
        request: ``args`` are ``revisions`` (ids), ``paths`` (their files, where only env.py tells where they are),
            ``dialect``, ``default_schema``, ``naming_convention`` of the models (see ``look``), and ``run``: False to
            read source alone, for a revision that does not come back.

    Returns:
        ``revisions``: {id: {``upgrade``, ``downgrade``: {``operations``, ``statements``} as in ``rehearse``, never
        measured, with ``from_source`` true where the source was read; ``upgrade_error``, ``downgrade_error``: at what
        the function stopped; ``downgrade_missing``}}; ``outside``: as in ``rehearse``.
    """
    return _Reading(request).answer()


class _Reading:
    def __init__(self, request: Dict[str, Any]) -> None:
        args = request["args"]
        self.wanted: List[str] = list(args["revisions"])
        self.paths: Dict[str, str] = dict(args.get("paths") or {})
        self.naming: Dict[str, str] = {"ix": "ix_%(column_0_label)s", **(args.get("naming_convention") or {})}
        self.runs = bool(args.get("run", True))
        self.environment = Environment(request, "upgrade", revision="heads", sql=False, tag=None)
        self.recorder = Recorder()
        _without_rebuilds(self.recorder)
        redirect = nowhere.Nowhere(self.environment.refused, self.environment.root)
        self.guards = Guards(self.recorder, redirect, self.environment.root)
        self.asked = 0
        self.engine = nowhere.engine(args["dialect"], args.get("default_schema"), self._fetched, self.recorder.past)

    def answer(self) -> Dict[str, Any]:
        found = {}
        for revision in self.wanted:
            script = self._script(revision)
            state: Dict[str, Any] = {"downgrade_missing": False}
            for direction in _DIRECTIONS:
                step, missing = self._read(script, direction)
                state[direction] = step.recorded()
                state[f"{direction}_error"] = step.error
                if missing and direction == "downgrade":
                    state["downgrade_missing"] = True
            found[revision] = state
        return {"revisions": found, "outside": self.guards.outside}

    def _script(self, revision: str) -> Any:
        try:
            return self.environment.script.get_revision(revision)
        except (CommandError, RevisionError):
            # env.py, which is not run here, may say where the revisions are.
            path = self.paths.get(revision)
            if path is None:
                raise
            return _Alone(revision, path)

    def _fetched(self) -> None:
        step = self.recorder.step
        if step is not None and not self.asked:
            self.asked = step.line() or 1

    def _spell(self, value: Any) -> Optional[str]:
        if isinstance(value, str):
            return value
        try:
            return str(value.compile(dialect=self.engine.dialect)) if isinstance(value, ClauseElement) else None
        except Exception:  # noqa: BLE001 - a construct of the user's may fail in any way
            return None

    def _read(self, script: Any, direction: str) -> Tuple[Step, bool]:
        """What one function does, and whether it does not exist."""
        path = scripts.script_file(script)
        step = Step(script.revision, direction, path, {path, os.path.realpath(path)})
        self.asked, missing = 0, False
        with self._context():
            trace = _Trace(step.files)
            module, error = self._run(script, step, trace) if self.runs else (None, None)
            read = len(step.operations), len(step.statements)
            try:
                rest = Resume(
                    self.recorder,
                    step,
                    path,
                    asked=lambda: self.asked,
                    spell=self._spell,
                    runs=self.runs,
                )
                missing = not rest.defines()
                with self.recorder._recording(step):
                    if not self.runs or (error is not None and module is None):
                        rest.whole(None)
                    elif error is not None:
                        rest.after(error, module)
                    elif self.asked and module is not None:
                        rest.untaken(trace.lines, list(trace.returned), module)
            except (SyntaxError, ValueError, OSError) as unreadable:
                step.error = None
                step.operations.append(_unreadable(f"The file can't be read: {unreadable}"))
        if error is not None:
            step.fail(error)
        for item in (*step.operations[read[0] :], *step.statements[read[1] :]):
            item["from_source"] = True
        for item in step.statements:
            item.update(rows=None, milliseconds=0.0, error=None)
        return step, missing

    def _run(self, script: Any, step: Step, trace: _Trace) -> Tuple[Optional[ModuleType], Optional[BaseException]]:
        """The revision's module if it can be imported, and what its function raised."""
        module = None
        try:
            with self.recorder._recording(step):
                if not scripts.has_function(script, step.direction):
                    return _real(script), None
                module = _real(script)
                with trace.watching():
                    getattr(module, step.direction)()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the border to user code: what it raises is part of the answer
            return module, error
        return module, None

    @contextmanager
    def _context(self) -> Iterator[None]:
        with (
            self.engine.connect() as connection,
            EnvironmentContext(self.environment.config, self.environment.script) as environment,
        ):
            environment.configure(connection=connection, target_metadata=MetaData(naming_convention=self.naming))
            context = environment.get_context()
            context._ensure_version_table = _nothing
            with context.begin_transaction(), Operations.context(context):
                yield


class _Alone:
    """A revision of which only the file is known."""

    def __init__(self, revision: str, path: str) -> None:
        self.revision, self.path = revision, path
        self._module: Optional[ModuleType] = None

    @property
    def module(self) -> ModuleType:
        """The file, imported the way Alembic does it."""
        if self._module is None:
            self._module = load_python_file(os.path.dirname(self.path), os.path.basename(self.path))  # noqa: PTH119, PTH120
        return self._module


class _Trace:
    """Notes which lines of the revision's file run, and the local variables with which its functions return."""

    def __init__(self, files: Set[str]) -> None:
        self.lines: Set[int] = set()
        self.returned: List[Tuple[str, Dict[str, Any]]] = []
        self._files = files

    @contextmanager
    def watching(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(before)

    def _call(self, frame: Any, _event: str, _arg: Any) -> Any:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: Any, event: str, _arg: Any) -> Any:
        if event == "line":
            self.lines.add(frame.f_lineno)
        elif event == "return":
            self.returned.append((frame.f_code.co_name, dict(frame.f_locals)))
        return self._line


def _real(script: Any) -> ModuleType:
    module: ModuleType = script.module
    return vars(module).get("_alembic_mcp_real", module)


def _without_rebuilds(recorder: Recorder) -> None:
    """Batch mode copies a table as the database has it, which is not known here: what it is asked for says enough."""
    flush: Any = batch.BatchOperationsImpl.flush

    def flushed(queue: Any) -> None:
        if not queue._should_recreate():
            flush(queue)
            return
        for _, item in recorder._batches.pop(id(queue), ()):
            item["batch"] = True

    batch.BatchOperationsImpl.flush = flushed  # type: ignore[assignment]


def _unreadable(text: str) -> Dict[str, Any]:
    return {"kind": "unreadable", "op": text, "line": 0, "batch": False, "autocommit": False, "statements": []}


def _nothing(*_args: Any, **_kw: Any) -> None:
    """There is no version table."""
