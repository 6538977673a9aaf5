"""Failures we saw coming: each says what happened, what was not done, and what to do next."""

from __future__ import annotations

import re

__all__ = ["Failed", "NeedsAnswer", "NotDone", "Refused", "Unreachable", "redact", "remember"]

_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*):[^\s'\"]*@", re.IGNORECASE)
_KEYWORD = re.compile(
    r"(\b(?:[a-z0-9]+_)*(?:password|passwd|pwd|pgpassword|secret|token|api_?key)(?:['\"]?\s*[=:]\s*))"
    r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s,;&)'\"]+)",
    re.IGNORECASE,
)
# One of these stands in whatever the pattern above finds; to look for them first is several times as fast.
_HINTS = ("pass", "pwd", "secret", "token", "key")

_SHORTEST = 4
_remembered: set[str] = set()


def remember(*secrets: str) -> None:
    """From now on these never appear in what `redact` returns, wherever they stand."""
    _remembered.update(secret for secret in secrets if len(secret) >= _SHORTEST)


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return *text* without passwords: those known (*secrets*, and what was remembered), in URLs, in ``password=...``.

    This is the one place that redacts; whatever leaves the server (reports, logs, errors) goes through it.
    """
    for secret in sorted({*secrets, *_remembered}, key=len, reverse=True):
        if secret in text and len(secret) >= _SHORTEST:
            # A weak password such as "test" may be part of a word, and hiding words would hide what is said.
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    if "://" in text:
        text = _URL_PASSWORD.sub(r"\1:***@", text)
    folded = text.casefold()
    return _KEYWORD.sub(r"\1***", text) if any(hint in folded for hint in _HINTS) else text


class NotDone(Exception):
    """What was asked was not done, and nothing was changed unless *message* says so.

    Attributes:
        message: what happened and what state things are in, in plain words.
        next_steps: what the caller can do now, most useful first.
    """

    status = "failed"

    def __init__(self, message: str, *next_steps: str) -> None:
        self.message = redact(message)
        self.next_steps = [redact(step) for step in next_steps]
        super().__init__(" ".join([self.message, *self.next_steps]))


class Refused(NotDone):
    """The server will not do this, whoever asks; the next steps say what it will do instead."""

    status = "refused"


class Failed(NotDone):
    """It was tried and did not work; the message says where it stopped and what was left behind."""

    status = "failed"


class Unreachable(Failed):
    """The database can't be reached over a connection of our own; nothing was done."""


class NeedsAnswer(NotDone):
    """It can be understood in several ways; the next steps are the ways to ask again."""

    status = "needs_answer"
