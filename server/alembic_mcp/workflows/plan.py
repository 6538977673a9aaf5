"""The plan: everything that matters about a change, in canonical JSON, its digest, and what differs between two."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import Refused
from .app import Located, file_hash

if TYPE_CHECKING:
    from ..report import ChangeReport, Escalation, Finding
    from ..revisions import Revisions
    from ..settings import Settings
    from ..store import Plan as StoredPlan
    from .examine import Examined

__all__ = ["describe", "differences", "digest", "expected", "own", "settled", "stamp", "tampered"]

VERSION = 2
_NO_DECISION = ("config", "interpreter", "approval_lifetime", "loosening_ignored", "sources")


def digest(value: Any) -> str:
    """SHA-256 over the canonical JSON of *value*."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def describe(action: str, target: str, located: Located, index: Revisions, examined: Examined) -> dict[str, Any]:
    """What is approved, and nothing that changes by itself (counted rows, times, prose, where the project lies)."""
    root = os.path.realpath(located.project.root)
    return {
        "version": VERSION,
        "action": action,
        "target": target,
        "database": {
            "identity": located.target.identity,
            "name": located.target.name,
            "environment": located.environment.value,
        },
        "heads_before": sorted(located.target.heads),
        "heads_after": sorted(examined.heads_after),
        "schema_before": located.target.fingerprint,
        "revisions": [
            {"revision": line.revision, "sha256": index.by_id[line.revision].sha256}
            for line in examined.path
            if line.revision in index.by_id
        ],
        "modules": {os.path.relpath(path, root): sha256 for path, sha256 in sorted(examined.modules.items())},
        "statements": [
            {"revision": line.revision, "sql": line.sql}
            for line in examined.statements
            if line.direction is examined.direction
        ],
        "findings": sorted(map(_finding, examined.findings)),
        "decision": examined.verdict.decision.value,
        "escalations": [_escalation(escalation) for escalation in examined.verdict.escalations],
        "policy": policy(located.project.settings),
    }


def policy(settings: Settings) -> str:
    """Digest of the settings that decisions depend on."""
    return digest({key: value for key, value in asdict(settings).items() if key not in _NO_DECISION})


def stamp(located: Located, index: Revisions, modules: dict[str, str]) -> str:
    """Digest of all that a prepared change rests on and that is cheap to read again.

    If it is the same right before running, nothing that was looked at has changed since.
    """
    return digest(
        {
            "identity": located.target.identity,
            "environment": located.environment.value,
            "pins": located.target.pins,
            "heads": sorted(located.target.heads),
            "schema": located.target.fingerprint,
            "files": {id_: file_hash(revision.path) for id_, revision in sorted(index.by_id.items())},
            "modules": {path: file_hash(path) for path in sorted(modules)},
            "policy": policy(located.project.settings),
        }
    )


def own(modules: dict[str, str], located: Located, index: Revisions, path: list[str]) -> dict[str, str]:
    """Those of *modules* that are the project's own, without the revisions of *path*, which the plan names anyway."""
    root = os.path.realpath(located.project.root) + os.sep
    revisions = {os.path.realpath(index.by_id[id_].path) for id_ in path if id_ in index.by_id}
    return {file: sha256 for file, sha256 in modules.items() if file.startswith(root) and file not in revisions}


def expected(index: Revisions, examined: Examined) -> dict[str, str]:
    """Real path -> SHA-256 of all that the run may load: what was loaded in the rehearsal, and the path's revisions."""
    found = {**examined.modules, **examined.loaded}
    for line in examined.path:
        if line.revision in index.by_id:
            found[os.path.realpath(index.by_id[line.revision].path)] = index.by_id[line.revision].sha256
    return found


