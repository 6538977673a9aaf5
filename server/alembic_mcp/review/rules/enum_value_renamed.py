"""A value of an enum gets another name: code that still writes or compares the old one fails at once.

The rows follow by themselves. The downgrade that renames back what the upgrade renamed is left out.
"""

from __future__ import annotations

from ...operations import AlterObject, Operation, Update
from ...report import Severity
from ..context import Context
from ..enums import bare, made_on_the_way, strings
from ..rule import Found, rule

_PAIR = 2


@rule(
    severity=Severity.DANGER,
    remedy="Rename it in the code only; or add the new value, change code and rows over, and leave the old one.",
)
def enum_value_renamed(op: Operation, context: Context) -> Found | None:
    """Judge ALTER TYPE ... RENAME VALUE, and UPDATE of the catalog."""
    match op:
        case AlterObject(kind="type", action="rename value"):
            names = strings(op.text)
            if len(names) < _PAIR or made_on_the_way(op.name, context) or _renames_back(op, context):
                return None
            old, new = names[:2]
            return Found(
                f"Value '{old}' of enum {op.name} becomes '{new}': code that still writes or compares '{old}' fails "
                "at once.",
                remedy=f"Keep '{old}' in the database and rename it in the code only; or "
                f"op.execute(\"ALTER TYPE {op.name} ADD VALUE '{new}'\") in an autocommit_block(), change the code and "
                f"then the rows over, and leave '{old}' in the type.",
            )
        case Update() if bare(op.table) == "pg_enum":
            return Found("Values of an enum are renamed in the catalog: code that still uses the old ones fails.")
    return None


def _renames_back(op: AlterObject, context: Context) -> bool:
    return not context.running and any(
        isinstance(other, AlterObject)
        and (other.kind, other.action, bare(other.name)) == (op.kind, op.action, bare(op.name))
        and strings(other.text)[:2] == strings(op.text)[1::-1]
        for other in context.other
    )
