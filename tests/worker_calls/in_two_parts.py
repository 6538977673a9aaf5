"""Calls whose request comes in two parts, and one that does not wait for the second."""

# ruff: noqa: ARG001 - every call takes the same arguments

import os

from alembic_mcp_worker.errors import CallError


def handle(request, progress, ask=None):
    return globals()[request["call"]](request, progress, ask)


def sum_up(request, progress, ask):
    progress({"first": request["args"]})
    rest = ask({"heard": request["args"]["number"], "pid": os.getpid()})
    return {"sum": request["args"]["number"] + rest["number"]}


def give_up(request, progress, ask):
    raise CallError("user_code", "It does not come that far.", next_steps=["Mend it."])


def whole(request, progress, ask):
    return {"waits": ask is not None}
