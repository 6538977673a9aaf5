"""The audit trail's hash chain: each entry vouches for the one before it. Pure: `store` keeps the entries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .errors import redact

__all__ = ["BEGINNING", "Entry", "canonical", "clean", "entry_hash", "problems"]

BEGINNING = "0" * 64
_AS_THEY_ARE = ("evidence", "statement", "public_key", "credential_id")


@dataclass(frozen=True)
class Entry:
    """An entry of the trail.

    Attributes:
        number: from 1, without gaps.
        at: seconds since 1970.
        kind: what happened: ``plan``, ``asked``, ``approved``, ``consumed``, ``result``, ...
        plan: id of the plan that it is about.
        payload: JSON text.
        previous: hash of the entry before, `BEGINNING` for the first; *hash* is this one's.
    """

    number: int
    at: float
    kind: str
    plan: str | None
    payload: str
    previous: str
    hash: str

    @property
    def said(self) -> dict[str, Any]:
        """The payload as it was given; empty if somebody made it something else."""
        try:
            found = json.loads(self.payload)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def canonical(value: Any) -> str:
    """JSON of which there is one for a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def entry_hash(*, number: int, at: float, kind: str, plan: str | None, payload: str, previous: str) -> str:
    """SHA-256 of an entry and, through *previous*, of all before it."""
    return hashlib.sha256(canonical([number, at, kind, plan, payload, previous]).encode()).hexdigest()


def clean(value: Any) -> Any:
    """*value* without passwords, and such that every database takes it."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {str(key): item if key in _AS_THEY_ARE else clean(item) for key, item in value.items()}
        case list() | tuple():
            return [clean(item) for item in value]
    return value


def problems(entries: Iterable[Entry], head: tuple[int, str] | None) -> list[str]:
    """What is wrong with the chain, one line each; none if every entry is the one that was written, in its place.

    Args:
        entries: all of them, in the order of their numbers.
        head: number and hash of the entry that was written last, None if none ever was.
    """
    found = []
    previous, expected, last = BEGINNING, 1, BEGINNING
    for entry in entries:
        if entry.number != expected:
            found.append(
                f"{_range(expected, entry.number - 1)} missing"
                if entry.number > expected
                else f"entry {entry.number} is there twice"
            )
        elif entry.previous != previous:
            found.append(f"entry {entry.number} does not follow the one before it: one of them was replaced or moved")
        actual = entry_hash(
            number=entry.number,
            at=entry.at,
            kind=entry.kind,
            plan=entry.plan,
            payload=entry.payload,
            previous=entry.previous,
        )
        if actual != entry.hash:
            found.append(f"entry {entry.number} ({entry.kind}) was altered")
        previous, last, expected = entry.hash, entry.hash, entry.number + 1
    number, hash_ = head or (0, BEGINNING)
    if number >= expected:
        found.append(f"{_range(expected, number)} missing at the end")
    elif number < expected - 1:
        found.append(f"{_range(number + 1, expected - 1)} added past the end that is on record")
    elif hash_ != last:
        found.append(f"entry {number}, the last one, is not the one that was written")
    return found


def _range(first: int, last: int) -> str:
    return f"entry {first} is" if first >= last else f"entries {first} to {last} are"
