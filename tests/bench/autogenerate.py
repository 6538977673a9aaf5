"""``check`` and ``generate`` on a thousand tables, against what the alembic command takes for the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..stdio_client import serve
from .databases import Databases
from .measures import Measure, alembic, faster, timed, within
from .projects import many_tables

__all__ = ["autogenerate"]

TABLES = 1_000
CHECK = 1.0
GENERATE = 1.0
CHANGE = "\n\nTable{number}.extra: Mapped[str | None] = mapped_column(String(20))\n"


async def autogenerate(
    folder: Path, databases: Databases, runs: int, tell: Callable[[str], Any], tables: int = TABLES
) -> list[Measure]:
    """Warm calls; the databases are at head, the models are ahead of them by one column, another one each time."""
    measures = []
    for name, url in (("PostgreSQL", databases.make().url), ("SQLite", f"sqlite:///{folder / 'tables.db'}")):
        tell(f"autogenerate, {name}, {tables} tables ...")
        project = folder / f"tables_{name.lower()}"
        many_tables(project, url, tables)
        alembic(project, "upgrade", "head")
        found = await _on(project, f"{name}, {tables:,} tables", runs)
        for one in found:
            tell(f"{one.what}: {one.ours:.0f} ms, alembic {one.theirs:.0f} ms")
        measures += found
    return measures


async def _on(project: Path, title: str, runs: int) -> list[Measure]:
    check: tuple[list[float], list[float]] = ([], [])
    generate: tuple[list[float], list[float]] = ([], [])
    models = project / "models.py"
    async with serve(project) as server:
        for run in range(runs + 1):
            mine = await timed(lambda: server.call("check"))
            stock = alembic(project, "check")
            if run:  # the first fills the caches of both
                check[0].append(mine)
                check[1].append(stock)
        text = models.read_text(encoding="utf-8")
        for run in range(runs + 1):  # each time for another change, as it is for a developer
            models.write_text(text + CHANGE.format(number=5 + run), encoding="utf-8")
            mine = await timed(lambda: _generate(server, project))
            stock = alembic(project, "revision", "--autogenerate", "-m", "more")
            _forget(project)
            if run:
                generate[0].append(mine)
                generate[1].append(stock)
    return [
        faster(f"check: {title}", *check, CHECK),
        within(f"generate: {title}", *generate, GENERATE),
    ]


async def _generate(server: Any, project: Path) -> None:
    report = await server.call("generate", message="more")
    assert report["status"] == "done", report
    assert report["ready_to_commit"], report
    _forget(project)


def _forget(project: Path) -> None:
    """Remove what was written."""
    [written] = project.glob("alembic/versions/*_more.py")
    written.unlink()
