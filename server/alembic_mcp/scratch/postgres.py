"""Scratch databases on PostgreSQL: on the target's own server where that is allowed, else on the embedded one."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict, defaultdict
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread
import psycopg

from ..errors import redact
from ..target import Target
from .databases import Databases
from .dump import Dump, dump
from .embedded import EmbeddedPostgres
from .place import Scratch, ScratchUnavailable
from .spare import SLOW, Spare
from .template import Server, Template, build, template_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

__all__ = ["PostgresServers"]

TEMPLATES = 8  # kept per server
T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")
_EMPTY = Template("template0")


class PostgresServers:
    """The servers in use, and the templates on them."""

    def __init__(self, folder: Path | None) -> None:
        """Keep the embedded server's data under *folder*; it starts with the first database on it."""
        self._folder = folder
        self._embedded: EmbeddedPostgres | None = None
        self._swept: set[str] = set()
        self._own_templates: OrderedDict[str, tuple[Server, Template]] = OrderedDict()
        self._building: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._spare = Spare()

    @asynccontextmanager
    async def clone(self, target: Target, version_rows: Sequence[str], *, own_server: bool) -> AsyncIterator[Scratch]:
        """A copy of the target's schema, as `ScratchServers.clone` says."""
        if not target.connect.complete or not target.connect.libpq:
            raise ScratchUnavailable(
                "The project connects to its database in a way that only its own driver can follow.",
                "Review without a rehearsal, or give env.py a URL that says all that is needed to connect.",
            )
        warnings: tuple[str, ...] = ()
        server: Server | None = None
        if own_server and target.may_create_databases:
            try:
                server = await anyio.to_thread.run_sync(self._own_server, target)
                template = await self._template(server, target, version_rows)
            except ScratchUnavailable as error:
                warnings = (f"The database's own server was not used: {error.message}",)
                server = None
        if server is None:
            server = await self._embedded_server()
            template = await self._template(server, target, version_rows)
        async with self._database(server, template, target, version_rows) as scratch:
            same = server.version.partition(".")[0] == target.server_version.partition(".")[0]
            where = f"a copy of the schema on {server.label}"
            if not same:
                warnings += (f"It runs on PostgreSQL {server.version}, the database on {target.server_version}.",)
            yield Scratch(scratch.redirect, where, same, scratch.recreate, warnings + template.warnings)

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[Scratch]:
        """An empty database on the embedded server."""
        server = await self._embedded_server()
        async with self._database(server, _EMPTY, None, ()) as scratch:
            yield scratch

    def close(self) -> None:
        """Drop what must not stay, and stop using the embedded server. Blocks."""
        self._spare.close()
        for server, template in self._own_templates.values():
            with suppress(psycopg.Error):  # unreachable now: it is swept later
                server.databases.drop(template.name)
        self._own_templates.clear()
        if self._embedded is not None:
            self._embedded.close()
            self._embedded = None

    @asynccontextmanager
    async def _database(
        self, server: Server, template: Template, target: Target | None, version_rows: Sequence[str]
    ) -> AsyncIterator[Scratch]:
        """A database made from *template*, which is made again where another process has dropped it since."""
        databases, slow = server.databases, False
        roles = await _in_thread(server, databases.roles) if server.embedded else frozenset()
        copy = self._spare.take(server, template)
        name = copy.name

        def drop() -> None:
            copy.made.result()
            databases.drop(name)
            if server.embedded:
                databases.drop_roles(but=roles)

        def create(source: Template) -> bool:
            try:
                databases.create(name, kind="scratch", template=source.name, settings=source.settings)
            except psycopg.errors.InvalidCatalogName:
                return False
            return True

        async def make() -> None:
            if not await _in_thread(server, create, template):
                again = await self._template(server, target, version_rows) if target else _EMPTY
                await _in_thread(server, create, again)

        async def fresh() -> None:
            await _in_thread(server, drop)
            await make()

        try:
            ahead = await _in_thread(server, copy.made.result)
            began = time.monotonic()
            if not ahead:
                await make()
            slow = ahead or time.monotonic() - began > SLOW
            redirect = {
                "dialect": "postgresql",
                "params": {**databases.params, "dbname": name},
                "shared": not server.embedded,
            }
            yield Scratch(redirect, f"an empty database on {server.label}", same_version=True, recreate=fresh)
        finally:
            with anyio.CancelScope(shield=True), suppress(ScratchUnavailable):  # unreachable now: it is swept later
                await _in_thread(server, drop)
            if slow:
                self._spare.make(server, template)

    async def _template(self, server: Server, target: Target, version_rows: Sequence[str]) -> Template:
        read: Dump | None = None
        schema = target.fingerprint
        if schema is None:
            read = await dump(target.connect.libpq)
            schema = hashlib.sha256(read.content).hexdigest()
        key = template_key(target, version_rows, schema)
        async with self._building[key]:
            if server.embedded:
                return await self._shared_template(server, target, version_rows, key, read)
            return await self._private_template(server, target, version_rows, key, read)

    async def _shared_template(
        self, server: Server, target: Target, version_rows: Sequence[str], key: str, read: Dump | None
    ) -> Template:
        found = await _in_thread(server, server.databases.use, key)
        if found:
            return Template(found.name, found.settings, found.warnings)
        template = await build(server, target, version_rows, name=key, read=read)
        await _in_thread(server, server.databases.bound_templates, TEMPLATES)
        return template

    async def _private_template(
        self, server: Server, target: Target, version_rows: Sequence[str], key: str, read: Dump | None
    ) -> Template:
        if key in self._own_templates:
            self._own_templates.move_to_end(key)
            template = self._own_templates[key][1]
            if await _in_thread(server, server.databases.use, template.name):
                return template
        template = await build(server, target, version_rows, name=None, read=read)
        self._own_templates[key] = (server, template)
        if len(self._own_templates) > TEMPLATES:
            _, (place, oldest) = self._own_templates.popitem(last=False)
            await _in_thread(place, place.databases.drop, oldest.name)
        return template

    def _own_server(self, target: Target) -> Server:
        databases = Databases(target.connect.libpq)
        try:
            self._sweep(databases, target.identity, "scratch", "template")
        except psycopg.Error as error:
            raise ScratchUnavailable(
                target.connect.redact(str(error)).strip(), "Check that the database is reachable, then call again."
            ) from error
        return Server(databases, target.server_version, embedded=False)

    async def _embedded_server(self) -> Server:
        async with self._building["embedded"]:
            return await anyio.to_thread.run_sync(self._start_embedded)

    def _start_embedded(self) -> Server:
        if self._embedded is None:
            self._embedded = EmbeddedPostgres(self._folder)
        self._embedded.start()
        databases = Databases({**self._embedded.params, "dbname": "postgres"})
        self._sweep(databases, "embedded", "scratch")
        return Server(databases, self._embedded.version, embedded=True)

    def _sweep(self, databases: Databases, server: str, *kinds: str) -> None:
        if server not in self._swept:
            databases.sweep(*kinds)
            self._swept.add(server)


async def _in_thread(server: Server, call: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """Run a blocking *call* on *server* in a thread; what the server objects to is said in our words."""
    try:
        return await anyio.to_thread.run_sync(call, *arguments)
    except psycopg.Error as error:
        raise ScratchUnavailable(
            f"{server.label[0].upper()}{server.label[1:]} did not do what was asked: {redact(str(error)).strip()}",
            "Call again; if it stays so, review without a rehearsal.",
        ) from error
