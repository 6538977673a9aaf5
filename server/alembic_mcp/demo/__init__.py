"""The demo: an agent, a real server, and a small project with 100,000 rows, played from beginning to end."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio

from ..errors import NotDone
from ..scratch.embedded import EmbeddedPostgres, programs
from .project import Project
from .stage import Stage
from .story import Unexpected, play

__all__ = ["run"]

INTERRUPTED = 130


def run(no_input: bool = False, keep: bool = False) -> int:
    """Play the demo and return the exit code: 0 only if every step behaved.

    Args:
        no_input: ask nobody, as if there were no terminal; the answer to every question is then a decline.
        keep: leave the project and its database in place, and say where.
    """
    stage = Stage()
    person = sys.stdin.isatty() and stage.is_terminal and not no_input
    started = time.monotonic()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _folder(stage, keep=keep) as folder, EmbeddedPostgres(folder / "postgresql") as server:
            project = Project.create(folder, server.params)
            stage.opening(project.root, server.version, f"{project.PERSONS:,}", asks=person)
            try:
                anyio.run(partial(play, project, stage, asks=person))
            except Unexpected as error:
                stage.failed(str(error), project.log())
                return 1
            stage.closing(time.monotonic() - started)
    except NotDone as error:
        stage.failed(error.message, *error.next_steps)
        return 1
    except KeyboardInterrupt:
        stage.stopped()
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


@contextmanager
def _folder(stage: Stage, *, keep: bool) -> Iterator[Path]:
    """A folder for everything; root's is one that the user who runs PostgreSQL instead of root gets through."""
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="alembic-mcp-demo-", dir="/var/tmp" if root else None))  # noqa: S108 - mkdtemp
    folder.chmod(0o711 if root else 0o700)
    try:
        yield folder
    finally:
        if keep:
            home = EmbeddedPostgres(folder / "postgresql").folder
            # Where the service user can't run the installed programs, they were copied.
            installed = next(home.glob("programs-*/*/*/bin"), programs())
            data = home / "data"
            start = f"{installed / 'pg_ctl'} -D {data} -o '-h \"\" -k {data}' start"
            stage.kept(folder, f"runuser -u nobody -- {start}" if root else start)
        else:
            shutil.rmtree(folder)
