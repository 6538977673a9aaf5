"""One change at a time per database, and whoever waits is told for whom."""

import os
import subprocess
import sys

import pytest

from alembic_mcp.errors import Failed, Refused
from alembic_mcp.exclusive import hold

HOLDER = """
import sys
from alembic_mcp.exclusive import hold
with hold("postgresql:1:app", "upgrade to head"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def start_holder():
    start = [sys.executable, "-c", HOLDER]
    process = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_caller_is_told_who_holds_it():
    with start_holder() as holder:
        with pytest.raises(Refused, match="Nothing was changed") as caught, hold("postgresql:1:app", "stamp"):
            pass
        assert f"process {holder.pid} on {os.uname().nodename}" in caught.value.message
        assert "'upgrade to head' since 20" in caught.value.message
        holder.communicate("go\n")
    with hold("postgresql:1:app", "stamp"):
        pass


def test_a_killed_holder_does_not_block():
    with start_holder() as holder:
        holder.kill()
    with hold("postgresql:1:app", "stamp"):
        pass


def test_it_holds_within_one_process_too():
    with (
        hold("postgresql:1:app", "upgrade"),
        pytest.raises(Refused, match=f"process {os.getpid()}"),
        hold("postgresql:1:app", "stamp"),
    ):
        pass


def test_a_refused_caller_does_not_take_the_holders_name_away():
    with hold("postgresql:1:app", "upgrade"):
        for _ in range(2):
            with pytest.raises(Refused, match="'upgrade'"), hold("postgresql:1:app", "stamp"):
                pass


def test_other_databases_are_free():
    with hold("postgresql:1:app", "upgrade"), hold("postgresql:1:other", "upgrade"):
        pass


def test_it_is_released_when_the_change_fails():
    with pytest.raises(ZeroDivisionError), hold("sqlite:1:2", "upgrade"):
        raise ZeroDivisionError
    with hold("sqlite:1:2", "upgrade"):
        pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(Failed, match="could not be made"),
        hold("sqlite:1:2", "upgrade", folder=tmp_path / "file" / "locks"),
    ):
        pass
