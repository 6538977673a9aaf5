"""What a benchmark says: a line of the table, and how its numbers are taken."""

import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Measure", "alembic", "at_most", "faster", "timed", "within"]


@dataclass(frozen=True)
class Measure:
    """A line of the table.

    Attributes:
        ours: median in milliseconds, megabytes or a count, as *unit* says.
        theirs: what it is compared with; None if it stands for itself.
        bound: at least this ratio (faster), or at most (everything else).
        ok: None where nothing is demanded.
    """

    what: str
    ours: float
    theirs: float | None
    ratio: float | None
    bound: str
    unit: str
    ok: bool | None


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    """How long it takes, in milliseconds."""
    start = time.perf_counter()
    await work()
    return (time.perf_counter() - start) * 1000


def alembic(project: Path, *arguments: str) -> float:
    """Run the alembic command in a project's folder; how long it took, in milliseconds."""
    program = Path(sys.executable).with_name("alembic")
    start = time.perf_counter()
    subprocess.run([program, *arguments], cwd=project, check=True, capture_output=True)
    return (time.perf_counter() - start) * 1000


def faster(what: str, ours: list[float], theirs: list[float], bound: float) -> Measure:
    """The medians; ours has to be *bound* times faster at least."""
    mine, stock = statistics.median(ours), statistics.median(theirs)
    ratio = stock / mine
    return Measure(what, mine, stock, ratio, f">= {bound:g}x", "ms", ratio >= bound)


def within(what: str, ours: list[float], theirs: list[float], bound: float) -> Measure:
    """The medians; ours may take *bound* times as long at most."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    ratio = mine / other
    return Measure(what, mine, other, ratio, f"<= {bound:g}x", "ms", ratio <= bound)


def at_most(what: str, value: float, bound: float, unit: str) -> Measure:
    """A number that stands for itself."""
    return Measure(what, value, None, None, f"<= {bound:g} {unit}".rstrip(), unit, value <= bound)
