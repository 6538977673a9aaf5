"""A value of an enum gets another name in its place: no row has to be changed for it."""

from __future__ import annotations

from ..generate.changes import Change, Facts
from ..generate.directives import sql
from ..generate.named_types import NamedType, literal

__all__ = ["renaming"]


def renaming(kind: NamedType, old: str, new: str, facts: Facts) -> Change:
    """The change that renames a value, and back."""
    head = f"ALTER TYPE {kind.sql(facts.dialect)} RENAME VALUE"
    return Change(
        [sql(f"{head} {literal(old)} TO {literal(new)}")],
        [sql(f"{head} {literal(new)} TO {literal(old)}")],
        rule="enum-value-renamed",
        why=f"'{old}' of the enum {kind.key(facts.dialect)} becomes '{new}'; the rows follow by themselves.",
    )
