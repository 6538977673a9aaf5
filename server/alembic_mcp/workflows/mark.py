"""What a database says about itself: its environment, and whose approval counts, set with ALTER DATABASE."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from .. import approvals
from ..approvals import Approver
from ..errors import Failed, Refused
from ..report import CurrentReport
from ..target import Environment
from .consent import pinned

if TYPE_CHECKING:
    from .app import App, Located

__all__ = ["Marking", "mark", "prepare"]


@dataclass(frozen=True)
class Marking:
    """Marks that are about to be set.

    Attributes:
        approvers: all the fingerprints that the database will pin, old ones included unless they are taken away.
        signers: those of whom one has to sign; empty if nobody has to.
        why: what is loosened, one line each.
        statement: what is signed.
    """

    located: Located
    environment: Environment
    approvers: tuple[str, ...]
    signers: tuple[Approver, ...]
    why: tuple[str, ...]
    statement: bytes


async def prepare(
    app: App,
    environment: Environment,
    approvers: tuple[str, ...] | None = None,
    *,
    project: str | None = None,
    database: str = "default",
) -> Marking:
    """Find out what marking would loosen. *approvers* are all that will be pinned; None: as it is.

    Raises:
        Refused: it is no PostgreSQL database, a fingerprint is none, or nobody is there who could sign.
    """
    app.allow_changes()
    located = await app.look(app.project(project), database, marks=True)
    target = located.target
    if target.dialect != "postgresql":
        raise Refused(
            f"{target.name} is a {target.dialect} database, which cannot carry marks. Nothing was changed.",
            f'Write environment = "{environment}" under [tool.alembic-mcp.databases.{database}] in pyproject.toml.',
        )
    if not target.connect.complete:
        raise Refused(
            "The project connects in a way that only its own driver can follow. Nothing was changed.",
            f"Have an administrator run: {_sql(target.name, 'environment', environment.value)}",
        )
    wrong = [one for one in approvers or () if not approvals.is_fingerprint(one)]
    if wrong:
        raise Refused(f"{wrong[0]} is no fingerprint. Nothing was changed.", "alembic-mcp approver list shows them.")
    after = target.pins if approvers is None else tuple(dict.fromkeys(approvers))
    why = []
    if environment.strictness < located.environment.strictness:
        why.append(f"{target.name} counts as {located.environment} and would count as {environment}")
    if target.pins and set(after) != set(target.pins):
        why.append(f"it is pinned to {', '.join(target.pins)}, and would be to {', '.join(after) or 'nobody'}")
    signers: tuple[Approver, ...] = ()
    if why:
        store, pins = await app.store(), pinned(app.pins, target.pins)
        signers = tuple((await anyio.to_thread.run_sync(store.trusted, pins)).values())
        people = await anyio.to_thread.run_sync(store.approvers)
        if not signers and (pins is not None or people):
            raise Refused(
                f"This loosens what protects the database ({'; '.join(why)}), and no approver who could sign it is "
                "enrolled here. Nothing was changed.",
                "Run it where one of the pinned approvers is enrolled.",
            )
    statement = approvals.marking(target.identity, environment.value, after, time.time())
    return Marking(located, environment, after, signers, tuple(why), statement)


async def mark(app: App, marking: Marking, by: Approver | None, evidence: approvals.Evidence | None) -> CurrentReport:
    """Set the marks. Raises Refused without the signature that it needs, Failed where the rights are missing."""
    target, store = marking.located.target, await app.store()
    if marking.signers:
        counts = by is not None and by.fingerprint in {one.fingerprint for one in marking.signers}
        if not counts or by is None or evidence is None or not approvals.verify(by, marking.statement, evidence):
            raise Refused("The signature is not one of an approver that counts. Nothing was changed.", "Try again.")
    said = {
        "identity": target.identity,
        "name": target.name,
        "environment": marking.environment.value,
        "approvers": list(marking.approvers),
        "loosens": list(marking.why),
        "signed": bool(marking.signers),
        "by": by.fingerprint if by else None,
        "statement": marking.statement.decode(),
        "evidence": evidence,
    }
    await anyio.to_thread.run_sync(store.audit, "mark", None, said)
    await anyio.to_thread.run_sync(_set, marking)
    found = await app.look(marking.located.project, target.database, marks=True)
    pins = f"; only {', '.join(found.target.pins)} can approve" if found.target.pins else ""
    return CurrentReport(
        status="done",
        summary=f"{target.name} is marked {marking.environment}{pins}. It counts as {found.environment}: "
        f"{found.reason}.",
        project=marking.located.project.name,
        database=found.report(),
        heads=list(found.target.heads),
    )


def _sql(name: str, mark_: str, value: str) -> str:
    quoted = name.replace('"', '""')
    return f"ALTER DATABASE \"{quoted}\" SET alembic_mcp.{mark_} = '{value}'"


def _set(marking: Marking) -> None:
    import psycopg
    from psycopg import sql

    target = marking.located.target
    libpq: dict[str, Any] = dict(target.connect.libpq)
    name = sql.Identifier(target.name)
    values = {"environment": marking.environment.value, "approvers": ",".join(marking.approvers)}
    try:
        with psycopg.connect(**libpq, application_name="alembic-mcp mark") as connection:
            for key, value in values.items():
                setting = sql.SQL(f"alembic_mcp.{key}")
                if value:
                    connection.execute(
                        sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, setting, sql.Literal(value))
                    )
                elif target.pins:
                    connection.execute(sql.SQL("ALTER DATABASE {} RESET {}").format(name, setting))
    except psycopg.errors.InsufficientPrivilege as error:
        lines = [_sql(target.name, key, value) for key, value in values.items() if value]
        raise Failed(
            f"The role {target.user} may not mark {target.name}: {error.diag.message_primary}. Nothing was changed.",
            f"Have the database's owner or an administrator run: {'; '.join(lines)}",
        ) from error
    except psycopg.Error as error:
        raise Failed(
            f"{target.name} could not be marked: {target.connect.redact(str(error))}. Nothing was changed.",
            "Call current to see whether the database can be reached.",
        ) from error
