"""The rule reference as Markdown, made from the rules themselves: ``python -m alembic_mcp.review.reference > FILE``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from ..operations import Direction
from .rule import BOTH, Rule
from .rules import RULES

__all__ = ["reference"]

_INTRODUCTION = """\
# Rules

Generated from the rules themselves; do not edit. A finding names the rule, the line, the table and, where the data was
asked, the rows. `evidence.measured` says whether it was seen on a scratch database or read from the file. The severity
here is the usual one: data, or a proof, can raise or lower it.

A warning or danger that is meant so is lowered by a comment on the statement, or on the line above it, with a reason;
a blocker, and what a person is asked about, is not:

```python
op.drop_index("ix_person_name")  # alembic-mcp: ignore[index-without-concurrently] the table has ten rows
```
"""


def reference(rules: Iterable[Rule] = RULES) -> str:
    """All *rules*, in the order of the catalogue: what is caught, how bad it is, what to do instead."""
    return "\n".join([_INTRODUCTION, *(line for rule in rules for line in _rule(rule))])


def _rule(rule: Rule) -> Iterator[str]:
    yield f"## {rule.name}"
    yield ""
    facts = [f"Severity: {rule.severity.value}"]
    if rule.lock_mode is not None:
        facts.append(f"lock: {rule.lock_mode.value}, which blocks {rule.lock_mode.blocks}")
    if rule.directions != BOTH:
        (direction,) = rule.directions
        facts.append("in upgrade() only" if direction is Direction.UPGRADE else "in downgrade() only")
    yield f"{'; '.join(facts)}."
    yield ""
    yield rule.documentation
    yield ""
    yield f"Instead: {rule.remedy}"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(reference())
