"""Templates: databases with a target's schema, made once per fingerprint and copied for every rehearsal."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import psycopg
from psycopg import sql

from ..target import Target
from .databases import PREFIX, Databases, new_name
from .dump import Dump, dump, restore
from .place import ScratchUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Server", "Template", "build", "template_key"]

_FORMAT = 1  # a template made by another version of this module is not found
_VERSION_NUM = 32  # characters, as Alembic makes the column

# What changes the meaning of DDL and is not part of a dump.
_SETTINGS = (
    "search_path",
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "default_text_search_config",
    "default_toast_compression",
    "check_function_bodies",
)


@dataclass(frozen=True, repr=False)
class Server:
    """A PostgreSQL server that scratch databases are made on.

    Attributes:
        version: as it says it: ``18.4``.
        embedded: it is ours: other processes of ours share its templates, the role is superuser.
    """

    databases: Databases
    version: str
    embedded: bool

    @property
    def label(self) -> str:
        """For people, after "on"."""
        return (
            f"the embedded PostgreSQL {self.version}" if self.embedded else f"its own server, PostgreSQL {self.version}"
        )


@dataclass(frozen=True)
class Template:
    """A database to copy."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Facts:
    """What a schema needs of its server, and what a dump leaves out."""

    encoding: str
    locale: sql.Composable
    settings: dict[str, str]
    roles: tuple[str, ...]
    extensions: dict[str, bool]  # name -> something in the schema depends on it
    has_public: bool


def template_key(target: Target, version_rows: Sequence[str], schema: str) -> str:
    """The name of the template on a shared server: the same for the same target, *schema* digest and version rows."""
    parts = [_FORMAT, target.identity, schema, target.default_schema, target.version_table, sorted(version_rows)]
    return f"{PREFIX}t_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"


async def build(
    server: Server, target: Target, version_rows: Sequence[str], *, name: str | None, read: Dump | None
) -> Template:
    """Make a template of *target* on *server*, called *name* where that is given.

    *read* is the dump of the target where the caller has it already.

    Raises:
        ScratchUnavailable: the schema cannot be read, or cannot be made there; nothing is left behind.
    """
    in_thread = anyio.to_thread.run_sync
    facts = await in_thread(_ask, target)
    left_out: tuple[str, ...] = ()
    if server.embedded:
        left_out = await in_thread(_left_out, server, facts)
        await in_thread(server.databases.add_roles, facts.roles)
    if read is None or left_out:
        read = await dump(target.connect.libpq, without_extensions=left_out)
    new = new_name()
    try:
        warnings = await in_thread(_create, server, facts, new)
        read = await in_thread(_adapt, server, read, new)
        await restore({**server.databases.params, "dbname": new}, read, at_once=server.embedded)
        await in_thread(_finish, server, facts, target, version_rows, new)
        if left_out:
            warnings += (f"It lacks extensions that nothing in the schema needs: {', '.join(left_out)}.",)
        settings = facts.settings
        final = await in_thread(lambda: server.databases.seal(new, settings, warnings, rename=name))
    except BaseException as error:
        with anyio.CancelScope(shield=True), suppress(psycopg.Error):  # unreachable now: it is swept later
            await in_thread(server.databases.drop, new)
        if isinstance(error, psycopg.Error):
            raise _not_made(server, error) from error
        raise
    return Template(final, settings, warnings)


def _not_made(server: Server, error: psycopg.Error) -> ScratchUnavailable:
    return ScratchUnavailable(
        f"A scratch database could not be made on {server.label}: {str(error).strip()}",
        "Review without a rehearsal, or with a development database of your own.",
    )


def _ask(target: Target) -> _Facts:
    try:
        with Databases(target.connect.libpq).connect() as connection:
            connection.execute("SET default_transaction_read_only = on; SET statement_timeout = '10s'")
            return _facts(connection, target)
    except psycopg.Error as error:
        raise ScratchUnavailable(
            f"The database could not be asked about its schema: {target.connect.redact(str(error)).strip()}",
            "Check that the database is reachable, then call again.",
        ) from error


def _facts(connection: psycopg.Connection[tuple[Any, ...]], target: Target) -> _Facts:
    query = "SELECT to_jsonb(d) || jsonb_build_object('encoding', pg_encoding_to_char(d.encoding)) FROM pg_database d"
    row = connection.execute(query + " WHERE datname = current_database()").fetchone()
    about: dict[str, Any] = row[0] if row else {}
    settings = dict(
        connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(_SETTINGS)]).fetchall()
    )
    custom = connection.execute("""
        SELECT split_part(item, '=', 1), substr(item, strpos(item, '=') + 1)
        FROM pg_db_role_setting, unnest(setconfig) AS item
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
          AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))
          AND item LIKE '%.%=%' AND split_part(item, '=', 1) LIKE '%.%' AND item NOT LIKE 'alembic_mcp.%'
        ORDER BY setdatabase <> 0, setrole <> 0
    """)
    settings |= dict(custom.fetchall())
    if target.user:
        # On the embedded server we are somebody else.
        quoted = '"' + target.user.replace('"', '""') + '"'
        settings["search_path"] = settings["search_path"].replace('"$user"', quoted)
    roles = connection.execute("SELECT rolname FROM pg_roles WHERE NOT starts_with(rolname, 'pg_')").fetchall()
    extensions = connection.execute("""
        SELECT e.extname, EXISTS (
            SELECT FROM pg_depend member JOIN pg_depend user_of
              ON user_of.refclassid = member.classid AND user_of.refobjid = member.objid
              AND user_of.deptype IN ('n', 'a')
            WHERE member.refclassid = 'pg_extension'::regclass AND member.refobjid = e.oid AND member.deptype = 'e'
              AND NOT EXISTS (
                SELECT FROM pg_depend also WHERE also.classid = user_of.classid AND also.objid = user_of.objid
                  AND also.refclassid = 'pg_extension'::regclass AND also.deptype = 'e'
              )
        ) FROM pg_extension e
    """)
    public = connection.execute("SELECT to_regnamespace('public') IS NOT NULL").fetchone()
    return _Facts(
        encoding=str(about["encoding"]),
        locale=_locale(about),
        settings=settings,
        roles=tuple(name for (name,) in roles),
        extensions=dict(extensions.fetchall()),
        has_public=bool(public and public[0]),
    )


