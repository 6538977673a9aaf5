"""Turns what autogenerate proposes into what is safe on a table in use: one module for each rule that it cures."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

from ..generate.changes import Change, Facts
from .cast_fails import cast_fails
from .check_validates import check_validates
from .constraint_without_name import constraint_without_name
from .data_with_schema import data_with_schema
from .enum_value_in_transaction import enum_value_in_transaction
from .foreign_key_validates import foreign_key_validates
from .index_without_concurrently import index_without_concurrently
from .missing_extension import missing_extension
from .missing_schema import missing_schema
from .missing_type import missing_type
from .not_null_without_default import not_null_without_default
from .rewrites_table import rewrites_table
from .set_not_null_scans import set_not_null_scans
from .unique_builds_index import unique_builds_index

__all__ = ["rewritten"]

Rewrite = Callable[[List[Change], Facts], List[Change]]

# In the order in which they are applied; each has the name of the rule that it cures, and gets all changes.
_REWRITES: Tuple[Tuple[str, Rewrite], ...] = (
    ("missing-type", missing_type),
    ("missing-extension", missing_extension),
    ("missing-schema", missing_schema),
    ("constraint-without-name", constraint_without_name),
    ("not-null-without-default", not_null_without_default),
    ("set-not-null-scans", set_not_null_scans),
    ("rewrites-table", rewrites_table),
    ("cast-fails", cast_fails),
    ("foreign-key-validates", foreign_key_validates),
    ("check-validates", check_validates),
    ("unique-builds-index", unique_builds_index),
    ("index-without-concurrently", index_without_concurrently),
    ("data-with-schema", data_with_schema),
    ("enum-value-in-transaction", enum_value_in_transaction),
)
_DETAILS = frozenset({"constraint-without-name"})  # what they change is still open to the others


def rewritten(changes: List[Change], facts: Facts) -> Tuple[List[Change], List[Dict[str, Any]]]:
    """The changes in their safe form, and what was rewritten: ``[{"rule", "table", "why"}]``."""
    seen: List[Dict[str, Any]] = []
    for rule, rewrite in _REWRITES:
        before = {id(change): change.why for change in changes}
        changes = rewrite(changes, facts)
        for change in changes:
            if change.rule is not None or not change.why or change.why == before.get(id(change)):
                continue
            if rule in _DETAILS:
                seen.append({"rule": rule, "table": change.table, "why": change.why})
                change.why = before.get(id(change), "")
            else:
                change.rule = rule
    for change in changes:
        item = {"rule": change.rule, "table": change.table, "why": change.why}
        if change.rule is not None and change.why and item not in seen:
            seen.append(item)
    return changes, seen
