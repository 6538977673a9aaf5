"""A target's schema as SQL, by pg_dump, and back into a database, by psql."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from psycopg import conninfo

from ..errors import redact
from .place import ScratchUnavailable
from .programs import programs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Dump", "dump", "restore"]

_LOCK_PATIENCE = 3000  # ms that pg_dump waits for a table; while it waits, writers queue up behind it
_SECONDS = 300
_SETTING = re.compile(rb"^SET (\w+) = [^\n]*;\n", re.MULTILINE)
_ICU = re.compile(rb"^(CREATE COLLATION \S+) \(provider = icu,[^\n]*\);$", re.MULTILINE)
_COLLATION = re.compile(rb'COLLATE pg_catalog\."([^"\n]+)"')
_SECRET = re.compile(r"password|secret|client_key")
_RESTRICT = re.compile(rb"^\\(?:un)?restrict [^\n]*\n", re.MULTILINE)


@dataclass(frozen=True)
class Dump:
    """The SQL that makes a schema."""

    text: bytes

    @property
    def content(self) -> bytes:
        """The same for the same schema: without the random keys that psql is given."""
        return _RESTRICT.sub(b"", self.text)

    @property
    def collations(self) -> frozenset[str]:
        """Collations of the system that it names."""
        return frozenset(name.decode() for name in _COLLATION.findall(self.text))

    def without_settings(self, known: Collection[str]) -> Dump:
        """Without those SET lines in front that a server with the *known* settings would refuse."""
        head, found, body = self.text.partition(b"\nCREATE ")
        head = _SETTING.sub(lambda match: match[0] if match[1].decode() in known else b"", head)
        return Dump(head + found + body)

    def without_icu(self) -> Dump:
        """With collations that need no ICU standing in for those that do."""
        return Dump(_ICU.sub(rb'\1 FROM pg_catalog."C";', self.text))


async def dump(params: Mapping[str, str], *, without_extensions: Collection[str] = ()) -> Dump:
    """The schema of the database that *params* (keywords of libpq) lead to; takes ACCESS SHARE locks for a moment.

    Raises:
        ScratchUnavailable: pg_dump could not read it; the message says why.
    """
    arguments = [
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-publications",
        "--no-subscriptions",
        "--no-tablespaces",
        "--no-security-labels",
        "--encoding=UTF8",
        f"--lock-wait-timeout={_LOCK_PATIENCE}",
        *(f"--exclude-extension={_exactly(name)}" for name in without_extensions),
    ]
    done = await _run("pg_dump", arguments, params, b"")
    if done.returncode:
        raise ScratchUnavailable(
            f"The schema of the database could not be read: {_why(done.stderr)}",
            "Check that the database can be reached and that the role may read every table (pg_read_all_data).",
        )
    return Dump(done.stdout)


async def restore(params: Mapping[str, str], text: Dump, *, at_once: bool) -> None:
    """Run a dump in the database that *params* lead to, *at_once* (in one transaction) or statement by statement.

    Raises:
        ScratchUnavailable: a statement failed; the message has the server's words.
    """
    arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", *(["--single-transaction"] if at_once else [])]
    done = await _run("psql", arguments, params, b"SET synchronous_commit = off;\n" + text.text)
    if done.returncode:
        raise ScratchUnavailable(
            f"The schema of the database could not be copied: {_why(done.stderr)}",
            "Review without a rehearsal, or with a development database of your own.",
        )


async def _run(
    program: str, arguments: list[str], params: Mapping[str, str], text: bytes
) -> subprocess.CompletedProcess[bytes]:
    environment, rest = _environment(params)
    command = [str(programs() / program), *arguments, f"--dbname={rest}"]
    try:
        with anyio.fail_after(_SECONDS):
            return await anyio.run_process(command, input=text, env=environment, check=False)
    except TimeoutError:
        raise ScratchUnavailable(
            f"{program} was stopped after {_SECONDS} seconds.", "Try again when the database is less busy."
        ) from None


def _environment(params: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """What goes into the environment (the password, which everybody could read on a command line), and a conninfo."""
    environment = os.environ | {"PGAPPNAME": "alembic-mcp", "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C", **_tls()}
    if "password" in params:
        environment["PGPASSWORD"] = params["password"]
    shown = {keyword: str(value) for keyword, value in params.items() if not _SECRET.search(keyword)}
    return environment, conninfo.make_conninfo(**shown)


def _tls() -> dict[str, str]:
    """Lend the programs psycopg's libpq: their own is built without TLS."""
    spec = importlib.util.find_spec("psycopg_binary")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for library in Path(folder).with_name("psycopg_binary.libs").glob("libpq-*.so.*"):
            return {"LD_PRELOAD": str(library)}
    return {}


def _exactly(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _why(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    said = [line for line in lines if "error:" in line.lower()] or lines or ["it did not say why"]
    return redact(" ".join(said[:2])[:600])
