"""What a person was shown against what they would be shown now: prose has to be the same, and no more be at stake.

What is shown is kept in the store, where whoever can write it could make a loss look harmless. The signature covers
what was shown; here that is compared with what the server finds out for itself right before anything is run. Times,
and numbers that change by themselves, make no difference; numbers that more than double do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..report import ChangeReport

__all__ = ["differences"]

GROWTH, SLACK = 2, 10
"""A number may become so many times as large, or so much larger, before it is another decision; none never may."""

_SCRATCH = re.compile(r"\S*alembic[_-]mcp[_-]\S*|\b(?=[a-f]*\d)[0-9a-f]{8,}\b")
"""Names of scratch databases and of folders of ours, which are others each time."""
_NUMBER = re.compile(r"(?:about |at least )?(?<![\w.])(\d[\d,]*(?:\.\d+)?)(?: ?(ms|s|min|bytes?|[kMGT]i?B)\b)?")
_PLURAL = re.compile(r"# (\w+?)s?\b(?: (?:are|is|have|has|hold|holds)\b)?")
_TIMES = ("ms", "s", "min")
_SIZES = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_REHEARSED = ("status", "upgraded", "downgraded", "restored", "reupgraded", "converged")
_MEASURED = ("locks", "rewrites", "scans", "dropped", "autocommit")


def differences(stored: dict[str, Any], fresh: ChangeReport) -> list[str]:
    """What of the report in the store is not as it is now, one line each; none if a person could rely on it.

    Args:
        stored: the report as the store has it, as JSON; may be anything.
        fresh: the report on the same plan that was just made.
    """
    now = fresh.model_dump(mode="json", by_alias=True)
    try:
        return list(dict.fromkeys(_differences(stored, now)))
    except (TypeError, AttributeError, KeyError, ValueError):
        return ["the report in the store is none"]


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    yield from _prose(old["summary"], new["summary"], "the summary")
    for key in ("name", "host", "dialect", "environment"):
        if (old.get("database") or {}).get(key) != (new.get("database") or {}).get(key):
            yield f"the database's {key} is another one"
    if old["revisions"] != new["revisions"] or old["before"] != new["before"]:
        yield "the path is another one"
    for key in _REHEARSED:
        if (old.get("rehearsal") or {}).get(key) != (new.get("rehearsal") or {}).get(key):
            yield "the rehearsal ended otherwise"
    yield from _escalations(old, new)
    yield from _statements(old, new)
    yield from _findings(old, new)


def _escalations(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    was, now = ([(one["rule"], one["level"]) for one in report["escalations"]] for report in (old, new))
    if was != now:
        yield "it is asked for other reasons"
        return
    for before, after in zip(old["escalations"], new["escalations"], strict=True):
        yield from _prose(before["why"], after["why"], f"the reason {after['rule']}")


def _statements(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    was, now = (
        [(one["revision"], one["direction"], one["sql"]) for one in report["statements"]] for report in (old, new)
    )
    if was != now:
        yield "the statements are others"
        return
    for before, after in zip(old["statements"], new["statements"], strict=True):
        # A rehearsal elsewhere may have measured what this one could not.
        if before["measured"] and after["measured"] and any(before[key] != after[key] for key in _MEASURED):
            yield "the statements lock, rewrite or drop other things"


def _findings(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    was, now = sorted(old["findings"], key=_key), sorted(new["findings"], key=_key)
    if list(map(_named, was)) != list(map(_named, now)):
        yield "the findings are others"
        return
    for before, after in zip(was, now, strict=True):
        what = f"the finding {after['rule']}"
        yield from _prose(before["problem"], after["problem"], what)
        yield from _prose(before["remedy"], after["remedy"], what)
        for name, number in after["evidence"].items():
            if _is_number(number):
                known = before["evidence"].get(name)
                if not _is_number(known) or _is_more(known, number):
                    yield f"{what}: {name} was shown as {known}, and is {number:,} now"


def _prose(old: str, new: str, what: str) -> Iterator[str]:
    if _plain(old) != _plain(new):
        yield f"{what} reads otherwise"
        return
    for known, number in zip(_numbers(old), _numbers(new), strict=True):
        if _is_more(known, number):
            yield f"{what}: {known:,.15g} was shown, and it is {number:,.15g} now"


def _key(finding: dict[str, Any]) -> tuple[str, ...]:
    return (*_named(finding), _plain(finding["problem"]))


def _named(finding: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(finding[name]) for name in ("revision", "direction", "line", "rule", "severity", "table"))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_more(known: float, number: float) -> bool:
    return number > (max(known * GROWTH, known + SLACK) if known else 0)


def _numbers(text: str) -> list[float]:
    """The numbers in *text*, sizes in bytes; 0 for times."""
    return [
        0.0
        if unit in _TIMES
        else float(number.replace(",", "")) * _SIZES.get(unit[:1] if unit.endswith("B") else "", 1)
        for number, unit in _NUMBER.findall(_SCRATCH.sub("...", text))
    ]


def _plain(text: str) -> str:
    """*text* without its numbers, and without what depends on whether there is one or are several."""
    return _PLURAL.sub(r"# \1", _NUMBER.sub("#", _SCRATCH.sub("...", text)))
