"""What a browser has sent: a form, or JSON; everything else is turned away."""

from __future__ import annotations

from json import JSONDecodeError
from typing import Any

from starlette.requests import Request

from ..errors import Refused

__all__ = ["TOKEN_HEADER", "sent_form", "sent_json"]

TOKEN_HEADER = "x-form-token"  # noqa: S105 - the header's name


async def sent_form(request: Request) -> dict[str, str]:
    """The text fields of a form; files and repeated fields have no place in ours. Raises Refused if it is none."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise Refused("This is not a form of this page. Nothing was done.", "Reload the page.")
    async with request.form(max_fields=20) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


async def sent_json(request: Request) -> dict[str, Any]:
    """The object that our script sends. Raises Refused for anything else."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused("This is nothing that this page sends. Nothing was done.", "Reload the page.")
    try:
        sent = await request.json()
    except (JSONDecodeError, UnicodeDecodeError) as error:
        raise Refused("This is nothing that this page sends. Nothing was done.", "Reload the page.") from error
    if not isinstance(sent, dict):
        raise Refused("This is nothing that this page sends. Nothing was done.", "Reload the page.")
    return sent
