"""A private MariaDB server in a folder of its own, reached through a socket file: what the tests of MySQL run on."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

__all__ = ["missing", "running"]

SECONDS_TO_START = 60.0
# A server of a test: nothing has to survive the machine, and nobody reaches it over a network.
SETTINGS = (
    "--skip-networking",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--innodb-doublewrite=0",
    "--innodb-use-native-aio=0",
    "--innodb-buffer-pool-dump-at-shutdown=0",
    "--performance-schema=0",
)
# The shell waits for the end of its input: closed on purpose, or by the end of a test run that was killed.
KEEP = '"$@" </dev/null & read -r _; kill $!; wait $!'


def missing():
    """The first program that is needed and not there; None if all are."""
    return next((name for name in ("mariadbd", "mariadb-install-db") if _program(name) is None), None)


def _program(name):
    # Not on the path of an ordinary user in Debian.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def running(folder):
    """A server in *folder*, which is made and removed; the path of its socket. Its user ``root`` has no password."""
    folder = Path(folder)
    folder.mkdir()
    address, log = folder / "s", folder / "log"
    # Started by root it must be told that it may stay so; it sees nothing but its own folder.
    user = ["--user=root"] if os.geteuid() == 0 else []
    common = ["--no-defaults", *user, f"--datadir={folder / 'data'}"]
    try:
        made = subprocess.run(
            [_program("mariadb-install-db"), *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        server = [_program("mariadbd"), *common, f"--socket={address}", f"--pid-file={folder / 'pid'}", *SETTINGS]
        with (
            log.open("wb") as output,
            subprocess.Popen(
                ["/bin/sh", "-c", KEEP, "sh", *server], stdin=subprocess.PIPE, stdout=output, stderr=output
            ) as process,
        ):
            _wait(address, process, log)
            yield address
    finally:
        shutil.rmtree(folder)


def _wait(address, process, log):
    until = time.monotonic() + SECONDS_TO_START
    while True:
        with socket.socket(socket.AF_UNIX) as trial:
            if trial.connect_ex(str(address)) == 0:
                return
        told = log.read_text(encoding="utf-8", errors="replace")
        assert "Aborting" not in told, told
        assert process.poll() is None, told
        assert time.monotonic() < until, told
        time.sleep(0.02)
