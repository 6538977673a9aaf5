"""Puts together what is known of a database: what env.py says, and what the database itself says to us."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from ..errors import NotDone, Refused, remember
from ..target import Connect, Target

if TYPE_CHECKING:
    from ..preflight.address import Address

__all__ = ["by_ourselves", "by_the_worker", "identity_now", "lasting_name", "with_own_marks"]

# Whatever else stands in options could make the session somebody else's.
_SEARCH_PATH = re.compile(r"-c\s*search_path=[\w$\",]+")


def by_the_worker(database: str, found: dict[str, Any]) -> Target:
    """The target that a ``look`` of the worker found; *found* is its answer."""
    found = dict(found)
    connect = found.pop("connect")
    libpq: dict[str, str] = connect.get("libpq") or {}
    names = {found.get("name"), found.get("user"), found.get("dialect")}
    remember(*(libpq[key] for key in ("password", "sslpassword") if libpq.get(key) and libpq[key] not in names))
    found["heads"], found["pins"] = tuple(found["heads"]), tuple(found.get("pins", ()))
    found["warnings"] = tuple(found.get("warnings", ()))
    if found["dialect"] == "sqlite":
        found["identity"] = _sqlite_identity(connect.get("path"))
    return Target(
        database=database,
        connect=Connect(libpq=libpq, path=connect.get("path"), complete=bool(connect.get("complete"))),
        **found,
    )


async def by_ourselves(database: str, address: Address, said: dict[str, Any], *, schema: bool) -> Target:
    """The target at *address*, as we see it; *said* is what env.py said when it was led to a scratch database.

    Of that, only what the database can't tell is believed.

    Raises:
        Unreachable: there is no connection to it.
    """
    from ..preflight.look import look  # imports psycopg where it is needed

    connect, version_table = address.connect, str(said["version_table"])
    options = (said["connect"].get("libpq") or {}).get("options", "")
    if address.dialect == "postgresql" and "options" not in connect.libpq and _SEARCH_PATH.fullmatch(options):
        connect = replace(connect, libpq={**connect.libpq, "options": options})

    seen = await anyio.to_thread.run_sync(
        lambda: look(address.dialect, connect, version_table=version_table, schema=schema)
    )
    return Target(
        database=database,
        dialect=address.dialect,
        driver=str(said["driver"]),
        version_table=version_table,
        naming_convention=said["naming_convention"],
        modules=said["modules"],
        warnings=tuple(said["warnings"]),
        shielded=True,
        **vars(seen),
    )


async def with_own_marks(target: Target) -> Target:
    """The target with the marks that it shows to ourselves, whatever env.py says they are.

    Where we can't ask a PostgreSQL database for them, `marks_known` is False.

    Raises:
        Refused: what env.py says leads to another database than it says.
    """
    if target.dialect != "postgresql":
        return target
    if not target.connect.complete or not target.connect.libpq:
        return replace(target, marks_known=False)
    from ..preflight.look import look  # imports psycopg

    try:
        seen = await anyio.to_thread.run_sync(look, target.dialect, target.connect)
    except NotDone as error:
        why = f"Its marks could not be read over a connection of our own: {error.message}"
        return replace(target, marks_known=False, warnings=(*target.warnings, why))
    if seen.identity != target.identity:
        raise Refused(
            f"env.py says that it connects to {target.name} ({target.identity}), but the address that it connects to "
            f"leads to {seen.name} ({seen.identity}). Nothing was done.",
            "Look at what env.py does to its connection; or at what stands between the server and the database.",
        )
    return replace(target, marker=seen.marker, pins=seen.pins)


def identity_now(target: Target) -> str:
    """The identity of the database as it is now: that of a SQLite file that has been made since is another one."""
    return _sqlite_identity(target.connect.path) if target.dialect == "sqlite" else target.identity


def lasting_name(target: Target) -> str:
    """What the database is called while it is changed, also where that makes the SQLite file: its place, not itself."""
    from ..worker import identity  # the worker's own words

    path = target.connect.path
    return identity.sqlite_place(path) if target.dialect == "sqlite" and path else target.identity


def _sqlite_identity(path: str | None) -> str:
    from ..worker import identity  # the worker's own words

    return identity.sqlite(path)
