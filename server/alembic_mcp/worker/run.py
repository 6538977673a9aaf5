"""Runs revisions on the real database: one at a time, only from where the plan starts, and checked afterwards."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from . import implicit_commits, schema, scripts
from .environment import Environment
from .errors import CallError
from .loaded import Loaded
from .recorder import Recorder, Step

__all__ = ["run"]

Progress = Callable[[Dict[str, Any]], None]

_HOLDER = """
SELECT a.pid, a.application_name, a.usename, a.client_addr::text,
  to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND (l.classid::bigint << 32) + l.objid::bigint = :key
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
_APPLICATION_NAME_LIMIT = 63


def run(request: Dict[str, Any], progress: Progress) -> Dict[str, Any]:
    """Answer the call ``run``.

    Raises:
        CallError: ``locked`` (somebody else is changing this database), ``drift`` (it is not where it was, or the path
            is another one): nothing was run. ``lock_timeout``, ``user_code``, ``alembic``, ``no_configure``: it
            stopped; ``details`` say which revisions' functions were ``done`` and which ``heads`` the database has now.
    """
    return _Change(request, progress).answer()


class _Change:
    def __init__(self, request: Dict[str, Any], progress: Progress) -> None:
        self.args = request["args"]
        self.direction: str = self.args["direction"]
        self.progress = progress
        target = self.args["target"]
        options = {"revisions": [target]} if self.direction == "stamp" else {"revision": target}
        self.environment = Environment(request, self.direction, sql=False, tag=None, **options)
        self.loaded = Loaded(
            self.environment, request, self.args.get("expect_files"), only=bool(self.args.get("only_these_files"))
        )
        self.recorder = Recorder()
        self.before: List[str] = []
        self.schema_before: Dict[str, str] = {}
        self.steps: List[Step] = []
        self.done: List[Dict[str, Any]] = []
        self.current: Optional[Step] = None
        self.dialect = ""

    def answer(self) -> Dict[str, Any]:
        timeout = self.args.get("lock_timeout_ms")
        if timeout:
            milliseconds = int(timeout)
            self.environment.seen.on_connect["postgresql"] = f"SET lock_timeout = {milliseconds}"
            seconds = max(1, round(milliseconds / 1000))
            for name in ("mysql", "mariadb"):
                self.environment.seen.on_connect[name] = f"SET SESSION lock_wait_timeout = {seconds}"
        started = time.perf_counter()
        try:
            self.environment.run(self._work, before=self._prepare, exclusive=True, destination_rev=self.args["target"])
        except CallError as error:
            self._explain(error)
            raise
        milliseconds_taken = round((time.perf_counter() - started) * 1000, 1)
        after, found = self._read_again()
        return {
            "before": self.before,
            "after": after,
            "steps": self.done,
            "delta": schema.delta(self.schema_before, found),
            "fingerprint_after": schema.fingerprint(found),
            "milliseconds": milliseconds_taken,
        }

    def _prepare(self, context: MigrationContext) -> None:
        """Before Alembic touches anything: take the lock, and see that all is as it was when the plan was made."""
        self.dialect = context.dialect.name
        _take_lock(context.connection, self.args.get("lock_key"), self.args.get("holder") or "alembic-mcp")
        self.before = sorted(context.get_current_heads())
        expected = self.args.get("expect_heads")
        if expected is not None and sorted(expected) != self.before:
            raise CallError(
                "drift",
                f"The database is at {_names(self.before)}, not at {_names(sorted(expected))} as planned; "
                "nothing was run.",
                heads=self.before,
            )
        self.schema_before = schema.snapshot(context)
        self._stop_if_refused()

    def _stop_if_refused(self) -> None:
        """Whatever became of a refusal in the code that it met: nothing more is run, and nothing is committed."""
        if self.environment.refused:
            raise self.environment.refused[0]

    def _work(self, heads: Any, context: MigrationContext) -> List[Any]:
        script: Any = context.script
        target = self.args["target"]
        if self.direction == "stamp":
            return list(script._stamp_revs(target, heads))
        find = script._upgrade_revs if self.direction == "upgrade" else script._downgrade_revs
        steps = list(find(target, heads))
        path = [step.revision.revision for step in steps]
        expected = self.args.get("expect_path")
        if expected is not None and list(expected) != path:
            raise CallError(
                "drift",
                f"The path would be {_names(path)}, not {_names(expected)} as planned; nothing was run.",
                path_now=path,
            )
        for index, step in enumerate(steps):
            self.steps.append(
                self.recorder.wrap(step, scripts.script_file(step.revision), self._teller(step, index, len(steps)))
            )
        context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, self._applied(len(steps)))
        return steps

    def _teller(self, step: Any, index: int, of: int) -> Callable[[Step, str], None]:
        def tell(recorded: Step, state: str) -> None:
            self.current = recorded
            self._stop_if_refused()
            self._tell(step.revision, index, of, state)

        return tell

    def _applied(self, of: int) -> Callable[..., None]:
        def applied(**kw: Any) -> None:
            del kw
            self._stop_if_refused()
            step = self.current
            if step is not None:
                self.done.append({"revision": step.revision, "milliseconds": step.milliseconds})
                self._tell(self.environment.script.get_revision(step.revision), len(self.done) - 1, of, "done")

        return applied

    def _tell(self, script: Any, index: int, of: int, state: str) -> None:
        self.progress({"revision": script.revision, "message": script.doc, "index": index, "of": of, "state": state})

    def _explain(self, error: CallError) -> None:
        """Add what was done and where the database is now."""
        error.details["done"] = [each["revision"] for each in self.done]
        failed = next((step for step in self.steps if step.error), None)
        if failed is not None and failed.error is not None:
            error.details["revision"] = failed.revision
            error.details.update({key: value for key, value in failed.error.items() if key != "message" and value})
            error.details.setdefault("path", failed.path)
            error.details["stays"] = implicit_commits.kept(self.dialect, failed.statements)
        if error.kind in ("locked", "drift"):
            return
        try:
            error.details["heads"] = self._read_again(with_schema=False)[0]
        except CallError as second:
            error.details["heads"] = None
            error.details["heads_unknown"] = second.message

    def _read_again(self, *, with_schema: bool = True) -> Tuple[List[str], Dict[str, str]]:
        """Heads and schema as another connection sees them."""
        self.environment.seen.read_only()
        found: Dict[str, Any] = {}

        def look(heads: Any, context: MigrationContext) -> None:
            found["heads"] = sorted(heads)
            found["schema"] = schema.snapshot(context) if with_schema else {}

        self.environment.run(look, dont_mutate=True)
        return found["heads"], found["schema"]


