"""Calls that do what the code of real projects does to a process, and worse."""

# ruff: noqa: ARG001, T201 - every call takes the same arguments, and printing is what some are for

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from alembic_mcp_worker.errors import CallError


def handle(request, progress):
    return globals()[request["call"]](request["args"], progress)


def echo(args, progress):
    return {"args": args}


def surroundings(args, progress):
    return {
        "cwd": str(Path.cwd()),
        "argv": sys.argv,
        "path": sys.path,
        "env": {name: os.environ.get(name) for name in args["names"]},
        "stdin": sys.stdin.read(),
        "leads_its_group": os.getpgrp() == os.getpid(),
        "main_thread": threading.current_thread() is threading.main_thread(),
        "connections": [fd.name for fd in Path("/proc/self/fd").iterdir() if is_connection(fd)],
        "pid": os.getpid(),
    }


def is_connection(fd):
    try:
        return str(fd.readlink()).startswith(("socket:", "pipe:"))
    except FileNotFoundError:
        return False


def count(args, progress):
    for number in range(args["to"]):
        progress({"number": number})
    return {}


def large(args, progress):
    return {"text": "x" * args["bytes"]}


def strange_types(args, progress):
    return {"path": os.PathLike, "bytes": b"1"}


def print_everywhere(args, progress):
    print("from print")
    sys.stdout.write("no line break, ")
    os.write(1, b"from os.write, ")
    ctypes.CDLL(None).puts(b"from C")
    ctypes.CDLL(None).fflush(None)
    os.system("echo from a shell; echo and its stderr >&2")
    print("snow \N{SNOWMAN}, half a character \udcff", file=sys.stderr)
    os.write(2, b"\xff\xfe no UTF-8\n")
    return {}


def print_megabytes(args, progress):
    os.write(1, b"the beginning\n")
    for _ in range(5_000):
        os.write(1, b"x" * 999 + b"\n")
    os.write(1, b"the end\n")
    return {}


def raises(args, progress):
    return {}["DATABASE_URL"]


def call_error(args, progress):
    raise CallError("locked", "Somebody else is at it.", holder="another server", next_steps=["Wait."])


def prints_a_secret_and_dies(args, progress):
    print("connecting to", os.environ["DATABASE_URL"], "with", os.environ["THE_TOKEN"])
    raise ConnectionError(f"no route for {os.environ['DATABASE_URL']}")


def exits(args, progress):
    sys.exit(3)


def exits_hard(args, progress):
    print("about to go")
    os._exit(3)


def kills_itself(args, progress):
    os.kill(os.getpid(), signal.SIGKILL)


def crashes(args, progress):
    ctypes.string_at(0)


def hangs(args, progress):
    print("before the hang")
    progress({"pid": os.getpid()})
    while True:
        signal.pause()


def hangs_for_good(args, progress):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hangs(args, progress)


def hangs_with_family(args, progress):
    sleeper = subprocess.Popen(["sleep", "600"])
    progress({"pid": sleeper.pid})
    hangs_for_good(args, progress)


def finishes_when_interrupted(args, progress):
    try:
        hangs(args, progress)
    except KeyboardInterrupt:
        return {"finished": True}


def leaves_a_sleeper(args, progress):
    sleeper = subprocess.Popen(["sleep", "600"])
    return {"pid": sleeper.pid}


def leaves_a_fork(args, progress):
    """A fork holds every descriptor, the channel too."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
    return {"pid": pid}


def leaves_a_fork_and_dies(args, progress):
    leaves_a_fork(args, progress)
    os._exit(4)


def leaves_a_noisy_daemon(args, progress):
    daemon = subprocess.Popen(["yes"], start_new_session=True)
    return {"pid": daemon.pid}


def leaves_threads(args, progress):
    threading.Thread(target=threading.Event().wait).start()
    return {}


def _scribble(text):
    for fd in range(3, 64):
        try:
            os.write(fd, text)
        except OSError:
            continue


def scribbles_and_answers(args, progress):
    _scribble(b"half a line")
    _scribble(b'\n{}\n[1]\n{"a": 1}\nnull\n')
    return {"done": True}


def scribbles_and_dies(args, progress):
    _scribble(b"rubbish")
    os._exit(0)


def scribbles_for_ever(args, progress):
    while True:
        _scribble(b"rubbish " * 1_000)


def closes_everything(args, progress):
    os.closerange(0, 256)
    return {}


def closes_its_output(args, progress):
    sys.stdout.close()
    sys.stderr = None
    return {"done": True}


def parent(args, progress):
    return {"parent": os.getppid()}