def _locale(about: Mapping[str, Any]) -> sql.Composable:
    """The clause of CREATE DATABASE that gives the same collation; what it reads is named differently since 15."""
    encoding = sql.SQL("ENCODING {}").format(about["encoding"])
    clauses: list[sql.Composable] = [encoding, sql.SQL("LC_COLLATE {}").format(about["datcollate"])]
    clauses.append(sql.SQL("LC_CTYPE {}").format(about["datctype"]))
    provider = about.get("datlocprovider", "c")
    locale = about.get("datlocale") or about.get("daticulocale")
    if provider == "i":
        clauses.append(sql.SQL("LOCALE_PROVIDER icu ICU_LOCALE {}").format(locale))
    if provider == "b":
        clauses.append(sql.SQL("LOCALE_PROVIDER builtin BUILTIN_LOCALE {}").format(locale))
    if provider == "c" and "datlocprovider" in about:
        clauses.append(sql.SQL("LOCALE_PROVIDER libc"))
    return sql.SQL(" ").join(clauses)


def _left_out(server: Server, facts: _Facts) -> tuple[str, ...]:
    """Extensions that the server lacks and nothing in the schema needs.

    Raises:
        ScratchUnavailable: it lacks one that is needed.
    """
    with server.databases.connect() as connection:
        available = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
    needed = sorted(name for name, is_used in facts.extensions.items() if is_used and name not in available)
    if needed:
        raise ScratchUnavailable(
            f"The schema uses extensions that {server.label} does not have: {', '.join(needed)}.",
            "Review against a development database of your own server, where the role may create databases.",
        )
    return tuple(sorted(set(facts.extensions) - available))


def _create(server: Server, facts: _Facts, name: str) -> tuple[str, ...]:
    """Create the database with the target's encoding and collation, or with what comes nearest; what differs."""
    nearest = sql.SQL("ENCODING {} LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'").format(facts.encoding)
    if not server.embedded:
        server.databases.create(name, kind="scratch", options=facts.locale)
        return ()
    try:
        server.databases.create(name, kind="scratch", options=facts.locale)
    except psycopg.Error:  # no such locale on this machine, or no ICU
        utf8 = facts.encoding == "UTF8"
        server.databases.create(name, kind="scratch", options=sql.SQL("") if utf8 else nearest)
        return ("It sorts text by code point: the embedded PostgreSQL does not have the collation of the database.",)
    return ()


def _adapt(server: Server, read: Dump, name: str) -> Dump:
    """Take out of the dump what this server does not know; give it collations to stand in for those it lacks."""
    with server.databases.connect(name) as connection:
        known = {setting for (setting,) in connection.execute("SELECT name FROM pg_settings").fetchall()}
        if not server.embedded:
            return read.without_settings(known)
        names = connection.execute("SELECT collname FROM pg_collation WHERE collencoding IN (-1, 6)").fetchall()
        missing = read.collations - {collation for (collation,) in names}
        if missing:
            connection.execute("SET allow_system_table_mods = on")
        for collation in sorted(missing):
            statement = sql.SQL('CREATE COLLATION pg_catalog.{} FROM pg_catalog."C"')
            connection.execute(statement.format(sql.Identifier(collation)))
    return read.without_settings(known).without_icu()


def _finish(server: Server, facts: _Facts, target: Target, version_rows: Sequence[str], name: str) -> None:
    """Do what a dump of the schema leaves undone: the version rows, materialized views filled, no schema public."""
    with server.databases.connect(name) as connection:
        if not facts.has_public:
            connection.execute("DROP SCHEMA IF EXISTS public")
        schema, _, table = target.version_table.rpartition(".")
        place = [schema or target.default_schema or "public", table]
        fill_versions(connection, sql.Identifier(*place), version_rows)
        _fill_views(connection)


def fill_versions(connection: psycopg.Connection[Any], table: sql.Identifier, version_rows: Sequence[str]) -> None:
    """Make *version_rows* the rows of the version table, which is created if it is not there."""
    if not version_rows:
        return
    width = max(_VERSION_NUM, *map(len, version_rows))
    create = sql.SQL("CREATE TABLE IF NOT EXISTS {} (version_num varchar({}) PRIMARY KEY)")
    connection.execute(create.format(table, sql.Literal(width)))
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.SQL("INSERT INTO {} (version_num) VALUES (%s)").format(table), [[row] for row in version_rows]
        )


def _fill_views(connection: psycopg.Connection[Any]) -> None:
    """Populate materialized views, as the target's are; in the order they were made, so that each finds its sources."""
    query = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'm' AND NOT relispopulated ORDER BY oid"
    connection.execute("SET search_path = pg_catalog")
    for (view,) in connection.execute(query).fetchall():
        try:
            connection.execute("REFRESH MATERIALIZED VIEW " + view)
        except psycopg.Error:  # its query fails on empty tables, or here: then it stays as the dump makes it
            continue
