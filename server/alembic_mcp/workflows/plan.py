"""The plan: everything that matters about a change, in canonical JSON, and its digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .app import Located, file_hash

if TYPE_CHECKING:
    from ..revisions import Revisions
    from ..settings import Settings
    from .examine import Examined

__all__ = ["describe", "digest", "stamp"]


def digest(value: Any) -> str:
    """SHA-256 over the canonical JSON of *value*."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def describe(action: str, target: str, located: Located, index: Revisions, examined: Examined) -> dict[str, Any]:
    """What is approved: the revisions and their files, the statements, the database, the findings, the policy."""
    return {
        "version": 1,
        "action": action,
        "target": target,
        "database": {
            "identity": located.target.identity,
            "name": located.target.name,
            "host": located.target.host,
            "environment": located.environment.value,
        },
        "heads_before": sorted(located.target.heads),
        "heads_after": sorted(examined.heads_after),
        "schema_before": located.target.fingerprint,
        "revisions": [
            {"revision": line.revision, "sha256": file_hash(index.by_id[line.revision].path)}
            for line in examined.path
            if line.revision in index.by_id
        ],
        "modules": {path: file_hash(path) for path in sorted(examined.modules)},
        "statements": [
            {"revision": line.revision, "sql": line.sql}
            for line in examined.statements
            if line.direction is examined.direction
        ],
        "findings": [finding.model_dump(mode="json") for finding in examined.findings],
        "decision": examined.verdict.decision.value,
        "escalations": [escalation.model_dump(mode="json") for escalation in examined.verdict.escalations],
        "policy": policy(located.project.settings),
    }


def policy(settings: Settings) -> str:
    """Digest of the settings that decisions depend on."""
    return digest(asdict(settings))


def stamp(located: Located, index: Revisions, modules: dict[str, str]) -> str:
    """Digest of all that a prepared change rests on and that is cheap to read again.

    If it is the same right before running, nothing that was looked at has changed since.
    """
    return digest(
        {
            "identity": located.target.identity,
            "environment": located.environment.value,
            "heads": sorted(located.target.heads),
            "schema": located.target.fingerprint,
            "files": {id_: file_hash(revision.path) for id_, revision in sorted(index.by_id.items())},
            "modules": {path: file_hash(path) for path in sorted(modules)},
            "policy": policy(located.project.settings),
        }
    )
