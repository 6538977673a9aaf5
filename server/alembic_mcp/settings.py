"""What a project and its user have configured; the project's part can only make things stricter."""

from __future__ import annotations

from dataclasses import dataclass, field

from .target import Environment

__all__ = ["NamedDatabase", "Settings"]


@dataclass(frozen=True)
class NamedDatabase:
    """A database that the settings name.

    Attributes:
        env: variable that env.py reads -> name of the variable that holds the value. Never a value.
        x: ``-x`` arguments for env.py.
        environment: what the project's settings say it is; it may only make things stricter.
        trusted_environment: what the user's own file says it is; it may also make things looser.
    """

    name: str
    environment: Environment | None = None
    env: dict[str, str] = field(default_factory=dict)
    x: tuple[str, ...] = ()
    trusted_environment: Environment | None = None


@dataclass(frozen=True)
class Settings:
    """The effective settings of a project.

    Attributes:
        config: path of the Alembic configuration file, ``#section`` after it if need be; absolute. None: discovered.
        interpreter: path of the project's Python or of its environment; absolute. None: discovered.
        protected_tables: glob patterns; touching such a table needs a person.
        audit_tables: likewise, for audit trails.
        large_rows: from this many rows on, a change is large.
        databases: by name; ``default`` is what env.py uses on its own.
        x: ``-x`` arguments that every call passes.
        approval_lifetime: seconds that a plan waits for its approval, and that the approval stays valid.
        merges: ``allow`` or ``forbid``: whether several heads may be joined by a merge revision.
        shown_to_code: names of variables whose values code that only looks may see; only the user's own file says so.
        levels: escalation -> ``client`` or ``person``, where somebody wants another level than the rule's own.
        sources: setting -> the file that gave it its value; what is not in it has the default.
        loosening_ignored: what the project's file tried to loosen, one line each; it has no effect.
    """

    config: str | None = None
    interpreter: str | None = None
    protected_tables: tuple[str, ...] = ()
    audit_tables: tuple[str, ...] = ()
    large_rows: int = 100_000
    databases: dict[str, NamedDatabase] = field(default_factory=dict)
    x: tuple[str, ...] = ()
    approval_lifetime: float = 900.0
    merges: str = "allow"
    shown_to_code: tuple[str, ...] = ()
    levels: dict[str, str] = field(default_factory=dict)
    loosening_ignored: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict, compare=False)
