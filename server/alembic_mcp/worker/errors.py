"""What a call answers when it fails: a kind, a message in plain words, and where in the user's code it happened."""

from __future__ import annotations

import configparser
import os
import sys
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

__all__ = ["CallError", "as_error", "is_user_file"]

_HERE = str(Path(__file__).parent) + os.sep
_STDLIB = tuple(
    os.path.realpath(path) + os.sep
    for path in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), os.path.dirname(os.__file__)}  # noqa: PTH120
    if path
)
_INSTALLED = {"site-packages", "dist-packages"}
_MISTAKES = (TypeError, AttributeError, LookupError, NameError, AssertionError, ArithmeticError)
_FRAMES = 12
_MESSAGE_LIMIT = 4_000


class CallError(Exception):
    """A call failed in a way that its code understood.

    Args:
        kind: ``user_code``, ``connection``, ``locked``, ``drift``, ... (the protocol's error kinds).
        message: what happened, in plain words.
        details: whatever else the server should know, as JSON values: ``path``, ``line``, ``sql``, ``sqlstate``,
            ``traceback``, ``heads``, ... ``next_steps`` (a list of sentences) replaces those that go with the kind.
    """

    def __init__(self, kind: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.details = details

    def as_json(self) -> dict[str, Any]:
        """The ``error`` object of the protocol: ``kind``, ``message`` and the details, side by side."""
        return {**self.details, "kind": self.kind, "message": self.message}


def as_error(error: BaseException, root: Optional[str] = None) -> dict[str, Any]:
    """The protocol's ``error`` object for any exception.

    An exception that passed through the user's code (env.py, models, revisions) is ``user_code``, with the ``path``
    and ``line`` of the innermost such place; one that did not, or that only a mistake in this package can have
    raised, is ``internal``. The traceback is trimmed: frames of
    this package are left out before the first frame of the user's, and only the last dozen are kept.

    Args:
        error: what was raised.
        root: the project's folder; code in it counts as the user's even inside site-packages.
    """
    if isinstance(error, CallError):
        return error.as_json()
    if isinstance(error, configparser.InterpolationError):
        return _not_interpolated(error)
    path, line = _place(error, root)
    found: dict[str, Any] = {
        "kind": "user_code" if path else "internal",
        "message": _message(error),
        "exception": f"{type(error).__module__}.{type(error).__qualname__}",
        "traceback": trimmed(error, root),
    }
    if path:
        found["path"], found["line"] = path, line
    return found


def _not_interpolated(error: configparser.InterpolationError) -> dict[str, Any]:
    # Its own message quotes the value, which may be a URL's password from its first % on.
    return {
        "kind": "alembic",
        "message": f"{error.option} in [{error.section}] of the configuration can't be interpolated: it has a % that "
        f"is not written as %%, or names in %(...)s what is not there.",
        "next_steps": [f"Correct {error.option} there: write % as %% (%40 in a URL as %%40), then call again."],
    }


def is_user_file(filename: str, root: Optional[str] = None) -> bool:
    """Whether *filename* belongs to the project rather than to Python, an installed library or this package."""
    if filename.startswith(("<", _HERE)):
        return False
    real = os.path.realpath(filename)
    if root:
        inside = os.path.relpath(real, os.path.realpath(root)) if _same_drive(real, root) else os.pardir
        if not inside.startswith(os.pardir):
            return not _INSTALLED.intersection(Path(inside).parts)
    return not real.startswith(_STDLIB) and not _INSTALLED.intersection(Path(real).parts)


def trimmed(error: BaseException, root: Optional[str] = None) -> str:
    """The traceback's end, starting where the user's code was entered."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if not frame.filename.startswith("<frozen ")]
    first = next((i for i, frame in enumerate(ours) if is_user_file(frame.filename, root)), 0)
    kept = ours[first:][-_FRAMES:]
    lines = traceback.format_list(kept) + traceback.format_exception_only(type(error), error)
    return "".join(lines)[-_MESSAGE_LIMIT:]


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"The code called sys.exit({error.code!r}) instead of returning."
    if isinstance(error, KeyboardInterrupt):
        return "The code was interrupted."
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    if isinstance(error, SyntaxError):
        text = f"{type(error).__name__}: {error.msg}"
    return text if len(text) <= _MESSAGE_LIMIT else text[:_MESSAGE_LIMIT] + " ..."


def _place(error: BaseException, root: Optional[str]) -> tuple[Optional[str], Optional[int]]:
    if isinstance(error, SyntaxError) and error.filename and is_user_file(error.filename, root):
        return error.filename, error.lineno
    place: tuple[Optional[str], Optional[int]] = (None, None)
    step: Optional[TracebackType] = error.__traceback__
    filename = ""
    while step is not None:
        filename = step.tb_frame.f_code.co_filename
        if is_user_file(filename, root):
            place = filename, step.tb_lineno
        step = step.tb_next
    return (None, None) if filename.startswith(_HERE) and isinstance(error, _MISTAKES) else place


def _same_drive(one: str, other: str) -> bool:
    return sys.platform != "win32" or os.path.splitdrive(one)[0].lower() == os.path.splitdrive(other)[0].lower()
