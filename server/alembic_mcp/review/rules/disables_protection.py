"""A protection goes: triggers or row level security are switched off, or rights are given to everybody.

Triggers check foreign keys and write audit trails; what is written while they are off is never checked. Without row
level security, or its policies, a role sees rows that it must not see.
"""

from __future__ import annotations

import re

from ...operations import AlterObject, CreateObject, DropObject, DropTable, Operation
from ...report import Severity
from ..context import Context
from ..rule import Found, rule

_TO_PUBLIC = re.compile(r"\bTO\s+(.*,\s*)?PUBLIC\b", re.IGNORECASE | re.DOTALL)
_STRONG_ROLE = re.compile(r"\b(SUPERUSER|BYPASSRLS)\b", re.IGNORECASE)


# MySQL: checks that are switched off, and a mode that may cut or make up values.
_OFF = re.compile(
    r"(?<![\w.])(?:@@)?(?:(?:session|global)\.)?(?:(?:foreign_key|unique|check_constraint)_checks\s*:?=\s*(?:0|off|false)"
    r"|sql_mode\s*:?=\s*(?!@).*)",
    re.IGNORECASE,
)


_GRANTS = {"privileges": "GRANT", "default privileges": "ALTER DEFAULT PRIVILEGES"}


@rule(severity=Severity.WARNING, remedy="Leave the protection on; if it has to go, say why, and for how long.")
def disables_protection(op: Operation, context: Context) -> Found | None:
    """Judge what weakens triggers, row level security and privileges, in both directions."""
    match op:
        case AlterObject(kind="table", table=str(table)) if not context.is_new(table):
            return _table(op, table, context)
        case AlterObject(kind="privileges" | "default privileges") if _TO_PUBLIC.search(op.text):
            if "REVOKE" in (op.action.upper(), op.text.split(maxsplit=1)[0].upper()):
                return None
            return Found(
                f"{_GRANTS[op.kind]} {op.text} gives the right to every role there is.",
                remedy="Grant it to the roles that need it, by name.",
            )
        case AlterObject(kind="setting") if "session_replication_role" in f"{op.name} {op.text}".lower():
            if not re.search(r"\breplica\b", op.text.lower().replace("session_replication_role", "")):
                return None
            return Found(
                "session_replication_role = replica switches off triggers and the checks of foreign keys for all "
                "that follows.",
                remedy="Leave it out: delete and insert in an order that foreign keys allow, or make them DEFERRABLE.",
                severity=Severity.DANGER,
            )
        case AlterObject(kind="setting") if found := _OFF.search(f"{op.name} {op.text}"):
            return Found(
                f"{found[0].strip()}: what is written from here on in this session is not checked.",
                remedy="Leave it out: create and drop in an order that foreign keys allow, and keep the mode strict.",
                severity=Severity.DANGER,
            )
        case AlterObject(kind="role" | "user") if found := _STRONG_ROLE.search(op.text):
            return Found(f"Role {op.name} gets {found[1].upper()}: row level security no longer holds for it.")
        case DropObject(kind="policy", table=str(table)) if not context.is_new(table) and not (
            _comes_back(op, context) or _undoes(op, context)
        ):
            return Found(
                f"Dropping policy {op.name} changes which rows of {table} each role sees.",
                remedy=f"Make the policy that takes its place in the same revision, or see that {table} needs none.",
            )
    return None


def _table(op: AlterObject, table: str, context: Context) -> Found | None:
    words = op.action.split()
    if op.action.startswith("disable trigger"):
        return _triggers(op, table, context)
    if op.action.startswith(("disable row level", "no force row level")):
        later = (other for other in context.later if isinstance(other, AlterObject) and other.table == table)
        if any(other.action.startswith(("enable row", "force row")) for other in later):
            return None
        if _switched_on(table, context, ("enable row", "force row")):
            return None
        return Found(
            f"{words[0].upper()}{' FORCE' if words[0] == 'no' else ''} ROW LEVEL SECURITY: every role that may read "
            f"{table} sees all its rows"
            f"{', if it owns the table' if words[0] == 'no' else ''}.",
            remedy=f"Leave row level security of {table} on, and give a policy to the role that needs more.",
            severity=Severity.WARNING if words[0] == "no" else Severity.DANGER,
        )
    if op.action.startswith("disable rule"):
        return Found(f"{op.action.upper()}: what the rule of {table} did is no longer done.")
    return None


def _triggers(op: AlterObject, table: str, context: Context) -> Found | None:
    if _switched_on(table, context, ("enable trigger",)):
        return None
    words = op.text.split()
    name = words[1].strip('"') if len(words) > 1 else "ALL"
    everything = name.upper() in ("ALL", "USER")
    what = f"{name.upper()} triggers" if everything else f"Trigger {name}"
    again = any(
        isinstance(other, AlterObject) and other.table == table and other.action.startswith("enable trigger")
        for other in context.later
    )
    foreign = ", the checks of foreign keys among them," if name.upper() == "ALL" else ""
    if again:
        return Found(
            f"{what} of {table}{foreign} don't fire for what the revision writes until they are enabled again.",
            remedy=f"See that what the triggers of {table} would do (an audit trail, say) is done another way.",
        )
    return Found(
        f"{what} of {table}{foreign} {'are' if everything else 'is'} switched off, and nothing here enables "
        f"{'them' if everything else 'it'} again.",
        remedy=f'Leave it on; or enable it again at the end: op.execute("ALTER TABLE {table} ENABLE TRIGGER {name}").',
        severity=Severity.DANGER,
    )


def _switched_on(table: str, context: Context, actions: tuple[str, ...]) -> bool:
    """True if a downgrade takes back what its upgrade has switched on."""
    return not context.running and any(
        other.table == table and other.action.startswith(actions) for other in context.other.of(AlterObject)
    )


def _undoes(op: DropObject, context: Context) -> bool:
    """True if a downgrade takes back the policy that its upgrade made."""
    return not context.running and any(
        other.kind == "policy" and (other.table, other.name) == (op.table, op.name)
        for other in context.other.of(CreateObject)
    )


def _comes_back(op: DropObject, context: Context) -> bool:
    """True if a policy takes its place, or its table goes as well."""
    return any(
        (isinstance(other, CreateObject) and other.kind == "policy" and other.table == op.table)
        or (isinstance(other, DropTable) and other.table == op.table)
        for other in context.later
    )
