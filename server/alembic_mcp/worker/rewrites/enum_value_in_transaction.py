"""A value is added to an enum outside the transaction where the same transaction uses it, or PostgreSQL is old."""

from __future__ import annotations

import re
from typing import Any, List

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op

from ..generate.changes import Change, Facts
from ..generate.directives import Autocommit
from ..generate.named_types import literal

__all__ = ["enum_value_in_transaction"]

_INSIDE_SINCE = 12
_TYPE = re.compile(r"\b(?:Enum|ENUM)\([^()]*\)")
_ADDED = re.compile(r"^ALTER TYPE (.+) ADD VALUE IF NOT EXISTS '((?:[^']|'')*)'")


def enum_value_in_transaction(changes: List[Change], facts: Facts) -> List[Change]:
    """For PostgreSQL, in both directions."""
    if not facts.postgresql:
        return changes
    version = (facts.dialect.server_version_info or (0,))[0]
    for change in changes:
        for name in ("up", "down"):
            found = []
            for op in getattr(change, name):
                value = _value(op)
                if value is not None and (version < _INSIDE_SINCE or _used(value, name, changes, facts)):
                    change.why = (
                        f"The value {literal(value)} is committed before the rest of the revision uses it: PostgreSQL "
                        "refuses it otherwise."
                    )
                    op = Autocommit([op])  # noqa: PLW2901 - it takes its place
                found.append(op)
            setattr(change, name, found)
    return changes


def _value(op: Any) -> Any:
    match = _ADDED.match(str(getattr(op, "sqltext", "")))
    return match[2].replace("''", "'") if match else None


def _used(value: str, direction: str, changes: List[Change], facts: Facts) -> bool:
    if any(literal(value) in text for text in facts.fills.values()):
        return True
    context = AutogenContext(facts.context, autogenerate=False)
    context.imports = set()
    for op in (op for change in changes for op in getattr(change, direction)):
        # As one of a type's values it is not used.
        if _value(op) is None and "CREATE TYPE" not in str(getattr(op, "sqltext", "")):
            texts = [_TYPE.sub("", text) for text in render_op(context, op)]
            if any(value in re.findall(r"'((?:[^'\\]|\\.)*)'", text) for text in texts):
                return True
    return False
