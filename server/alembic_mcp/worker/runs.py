"""Runs of env.py in a rehearsal: one to look, or one that takes given steps, with real commits."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from alembic.runtime.migration import MigrationContext, MigrationStep

from . import scripts
from .environment import Environment
from .errors import CallError
from .recorder import Recorder, Step

__all__ = ["Look", "Runs", "failed"]

Look = Callable[[Any, MigrationContext], None]


class Runs:
    """Runs env.py, each time with up-to-date heads.

    Args:
        environment: the project's.
        recorder: records the steps.
        progress: gets each step right before it runs.
    """

    def __init__(
        self, environment: Environment, recorder: Recorder, progress: Callable[[Dict[str, Any]], None]
    ) -> None:
        self._environment = environment
        self._recorder = recorder
        self._progress = progress

    def visit(self, look: Look) -> None:
        """Run env.py without a step; *look* gets the heads and the context."""
        self._environment.run(look, exclusive=True, dont_mutate=True)

    def take(
        self, path: List[Any], direction: str, first: Optional[Look] = None, *, silently: bool = False
    ) -> Tuple[Dict[str, Step], Optional[Dict[str, Any]]]:
        """Run env.py with the steps of the given revisions, in this order.

        Args:
            path: the revisions (Alembic's Script).
            direction: ``upgrade`` or ``downgrade``.
            first: called before the first step.
            silently: only move the version table.

        Returns:
            What each step recorded, and the error that stopped the run, None if none did.

        Raises:
            CallError: the run failed for a reason that is not the revisions'.
        """
        taken: Dict[str, Step] = {}
        make = MigrationStep.upgrade_from_script if direction == "upgrade" else MigrationStep.downgrade_from_script

        def work(heads: Any, context: MigrationContext) -> List[Any]:
            if first is not None:
                first(heads, context)
            steps = []
            for index, script in enumerate(path):
                step: Any = make(self._environment.script.revision_map, script)
                if silently:
                    step.migration_fn = _nothing
                else:
                    tell = self._teller(script, direction, index, len(path))
                    taken[script.revision] = self._recorder.wrap(step, scripts.script_file(script), tell)
                steps.append(step)
            return steps

        try:
            self._environment.run(work, exclusive=True, destination_rev=path[-1].revision)
        except CallError as error:
            found = failed(taken)
            if error.kind in ("not_redirectable", "cluster_wide", "drift") or (
                found is None and error.kind in ("connection", "no_configure")
            ):
                raise
            return taken, found or _as_failure(error)
        return taken, None

    def _teller(self, script: Any, direction: str, index: int, of: int) -> Callable[[Step, str], None]:
        def tell(step: Step, state: str) -> None:
            self._progress(
                {
                    "revision": step.revision,
                    "message": script.doc,
                    "direction": direction,
                    "index": index,
                    "of": of,
                    "state": state,
                }
            )

        return tell


def failed(taken: Dict[str, Step]) -> Optional[Dict[str, Any]]:
    """How a step failed, None if none did."""
    return next((step.error for step in taken.values() if step.error), None)


def _as_failure(error: CallError) -> Dict[str, Any]:
    return {
        "message": error.message,
        "sql": error.details.get("sql"),
        "line": 0,
        "sqlstate": error.details.get("sqlstate"),
    }


def _nothing(**kw: Any) -> None:
    """Stands for a revision's function when only the version table is to move."""
