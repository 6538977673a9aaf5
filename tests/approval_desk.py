"""A project whose changes need a person, the app over it, and an approver: what the tests of the page start from."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tiny_projects import AT_B2, Place, make

from alembic_mcp import approvals
from alembic_mcp.approvals import Approver
from alembic_mcp.report import ChangeReport
from alembic_mcp.store import Outcome
from alembic_mcp.workflows import approve, change
from alembic_mcp.workflows.app import App

__all__ = ["PASSPHRASE", "Desk", "desk_at", "guarded"]

PASSPHRASE = "violet harbour kettle 47 sunday"
QUICK = (2**4, 8, 1)
"""scrypt's parameters: what an approver's key costs is tested elsewhere."""

PRODUCTION = """
[tool.alembic-mcp.databases.default]
environment = "production"
"""


@dataclass
class Desk:
    """A prepared project.

    Attributes:
        approver: Ann, whose passphrase is `PASSPHRASE`.
    """

    app: App
    folder: Path
    place: Place
    approver: Approver

    async def plan(self, target: str = "-1") -> str:
        """The id of a plan that waits: by default the downgrade that loses everybody's e-mail address."""
        report = await self.ask(target)
        assert report.status == "needs_approval", report
        return report.plan.id

    async def ask(self, target: str = "-1") -> ChangeReport:
        """What an agent's call gives where the client can't ask."""
        action = "downgrade" if target.startswith("-") else "upgrade"
        return await change.change(
            self.app, change.Request(action=action, target=target), change.Answer(kind="unavailable")
        )

    async def sign(self, plan_id: str) -> Outcome:
        """Ann approves a plan; what came of it."""
        return await approve.approve(self.app, plan_id, self.approver.fingerprint, PASSPHRASE, "app.db")

    @property
    def emails(self) -> list[tuple[str, ...]]:
        """Everybody's addresses."""
        return self.place.run("SELECT email FROM person")

    async def state(self, plan_id: str) -> str:
        """The plan's, as the store has it."""
        return (await approve.plan(self.app, plan_id)).stored.state


def guarded(folder: Path, place: Place) -> Path:
    """A project whose database counts as production and is at b2, with one person in it."""
    make(folder, url=place.url)
    (folder / "pyproject.toml").write_text(PRODUCTION)
    place.run(*AT_B2)
    return folder


@asynccontextmanager
async def desk_at(
    opened: Callable[[Path], AbstractAsyncContextManager[App]],
    folder: Path,
    place: Place,
    *,
    ann_is_enrolled: bool = True,
) -> AsyncIterator[Desk]:
    """The app over a guarded project in *folder*, as the fixture *opened* opens it, and Ann."""
    guarded(folder, place)
    ann = approvals.enroll("Ann", PASSPHRASE, scrypt=QUICK)
    async with opened(folder) as app:
        if ann_is_enrolled:
            await approve.add_approver(app, ann)
        yield Desk(app, folder, place, ann)
