"""The policy in force: every setting that decides what is asked, its value, and where that comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import NotDone
from ..project import user_file

if TYPE_CHECKING:
    from .app import App

__all__ = ["InForce", "effective"]

DEFAULT = "default"


@dataclass(frozen=True)
class InForce:
    """One line of the policy: what, its value, and where the value comes from."""

    name: str
    value: str
    source: str


async def effective(
    app: App, *, project: str | None = None, database: str = "default"
) -> tuple[list[InForce], list[str]]:
    """The policy's lines, and what the project's file tried to loosen (without effect)."""
    found = app.project(project)
    settings = found.settings
    values = {
        "large_rows": f"{settings.large_rows:,}",
        "protected_tables": ", ".join(settings.protected_tables) or "none",
        "audit_tables": ", ".join(settings.audit_tables) or "none",
        "approval_lifetime": f"{settings.approval_lifetime / 60:g} minutes",
        "merges": settings.merges,
        "shown_to_code": ", ".join(settings.shown_to_code) or "nothing",
        "levels": ", ".join(f"{rule} = {level}" for rule, level in settings.levels.items()) or "the rules' own",
    }
    lines = [InForce(name, value, settings.sources.get(name, DEFAULT)) for name, value in values.items()]
    lines += [
        InForce(f"databases.{one.name}.environment", str(one.trusted_environment or one.environment), source)
        for one in settings.databases.values()
        if one.environment or one.trusted_environment
        for source in [str(user_file()) if one.trusted_environment else settings.sources.get("databases", DEFAULT)]
    ]
    try:
        located = await app.look(found, database, marks=True)
    except NotDone as error:
        lines.append(InForce(f"environment of {database}", "not known", error.message))
    else:
        lines.append(InForce(f"environment of {database}", located.environment.value, located.reason))
        pins = located.target.pins
        lines.append(InForce(f"approvers of {database}", ", ".join(pins) or "whoever is enrolled", "the database"))
    if app.pins:
        lines.append(InForce("approvers", ", ".join(app.pins), "the server's command line"))
    return lines, list(settings.loosening_ignored)