def _take_lock(connection: Any, key: Optional[int], holder: str) -> None:
    """Take the advisory lock of this database for as long as the connection lives.

    Raises:
        CallError: ``locked``, with ``holder``.
    """
    if key is None:
        return
    if connection.dialect.name == "postgresql":
        if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
            connection.execute(
                text("SELECT set_config('application_name', :name, false)"), {"name": holder[:_APPLICATION_NAME_LIMIT]}
            )
            return
        row = connection.execute(text(_HOLDER), {"key": key}).fetchone()
        words = "somebody who has just left"
        if row is not None:
            where = f" from {row[3]}" if row[3] else ""
            since = f", since {row[4]}" if row[4] else ""
            words = f"{row[1] or 'a session without a name'} (user {row[2]}{where}, pid {row[0]}{since})"
        raise CallError(
            "locked", f"Another change of this database is in progress: {words}; nothing was run.", holder=words
        )
    if connection.dialect.name in ("mysql", "mariadb"):
        name = f"alembic-mcp:{key}"
        if connection.execute(text("SELECT GET_LOCK(:name, 0)"), {"name": name}).scalar() != 1:
            pid = connection.execute(text("SELECT IS_USED_LOCK(:name)"), {"name": name}).scalar()
            words = f"connection {pid}"
            raise CallError(
                "locked", f"Another change of this database is in progress: {words}; nothing was run.", holder=words
            )


def _names(revisions: Any) -> str:
    return ", ".join(revisions) or "base"
