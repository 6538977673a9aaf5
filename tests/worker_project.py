"""A tiny Alembic project that a test writes line by line, and calls of the worker on it, each in its own process."""

import atexit
import functools
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import dedent, indent

WORKER = Path(__file__).parents[1] / "server" / "alembic_mcp" / "worker"

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(50)))
"""

SYNC = """
import os
import sqlalchemy as sa
from alembic import context
from models import metadata

engine = sa.create_engine(os.environ["DATABASE"], poolclass=sa.pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""

ASYNC = """
import asyncio, os
import sqlalchemy as sa
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine
from models import metadata

def migrate(connection):
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = create_async_engine(os.environ["DATABASE"], poolclass=sa.pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()

asyncio.run(main())
"""

# As a server application embeds its migrations: it works only in a thread that AnyIO started.
ANYIO = ASYNC.replace("asyncio.run(main())", "import anyio.from_thread\nanyio.from_thread.run(main)")

PEOPLE = 'op.create_table("people", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(50)))'


class CallFailed(Exception):
    """The worker answered with an error.

    Attributes:
        error: as the protocol has it.
    """

    def __init__(self, error, output):
        super().__init__(f"{error['kind']}: {error['message']}\n{error.get('traceback', '')}\n{output}")
        self.error = error
        self.kind = error["kind"]
        self.message = error["message"]


class _Zygote:
    """A warm process of an interpreter, as the server has it: every call is a fork of it."""

    def __init__(self, interpreter):
        self._control, theirs = socket.socketpair()
        command = [interpreter, str(WORKER), "zygote", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
        theirs.close()
        self._lines = self._control.makefile("rb")
        assert "ready" in json.loads(self._lines.readline())
        atexit.register(self._end)

    def call(self, request):
        """What the call answered, line by line, and what it printed."""
        ours, theirs = socket.socketpair()
        with tempfile.TemporaryFile() as printed, ours:
            socket.send_fds(self._control, [struct.pack("!cQ", b"c", 0)], [theirs.fileno(), printed.fileno()])
            theirs.close()
            ours.sendall(json.dumps(request).encode() + b"\n")
            answers = [json.loads(line) for line in ours.makefile("rb") if line.strip()]
            while "ended" not in json.loads(self._lines.readline()):
                pass
            printed.seek(0)
            return answers, printed.read().decode(errors="replace")

    def _end(self):
        self._lines.close()
        self._control.close()
        self._process.wait()


_warm = functools.cache(_Zygote)


class Project:
    """A project in *folder* whose env.py connects to *url*.

    Attributes:
        progress: what the last call told on its way.
    """

    def __init__(self, folder, url="sqlite://", *, env=SYNC, models=MODELS, ini="", interpreter=sys.executable):
        self.folder = folder
        self.url = url
        self.interpreter = interpreter
        self.versions = folder / "migrations" / "versions"
        self.versions.mkdir(parents=True)
        (folder / "alembic.ini").write_text(
            f"[alembic]\nscript_location = migrations\nprepend_sys_path = .\npath_separator = os\n{ini}", "utf-8"
        )
        (folder / "models.py").write_text(models, "utf-8")
        self.env(env)
        (folder / "migrations" / "script.py.mako").write_text(_TEMPLATE, "utf-8")
        self.entries = []
        self.progress = []

    def env(self, text):
        (self.folder / "migrations" / "env.py").write_text(dedent(text), "utf-8")

    def revision(self, revision, upgrade="pass", downgrade="pass", *, top="", down="last", depends_on=None):
        """Write a revision; *downgrade* None leaves the function out. Returns its path."""
        last = self.entries[-1]["revision"] if self.entries else None
        down = last if down == "last" else down
        downs = [] if down is None else [down] if isinstance(down, str) else list(down)
        path = self.versions / f"{revision}.py"
        lines = [
            f'"""{revision} message"""',
            "import sqlalchemy as sa",
            "from alembic import op",
            top,
            f"revision = {revision!r}",
            f"down_revision = {tuple(downs) if len(downs) > 1 else down!r}",
            f"depends_on = {depends_on!r}",
            "def upgrade():",
            indent(dedent(upgrade).strip(), "    "),
        ]
        if downgrade is not None:
            lines += ["def downgrade():", indent(dedent(downgrade).strip(), "    ")]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        self.entries.append(
            {
                "revision": revision,
                "down_revisions": downs,
                "depends_on": [depends_on] if depends_on else [],
                "branch_labels": [],
                "message": f"{revision} message",
                "path": str(path),
            }
        )
        return path

    def people(self):
        """The first revision: a table people(id, name)."""
        self.revision("r1", PEOPLE, 'op.drop_table("people")')

    def line(self, revision, text):
        """Line number of *text* in a revision's file."""
        lines = (self.versions / f"{revision}.py").read_text("utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def call(self, name, *, indexed=False, x=(), env=None, **args):
        """The worker's result. Raises CallFailed."""
        request = {
            "call": name,
            "project": {
                "root": str(self.folder),
                "config_file": str(self.folder / "alembic.ini"),
                "toml_file": None,
                "section": "alembic",
                "index": self.entries if indexed else None,
            },
            "x": list(x),
            "env": {**os.environ, "DATABASE": self.url, **(env or {})},
            "args": args,
        }
        answers, output = _warm(self.interpreter).call(request)
        self.progress = [each["progress"] for each in answers if "progress" in each]
        last = answers[-1]
        if "error" in last:
            raise CallFailed(last["error"], output)
        return {**last["result"], "output": output}


_TEMPLATE = '''"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''
