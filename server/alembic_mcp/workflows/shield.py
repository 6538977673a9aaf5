"""Keeps what a database's variables hold from code that only looks: it gets a scratch database's address, or none.

env.py, the models and the revisions may have been written by the agent. Only the run of a plan gets the real values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Refused
from ..project import user_file

if TYPE_CHECKING:
    from ..preflight.address import Address
    from ..settings import NamedDatabase, Settings

__all__ = ["Shield", "raise_shield", "sources"]


@dataclass(frozen=True, repr=False)
class Shield:
    """The variables that the settings give to a database. Holds secrets, so it never prints itself.

    Attributes:
        real: what a run gets.
        shown: what every call gets.
        addresses: those of the others that are URLs; all of them lead to the same database.
        withheld: those that are none: code that only looks does not get them at all.
    """

    database: str
    real: dict[str, str]
    shown: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, Address] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Shield({self.database})"

    @property
    def address(self) -> Address | None:
        """Where the database is; None if nothing is kept from the code, which then looks for itself."""
        return next(iter(self.addresses.values()), None)

    def variables(self, redirect: Mapping[str, Any] | None) -> dict[str, str]:
        """What a call gets that does not run a plan and is led to *redirect*; without one, what leads nowhere."""
        nowhere = {"params": {"host": "127.0.0.1", "port": "1", "user": "nobody", "dbname": "nowhere"}}
        led = {name: address.leading_to(redirect or nowhere) for name, address in self.addresses.items()}
        return {**self.shown, **led}

    def hint(self) -> str | None:
        """What to do about code that fails because of what is kept from it; None if nothing is."""
        if self.address is None:
            return None
        file = user_file()
        if self.withheld:
            return (
                f"{', '.join(self.withheld)}: code that only looks does not get what these variables hold. If that is "
                "no secret, write the names of the variables that they are taken from into your own file: "
                f'shown_to_code = ["..."] in {file}.'
            )
        return (
            f"Before an approved run the project's code gets a scratch database instead of {self.database}. If it "
            "needs the real one to be looked at, and you trust it with that, name the variables that the database is "
            f'taken from in your own file: shown_to_code = ["..."] in {file}.'
        )


def sources(settings: Settings) -> set[str]:
    """The names of the variables that the settings' databases are taken from."""
    return {source for database in settings.databases.values() for source in database.env.values()}


def raise_shield(settings: Settings, database: NamedDatabase, root: Path) -> Shield:
    """Read the variables of *database*, and find the address in them.

    Raises:
        Refused: one is not set, or they lead to no database that we can look at ourselves: then what holds the
            address can't be told from what may be shown.
    """
    real = _values(database)
    hidden = {name: real[name] for name, source in database.env.items() if source not in settings.shown_to_code}
    shown = {name: value for name, value in real.items() if name not in hidden}
    if not hidden:
        return Shield(database.name, real, shown)
    from ..preflight.address import read  # imports SQLAlchemy

    found = {name: read(value, root) for name, value in hidden.items()}
    addresses = {name: address for name, address in found.items() if address is not None}
    if not addresses:
        raise _no_address(settings, database, hidden)
    if len({address.same for address in addresses.values()}) > 1:
        names = ", ".join(sorted(addresses))
        raise Refused(
            f"The variables {names} of the database {database.name!r} lead to different databases, so it is not known "
            "which of them is meant. Nothing was done.",
            f"Give env the variables of one database under [tool.alembic-mcp.databases.{database.name}].",
        )
    return Shield(database.name, real, shown, addresses, tuple(sorted(set(hidden) - set(addresses))))


def _values(database: NamedDatabase) -> dict[str, str]:
    values = {}
    for variable, source in database.env.items():
        value = os.environ.get(source)
        if value is None:
            raise Refused(
                f"The database {database.name!r} takes {variable} from the environment variable {source}, which is "
                "not set where the server runs. Nothing was done.",
                f"Start the server with {source} set.",
            )
        values[variable] = value
    return values


def _no_address(settings: Settings, database: NamedDatabase, hidden: Mapping[str, str]) -> Refused:
    names = ", ".join(sorted(hidden))
    those = "none of these variables holds" if len(hidden) > 1 else "it does not hold"
    listed = ", ".join(f'"{source}"' for source in sorted(set(database.env.values()) - set(settings.shown_to_code)))
    return Refused(
        f"The database {database.name!r} is reached by {names}, and {those} the URL of a PostgreSQL or SQLite "
        "database. So the server can't look at it by itself, and the project's code must not get what leads there "
        "before a plan runs. Nothing was done.",
        f"Give env.py one variable with the whole URL (postgresql+psycopg://user:password@host/name), and name it in "
        f"env under [tool.alembic-mcp.databases.{database.name}].",
        f"Or trust the project's code with it, in your own file {user_file()}: shown_to_code = [{listed}]. Code that "
        "only looks then connects by itself, read-only.",
    )
