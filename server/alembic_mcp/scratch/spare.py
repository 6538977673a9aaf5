"""A copy of the template that was copied last, made ahead where copying takes long, for the next who asks for one."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from .databases import Databases, new_name
from .template import Server, Template

__all__ = ["SLOW", "Copy", "Spare"]

SLOW = 0.5  # seconds that a copy takes from which on one is made ahead


@dataclass(frozen=True, repr=False)
class Copy:
    """A database that nobody has connected to.

    Attributes:
        databases: the server that it is on.
        template: what it is a copy of.
        name: its name.
        made: whether it could be made, once that is known.
    """

    databases: Databases
    template: str
    name: str
    made: Future[bool]


class Spare:
    """One copy at most, and a thread that makes it. To be used by one event loop; only `close` blocks."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "alembic-mcp: spare scratch database")
        self._copy: Copy | None = None

    def take(self, server: Server, template: Template) -> Copy:
        """The copy of *template*, the caller's from now on, to be dropped too; where there is none, one not made."""
        if self._copy is not None and self._has(server, template):
            copy, self._copy = self._copy, None
            return copy
        unmade: Future[bool] = Future()
        unmade.set_result(False)
        return Copy(server.databases, template.name, new_name(), unmade)

    def make(self, server: Server, template: Template) -> None:
        """Begin to make one of *template*; one of another template is dropped."""
        if not self._has(server, template):
            self._forget()
            name = new_name()
            made = self._thread.submit(_make, server.databases, template, name)
            self._copy = Copy(server.databases, template.name, name, made)

    def close(self) -> None:
        """Drop it, and end the thread."""
        self._forget()
        self._thread.shutdown()

    def _has(self, server: Server, template: Template) -> bool:
        copy = self._copy
        return copy is not None and (copy.databases, copy.template) == (server.databases, template.name)

    def _forget(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            self._thread.submit(_drop, copy)


def _make(databases: Databases, template: Template, name: str) -> bool:
    try:
        databases.create(name, kind="scratch", template=template.name, settings=template.settings)
    except psycopg.Error:  # the template is gone, or the server: whoever needs a copy makes one, and is told
        return False
    return True


def _drop(copy: Copy) -> None:
    with suppress(psycopg.Error):  # unreachable now: it is swept later
        copy.databases.drop(copy.name)
