"""One change at a time per database, across server processes: a file lock that says who holds it.

The kernel releases the lock when its process ends, however it ends; what the file says about a holder is only for
people. It covers the processes of one user on one machine: PostgreSQL has an advisory lock besides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from .errors import Failed, Refused
from .owner import Owner

__all__ = ["hold"]


@contextmanager
def hold(identity: str, what: str, *, folder: Path | None = None) -> Iterator[None]:
    """Hold the database *identity* (`Target.identity`) while doing *what*: ``upgrade to head``. Does not wait.

    The locks are files in *folder*, else in the user's state folder.

    Raises:
        Refused: somebody holds it; the message says which process, what it does and since when.
        Failed: the lock cannot be made.
    """
    place = folder or platformdirs.user_state_path("alembic-mcp") / "locks"
    name = hashlib.sha256(identity.encode()).hexdigest()[:32]
    about = place / f"{name}.json"
    # Not bound to a thread: whoever lets go may run in another one.
    lock = FileLock(place / f"{name}.lock", thread_local=False)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise Refused(
            f"Another call is changing this database: {_holder(about)}. Nothing was changed.",
            "Wait until it is done, then call again.",
        ) from None
    except OSError as error:
        raise Failed(
            f"The lock for this database could not be made in {place}: {error}. Nothing was changed.",
            "Make the folder writable, or set XDG_STATE_HOME to one that is.",
        ) from error
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        with suppress(OSError):  # the lock holds without it
            about.write_text(json.dumps({**Owner.me().as_dict(), "what": what, "since": since}), encoding="utf-8")
        yield
    finally:
        about.unlink(missing_ok=True)
        lock.release()


def _holder(about: Path) -> str:
    try:
        value = json.loads(about.read_text(encoding="utf-8"))
        owner = Owner.read(value)
        if owner is not None:
            return f"{owner.name} does {value['what']!r} since {value['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it is just being written, or nobody could write it
        pass
    return "it did not say which"
