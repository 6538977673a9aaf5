"""Runs revisions on a scratch database, up, down and up again, with real commits, and tells what became of each."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from alembic.runtime.migration import MigrationContext, MigrationStep
from sqlalchemy import pool

from . import differences, schema, scripts
from .environment import Environment
from .errors import CallError
from .failures import one_line, sqlstate
from .guards import Guards
from .look import version_table
from .recorder import Recorder, Step
from .redirect import Redirect
from .tracer import Tracer, install

__all__ = ["rehearse"]

Progress = Callable[[Dict[str, Any]], None]


def rehearse(request: Dict[str, Any], progress: Progress) -> Dict[str, Any]:
    """Answer the call ``rehearse``.

    Raises:
        CallError: env.py failed before a revision ran (``user_code``, ``connection``), the connection could not be
            led to the scratch database (``not_redirectable``), or the heads there are not those expected (``drift``).
    """
    return _Rehearsal(request, progress).answer()


class _Rehearsal:
    def __init__(self, request: Dict[str, Any], progress: Progress) -> None:
        args = request["args"]
        self.args = args
        self.upwards = args["direction"] == "upgrade"
        self.prove = bool(args.get("prove", True))
        self.skipped: Set[str] = set(args.get("skip_downgrade") or ())
        self.progress = progress
        self.environment = Environment(request, args["direction"], revision=args["target"], sql=False, tag=None)
        self.recorder = Recorder()
        redirect = Redirect(args["redirect"], self.environment.refused, self.environment.root)
        self.guards = Guards(self.recorder, redirect, self.environment.root)
        self.path: List[Any] = []
        self.revisions: Dict[str, Dict[str, Any]] = {}
        self.heads_before: List[str] = []
        self.one_transaction = False
        self.standing: Optional[List[Dict[str, Any]]] = None
        self.found: Optional[List[Dict[str, Any]]] = None
        self.before: Dict[str, str] = {}
        self.after: Optional[Dict[str, str]] = None
        self.heads_after: Optional[List[str]] = None
        self.tainted: Optional[str] = None
        self.in_one_go: Optional[bool] = None

    def answer(self) -> Dict[str, Any]:
        started = time.perf_counter()
        self._visit(self._prepare)
        if self.path:
            if not self.upwards:
                self._down()
            elif self.prove:
                self._up_and_down()
            else:
                self._in_one_go()
        if self.after is None and self.tainted is None:
            self._visit(self._take_stock)
        after = self.before if self.after is None else self.after
        known = {each["description"] for each in self.standing or ()}
        new = [each for each in self.found or () if each["description"] not in known]
        compared = self.standing is not None and self.found is not None
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
            "delta": schema.delta(self.before, after),
            "fingerprint_before": schema.fingerprint(self.before),
            "fingerprint_after": schema.fingerprint(after),
            "heads_before": self.heads_before,
            "heads_after": self.heads_before if self.heads_after is None else self.heads_after,
            "converged": not new if compared else None,
            "new_differences": new,
            "standing_differences": len(self.standing or ()),
            "in_one_go": self.in_one_go,
            "outside": self.guards.outside,
            "tainted": self.tainted,
            "modules": self.environment.modules(),
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
        }

    # one run of env.py each

    def _visit(self, look: Callable[[Any, MigrationContext], None]) -> None:
        """Run env.py without a step."""

        def work(heads: Any, context: MigrationContext) -> None:
            look(heads, context)

        self.environment.run(work, exclusive=True, dont_mutate=True)

    def _take(
        self,
        scripts_: List[Any],
        direction: str,
        first: Optional[Callable[[Any, MigrationContext], None]] = None,
        *,
        silently: bool = False,
    ) -> Tuple[Dict[str, Step], Optional[Dict[str, Any]]]:
        """Run env.py with the given revisions' steps, in this order.

        Args:
            scripts_: the revisions.
            direction: ``upgrade`` or ``downgrade``.
            first: called before the first step.
            silently: only move the version table.

        Returns:
            What each step recorded, and the error that stopped the run, if one did.
        """
        taken: Dict[str, Step] = {}
        make = MigrationStep.upgrade_from_script if direction == "upgrade" else MigrationStep.downgrade_from_script

        def work(heads: Any, context: MigrationContext) -> List[Any]:
            if first is not None:
                first(heads, context)
            steps = []
            for index, script in enumerate(scripts_):
                step = make(context.script.revision_map, script)  # type: ignore[union-attr]
                if silently:
                    step.migration_fn = _nothing
                else:
                    tell = self._teller(script, direction, index, len(scripts_))
                    taken[script.revision] = self.recorder.wrap(step, scripts.script_file(script), tell)
                steps.append(step)
            return steps

        try:
            self.environment.run(work, exclusive=True, destination_rev=scripts_[-1].revision)
        except CallError as error:
            if error.kind in ("not_redirectable", "connection", "no_configure") and not _failed(taken):
                raise
            return taken, _failed(taken) or {
                "message": error.message,
                "sql": error.details.get("sql"),
                "line": 0,
                "sqlstate": error.details.get("sqlstate"),
            }
        return taken, None

    def _teller(self, script: Any, direction: str, index: int, of: int) -> Callable[[Step, str], None]:
        def tell(step: Step, state: str) -> None:
            del step, state
            self.progress(
                {
                    "revision": script.revision,
                    "message": script.doc,
                    "direction": direction,
                    "index": index,
                    "of": of,
                    "state": "running",
                }
            )

        return tell

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
        self.before = schema.snapshot(context)
        if self.args.get("converge"):
            self.standing = differences.between(context)

    def _take_stock(self, heads: Any, context: MigrationContext) -> None:
        self.after = schema.snapshot(context)
        self.heads_after = sorted(heads)
        if self.args.get("converge"):
            self.found = differences.between(context)

    # upgrade

    def _up_and_down(self) -> None:
        before, heads = self.before, self.heads_before
        clean = True
        for script in self.path:
            state = self.revisions[script.revision]
            taken, error = self._take([script], "upgrade")
            _record(state, taken.get(script.revision))
            state["upgraded"], state["upgrade_error"] = error is None, error
            if error is not None:
                return
            last = script is self.path[-1]
            seen = _Seen()
            if script.revision in self.skipped or not self._has_downgrade(script, state):
                self._visit(self._take_stock if last else seen)
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
                self.found = differences.between(context)

        taken, error = self._take([script], "downgrade", first)
        _record(state, taken.get(script.revision))
        state["downgraded"], state["downgrade_error"] = error is None, error
        sent = state["downgrade"]["statements"]
        state["downgrade_empty"] = error is None and not sent and bool(state["upgrade"]["statements"])
        back = _Seen()
        if error is not None:
            self._visit(back)
            if back.schema != seen.schema or back.heads != seen.heads:
                self.tainted = script.revision
            return False
        taken, error = self._take([script], "upgrade", back)
        state["not_restored"] = schema.differences(before, back.schema)
        if back.heads != heads:
            state["not_restored"].append(f"the database is at {', '.join(back.heads) or 'base'} afterwards")
        state["restored"] = not state["not_restored"]
        state["reupgraded"], state["reupgrade_error"] = error is None, error
        if error is not None:
            self._recover(script, seen)
            return False
        if not state["restored"]:
            again = _Seen()
            self._visit(again)
            if again.schema != seen.schema:
                self.tainted = script.revision
        return bool(state["restored"])

    def _recover(self, script: Any, seen: _Seen) -> None:
        """After a downgrade that left the schema alone, only the version table is behind: move it."""
        now = _Seen()
        self._visit(now)
        if now.schema == seen.schema and now.heads != seen.heads:
            _, error = self._take([script], "upgrade", silently=True)
            if error is None:
                return
        self.tainted = script.revision

    def _whole(self) -> None:
        """Run the path in one transaction, as the real run will; each revision has proved to work on its own."""
        _, error = self._take(list(reversed(self.path)), "downgrade")
        if error is None:
            self._in_one_go(record=False)

    def _in_one_go(self, *, record: bool = True) -> None:
        taken, error = self._take(self.path, "upgrade")
        self.in_one_go = error is None
        for script in self.path:
            step = taken.get(script.revision)
            state = self.revisions[script.revision]
            if record and step is not None and (step.finished or step.error):
                _record(state, taken.get(script.revision))
                state["upgraded"] = step.finished and error is None
            if error is not None and step is not None and step.error:
                state["upgraded"], state["upgrade_error"] = False, error
        if error is not None and not any(step.error for step in taken.values()):
            state = self.revisions[self.path[-1].revision]
            state["upgraded"], state["upgrade_error"] = False, error

    # downgrade

    def _down(self) -> None:
        for script in self.path:
            if not self._has_downgrade(script, self.revisions[script.revision]):
                return
        taken, error = self._take(self.path, "downgrade")
        for script in self.path:
            state, step = self.revisions[script.revision], taken.get(script.revision)
            if step is not None and (step.finished or step.error):
                _record(state, taken.get(script.revision))
                state["downgraded"] = step.finished and error is None
                state["downgrade_error"] = error if step.error else None
                state["downgrade_empty"] = step.finished and not step.statements
        if error is not None:
            if not any(step.error for step in taken.values()):
                state = self.revisions[self.path[-1].revision]
                state["downgraded"], state["downgrade_error"] = False, error
            return
        if not self.prove:
            return
        taken, error = self._take(list(reversed(self.path)), "upgrade", self._take_stock)
        back = _Seen()
        self._visit(back)
        lost = schema.differences(self.before, back.schema)
        for script in self.path:
            state, step = self.revisions[script.revision], taken.get(script.revision)
            if step is not None and (step.finished or step.error):
                _record(state, taken.get(script.revision))
                state["reupgraded"] = step.finished and error is None
                state["reupgrade_error"] = error if step.error else None
            if error is None:
                state["restored"] = not lost
        self.revisions[self.path[0].revision]["not_restored"] = lost if error is None else []


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


def _failed(taken: Dict[str, Step]) -> Optional[Dict[str, Any]]:
    return next((step.error for step in taken.values() if step.error), None)


def _nothing(**kw: Any) -> None:
    """Stands for a revision's function when only the version table is to move."""