def settled(index: Revisions, examined: Examined) -> None:
    """Raises Refused if a file is not what was rehearsed, now or then: what is approved must be what was seen."""
    moved = [path for path, sha256 in examined.modules.items() if file_hash(path) != sha256]
    for line in examined.path:
        known = index.by_id.get(line.revision)
        if known is None:
            continue
        seen = examined.loaded.get(os.path.realpath(known.path), known.sha256)
        if {file_hash(known.path), seen} != {known.sha256}:
            moved.append(str(known.path))
    if moved:
        raise Refused(
            f"{', '.join(moved[:5])} changed while it was rehearsed. Nothing was changed in the database.",
            "Call again when nobody is writing to the project's files.",
        )


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Why an approval of *old* is none of *new*, part by part; none if they are the same plan."""
    return list(_differences(old, new))


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    before, after = old.get("database", {}), new.get("database", {})
    if before.get("identity") != after.get("identity"):
        yield f"it was for another database ({before.get('name')}), whatever address leads to it now"
    elif before.get("environment") != after.get("environment"):
        yield f"{after.get('name')} counted as {before.get('environment')} and now counts as {after.get('environment')}"
    if (old.get("action"), old.get("target")) != (new.get("action"), new.get("target")):
        yield f"it was for {old.get('action')} to {old.get('target')}, not {new.get('action')} to {new.get('target')}"
    if old.get("heads_before") != new.get("heads_before"):
        yield f"the database was at {_names(old, 'heads_before')} and is at {_names(new, 'heads_before')}"
    elif old.get("schema_before") != new.get("schema_before"):
        yield "the database's schema has changed, though its heads have not"
    yield from _files(old, new)
    if old.get("policy") != new.get("policy"):
        yield "the policy (the settings that decide what is asked) has changed"
    for key, what in _PARTS.items():
        if old.get(key) != new.get(key):
            yield what
    if old.get("version") != new.get("version"):
        yield "it was made by another version of alembic-mcp"


_PARTS = {
    "heads_after": "it would end at other heads",
    "statements": "it would send other statements",
    "findings": "the findings are others",
    "escalations": "it is asked about for other reasons",
    "decision": "the policy decides otherwise",
}


def _files(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    was = {item["revision"]: item["sha256"] for item in old.get("revisions", [])}
    now = {item["revision"]: item["sha256"] for item in new.get("revisions", [])}
    yield from (f"revision {id_}'s file has changed" for id_ in was if id_ in now and was[id_] != now[id_])
    if list(was) != list(now):
        yield f"it was for revisions {', '.join(was) or 'none'}, not {', '.join(now) or 'none'}"
    modules_was, modules_now = old.get("modules", {}), new.get("modules", {})
    for path in sorted({*modules_was, *modules_now}):
        if modules_was.get(path) != modules_now.get(path):
            how = "has changed" if path in modules_was and path in modules_now else "is imported now and was not"
            yield f"{path} {how if path in modules_now else 'is no longer imported'}"


def tampered(stored: StoredPlan, report: ChangeReport | None) -> list[str]:
    """What a person would be shown that is not what they would approve, because somebody changed the store."""
    described = stored.payload
    found = []
    if digest(described) != stored.digest:
        found.append("the plan in the store is not the one that its digest was made of")
    if (described.get("database") or {}).get("identity", stored.details.identity) != stored.details.identity:
        found.append("the plan in the store is about another database than its record says")
    if report is None:
        return found
    shown = {
        "statements": [
            {"revision": line.revision, "sql": line.sql}
            for line in report.statements
            if line.direction.value == ("downgrade" if described.get("action") == "downgrade" else "upgrade")
        ],
        "findings": sorted(map(_finding, report.findings)),
        "escalations": [_escalation(one) for one in report.escalations],
        "heads_before": sorted(report.before),
        "name": report.database.name if report.database else None,
        "environment": report.database.environment.value if report.database else None,
    }
    meant = {**described, **(described.get("database") or {})}
    found += [
        f"the {key.replace('_', ' ')} that would be shown are not the plan's"
        for key in shown
        if shown[key] != meant.get(key)
    ]
    return found


def _finding(finding: Finding) -> list[Any]:
    return [
        finding.revision,
        finding.direction.value,
        finding.line,
        finding.rule,
        finding.severity.value,
        finding.table or "",
    ]


def _escalation(escalation: Escalation) -> dict[str, str]:
    return {"rule": escalation.rule, "level": escalation.level.value}


def _names(described: dict[str, Any], key: str) -> str:
    return ", ".join(described.get(key) or []) or "base"
