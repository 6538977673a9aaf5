"""Runs revisions on a scratch database, up, down and up again, with real commits, and tells what became of each."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

from alembic.runtime.migration import MigrationContext
from sqlalchemy import pool

from . import schema, scripts
from .connections import raw_execute
from .convergence import Convergence
from .environment import Environment
from .errors import CallError
from .failures import one_line, sqlstate
from .generate.models import again
from .guards import Guards
from .loaded import Loaded
from .look import version_table
from .recorder import Recorder, Step
from .redirect import Redirect
from .runs import Runs, failed
from .tracer import Tracer, install

__all__ = ["rehearse"]

Progress = Callable[[Dict[str, Any]], None]
Ask = Callable[[Dict[str, Any]], Dict[str, Any]]


def rehearse(request: Dict[str, Any], progress: Progress, ask: Optional[Ask] = None) -> Dict[str, Any]:
    """Answer the call ``rehearse``.

    With *ask* the models are loaded on the scratch database before it is known what there is to run: the rest of the
    request brings ``target`` and ``index``. Told is ``models``: what the call of that name answers where it makes only
    what differs from the argument ``models``, its ``known``; empty if there is no such argument, or it can't.

    Raises:
        CallError: env.py failed before a revision ran (``user_code``, ``connection``), the connection could not be
            led to the scratch database (``not_redirectable``), or the heads there are not those expected (``drift``).
    """
    rehearsal = _Rehearsal(request, progress)
    if ask is not None:
        rehearsal.wait(ask)
    return rehearsal.answer()


class _Rehearsal:
    def __init__(self, request: Dict[str, Any], progress: Progress) -> None:
        args = request["args"]
        self.args = args
        self.upwards = args["direction"] == "upgrade"
        self.prove = bool(args.get("prove", True))
        self.skipped: Set[str] = set(args.get("skip_downgrade") or ())
        self.environment = Environment(request, args["direction"], revision=args["target"], sql=False, tag=None)
        self.loaded = Loaded(self.environment, request)
        self.recorder = Recorder()
        self.runs = Runs(self.environment, self.recorder, progress)
        redirect = Redirect(args["redirect"], self.environment.refused, self.environment.root)
        self.guards = Guards(self.recorder, redirect, self.environment.root)
        self.path: List[Any] = []
        self.lock_timeout = False
        self.revisions: Dict[str, Dict[str, Any]] = {}
        self.heads_before: List[str] = []
        self.one_transaction = False
        self.convergence = Convergence()
        self.before: Dict[str, str] = {}
        self.after: Optional[Dict[str, str]] = None
        self.heads_after: Optional[List[str]] = None
        self.tainted: Optional[str] = None
        self.in_one_go: Optional[bool] = None
        self.failed_alone = False

    def wait(self, ask: Ask) -> None:
        """Load the models, and wait for the revisions."""
        made: Dict[str, Any] = {}

        def look(_heads: Any, context: MigrationContext) -> None:
            if self.args.get("models"):
                made.update(again(context, self.args["models"]))

        self.runs.visit(look)
        rest = ask({"models": made})
        self.args["target"] = rest["target"]
        self.environment.go_on(rest["index"], revision=rest["target"])
        self.loaded.revisions(rest["index"])

    def answer(self) -> Dict[str, Any]:
        started = time.perf_counter()
        self.runs.visit(self._prepare)
        if self.path:
            if not self.upwards:
                self._down()
            elif self.prove:
                self._up_and_down()
            else:
                self._in_one_go()
        if self.after is None and self.tainted is None:
            self.runs.visit(self._take_stock)
        after = self.before if self.after is None else self.after
        return {
            "path": [
                {
                    "revision": each.revision,
                    "message": each.doc,
                    "path": scripts.script_file(each),
                    "down_revisions": list(each._versioned_down_revisions),
                }
                for each in self.path
            ],
            "revisions": self.revisions,
            "schema": self.before,
            "lock_timeout": self.lock_timeout,
            "delta": schema.delta(self.before, after),
            "fingerprint_before": schema.fingerprint(self.before),
            "fingerprint_after": schema.fingerprint(after),
            "heads_before": self.heads_before,
            "heads_after": self.heads_before if self.heads_after is None else self.heads_after,
            "converged": self.convergence.converged,
            "new_differences": self.convergence.new,
            "standing_differences": len(self.convergence.standing or ()),
            "in_one_go": self.in_one_go,
            "one_transaction": self.one_transaction,
            "outside": self.guards.outside,
            "tainted": self.tainted,
            "failed_alone": self.failed_alone,
            "modules": {**self.environment.modules(), **self.loaded.files},
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
        }

    # what is looked at

    def _prepare(self, heads: Any, context: MigrationContext) -> None:
        expected = self.args.get("expect_heads")
        if expected is not None and sorted(expected) != sorted(heads):
            raise CallError(
                "drift",
                f"The scratch database is at {', '.join(sorted(heads)) or 'base'}, "
                f"not at {', '.join(sorted(expected)) or 'base'}.",
                heads=sorted(heads),
            )
        self.heads_before = sorted(heads)
        self.one_transaction = bool(context.impl.transactional_ddl) and not context._transaction_per_migration
        self.path = _path(context, self.args["target"], heads, upwards=self.upwards)
        for script in self.path:
            scripts.has_function(script, "upgrade")  # a file that can't be imported is told before anything runs
        self.revisions = {script.revision: _blank() for script in self.path}
        if self.args.get("trace") and context.dialect.name == "postgresql":
            complete = _install(context)
            default, own = context.dialect.default_schema_name, version_table(context)
            self.recorder.tracer = lambda: Tracer(complete=complete, default_schema=default, own=own)
        if context.dialect.name == "postgresql":
            self.lock_timeout = _sets_lock_timeout(context)
        self.before = schema.snapshot(context)
        if self.args.get("converge"):
            self.convergence.before(context, self.before, [scripts.script_file(script) for script in self.path])

    def _take_stock(self, heads: Any, context: MigrationContext) -> None:
        self.after = schema.snapshot(context)
        self.heads_after = sorted(heads)
        if self.args.get("converge"):
            self.convergence.after(context, self.after)

    # upgrade

    def _up_and_down(self) -> None:
        before, heads = self.before, self.heads_before
        clean = True
        for script in self.path:
            state = self.revisions[script.revision]
            taken, error = self.runs.take([script], "upgrade")
            _record(state, taken.get(script.revision))
            state["upgraded"], state["upgrade_error"] = error is None, error
            if error is not None:
                # Alembic remembers things within a run (the types it has created), which may be what is missing here.
                self.failed_alone = script is not self.path[0]
                return
            last = script is self.path[-1]
            seen = _Seen()
            if script.revision in self.skipped or not self._has_downgrade(script, state):
                self.runs.visit(self._take_stock if last else seen)
                clean = False
            else:
                clean = self._down_again(script, seen, before, heads) and clean
                if self.tainted == script.revision:
                    if last:
                        self.tainted = None
                        self.after, self.heads_after = seen.schema, seen.heads
                    return
            if last and self.after is None:
                self.after, self.heads_after = seen.schema, seen.heads
            before, heads = seen.schema, seen.heads
        if len(self.path) > 1 and self.one_transaction and clean:
            self._whole()

    def _has_downgrade(self, script: Any, state: Dict[str, Any]) -> bool:
        if scripts.has_function(script, "downgrade"):
            return True
        state["downgrade_missing"], state["downgraded"] = True, False
        return False

    def _down_again(self, script: Any, seen: _Seen, before: Dict[str, str], heads: List[str]) -> bool:
        """Downgrade and upgrade again; whether both went well and the schema came back.

        Sets ``tainted`` if the database is not as after the upgrade in the end.
        """
        state = self.revisions[script.revision]
        last = script is self.path[-1]

        def first(now: Any, context: MigrationContext) -> None:
            seen(now, context)
            if last and self.args.get("converge"):
                self.convergence.after(context, seen.schema)

        taken, error = self.runs.take([script], "downgrade", first)
        _record(state, taken.get(script.revision))
        state["downgraded"], state["downgrade_error"] = error is None, error
        sent = state["downgrade"]["statements"]
        state["downgrade_empty"] = error is None and not sent and bool(state["upgrade"]["statements"])
        back = _Seen()
        if error is not None:
            self.runs.visit(back)
            if back.schema != seen.schema or back.heads != seen.heads:
                self.tainted = script.revision
            return False
        taken, error = self.runs.take([script], "upgrade", back)
        state["not_restored"] = schema.not_restored(before, back.schema)
        if back.heads != heads:
            state["not_restored"].append(f"the database is at {', '.join(back.heads) or 'base'} afterwards")
        state["restored"] = not state["not_restored"]
        state["reupgraded"], state["reupgrade_error"] = error is None, error
        if error is not None:
            self._recover(script, seen)
            return False
        if not state["restored"]:
            again = _Seen()
            self.runs.visit(again)
            if again.schema != seen.schema:
                self.tainted = script.revision
        return bool(state["restored"])

    def _recover(self, script: Any, seen: _Seen) -> None:
        """After a downgrade that left the schema alone, only the version table is behind: move it."""
        now = _Seen()
        self.runs.visit(now)
        if now.schema == seen.schema and now.heads != seen.heads:
            _, error = self.runs.take([script], "upgrade", silently=True)
            if error is None:
                return
        self.tainted = script.revision

    def _whole(self) -> None:
        """Run the path in one transaction, as the real run will; each revision has proved to work on its own."""
        back = list(reversed(self.path))
        taken, error = self.runs.take(back, "downgrade")
        if error is None:
            self._in_one_go(record=False)
            return
        blamed = next((step.revision for step in taken.values() if step.error), back[0].revision)
        self.revisions[blamed].update(downgraded=False, downgrade_error=error)

    def _in_one_go(self, *, record: bool = True) -> None:
        taken, error = self.runs.take(self.path, "upgrade")
        self.in_one_go = error is None
        if record:
            for script, step in self._ran(taken):
                self.revisions[script.revision]["upgraded"] = step.finished and error is None
        if error is not None:
            blamed = next((step.revision for step in taken.values() if step.error), self.path[-1].revision)
            self.revisions[blamed].update(upgraded=False, upgrade_error=error)

    # downgrade

    def _down(self) -> None:
        missing = [each for each in self.path if not self._has_downgrade(each, self.revisions[each.revision])]
        if missing:
            return
        taken, error = self.runs.take(self.path, "downgrade")
        for script, step in self._ran(taken):
            state = self.revisions[script.revision]
            state["downgraded"] = step.finished and error is None
            state["downgrade_error"] = error if step.error else None
        if error is not None and not failed(taken):
            state = self.revisions[self.path[-1].revision]
            state["downgraded"], state["downgrade_error"] = False, error
        if error is None and self.prove:
            self._way_back()

    def _way_back(self) -> None:
        """Upgrade again after a downgrade."""
        taken, error = self.runs.take(list(reversed(self.path)), "upgrade", self._take_stock)
        back = _Seen()
        self.runs.visit(back)
        lost = schema.differences(self.before, back.schema)
        for script, step in self._ran(taken):
            state = self.revisions[script.revision]
            state["reupgraded"] = step.finished and error is None
            state["downgrade_empty"] = bool(step.statements) and not state["downgrade"]["statements"]
            state["reupgrade_error"] = error if step.error else None
        if error is None:
            for state in self.revisions.values():
                state["restored"] = not lost
            self.revisions[self.path[0].revision]["not_restored"] = lost

    def _ran(self, taken: Dict[str, Step]) -> Iterator[Tuple[Any, Step]]:
        """The revisions whose function was entered, what it did being noted."""
        for script in self.path:
            step = taken.get(script.revision)
            if step is not None and (step.finished or step.error):
                _record(self.revisions[script.revision], step)
                yield script, step


class _Seen:
    """A look at schema and heads."""

    def __init__(self) -> None:
        self.schema: Dict[str, str] = {}
        self.heads: List[str] = []

    def __call__(self, heads: Any, context: MigrationContext) -> None:
        self.schema = schema.snapshot(context)
        self.heads = sorted(heads)


def _path(context: MigrationContext, target: str, heads: Any, *, upwards: bool) -> List[Any]:
    """The revisions between here and there, in the order in which they run; their files are not imported."""
    script: Any = context.script
    if upwards:
        with script._catch_revision_errors(
            ancestor="Destination %(end)s is not a valid upgrade target from current head(s)", end=target
        ):
            return list(reversed(list(script.iterate_revisions(target, heads, implicit_base=True))))
    with script._catch_revision_errors(
        ancestor="Destination %(end)s is not a valid downgrade target from current head(s)", end=target
    ):
        return list(script.iterate_revisions(heads, target, select_for_downgrade=True))


def _sets_lock_timeout(context: MigrationContext) -> bool:
    """True if env.py, the role or the database limits how long a statement waits for a lock."""
    connection: Any = context.connection
    rows = raw_execute(connection.connection, "SELECT current_setting('lock_timeout')") or [("0",)]
    return rows[0][0] not in ("0", "0ms")


def _install(context: MigrationContext) -> bool:
    """Make the event triggers over a connection of our own, so that env.py's transaction is not touched."""
    connection: Any = context.connection
    if isinstance(connection.engine.pool, pool.StaticPool):
        return False
    try:
        with connection.engine.connect() as own:
            return install(own)
    except CallError:
        raise
    except Exception as error:  # noqa: BLE001 - without them the rehearsal tells less, and says so
        print(f"no event triggers: {one_line(error)} {sqlstate(error) or ''}")  # noqa: T201
        return False


def _blank() -> Dict[str, Any]:
    nothing: Dict[str, Any] = {"operations": [], "statements": []}
    return {
        "upgraded": None,
        "downgraded": None,
        "restored": None,
        "reupgraded": None,
        "not_restored": [],
        "upgrade_error": None,
        "downgrade_error": None,
        "reupgrade_error": None,
        "downgrade_empty": False,
        "downgrade_missing": False,
        "upgrade": dict(nothing),
        "downgrade": dict(nothing),
    }


def _record(state: Dict[str, Any], step: Optional[Step]) -> None:
    if step is not None:
        state[step.direction] = step.recorded()
