"""Compares the models with the database, as ``alembic check`` does."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

import sqlalchemy
from alembic.autogenerate import RevisionContext
from alembic.runtime.migration import MigrationContext

from .differences import listed
from .environment import Environment
from .errors import CallError
from .generate.changes import Facts
from .generate.invisible import unseen
from .kept_names import overlook_kept
from .look import metadatas, version_table
from .noticed import noticed
from .reflection import in_bulk
from .settle import settle
from .trial import without_trials

__all__ = ["autogenerate", "compare", "compared", "counted", "revision_context", "settle"]


def compare(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer the call ``compare``; with ``models`` in its args (see `models`) ``invisible`` too: a sentence each.

    ``by_hand``: those of ``invisible`` that no revision is generated for.
    ``stays``: those that a revision leaves as they are, unless it is told otherwise.
    ``in_depth``: the models were given, so that ``invisible`` is all that autogenerate can't see.

    Raises:
        CallError: ``alembic`` if the database is not at head or env.py gives no models, ``ambiguous_metadata`` if two
            of its MetaData define the same table.
    """
    environment = Environment(request, "check")
    settle(environment, request["args"])
    return compared(environment, request["args"])


def compared(
    environment: Environment, args: Dict[str, Any], models: Optional[Callable[[], Any]] = None
) -> Dict[str, Any]:
    """What `compare` answers, where it is decided already where *environment* connects to.

    Args:
        environment: the project's.
        args: the call's.
        models: gives those of ``models`` if they are not there yet.

    Raises:
        CallError: as `compare`.
    """
    context = revision_context(environment, autogenerate=True)
    found: Dict[str, Any] = {}

    def work(heads: Any, migration: MigrationContext) -> None:
        found.update(counted(migration), heads=sorted(heads))
        autogenerate(context, heads, migration, environment)
        found["differences"] = [
            each
            for script in context.generated_revisions
            for each in listed(script.upgrade_ops_list, migration.dialect)
        ]
        if models is not None:
            args["models"] = models()
        facts = Facts(migration, migration.opts.get("target_metadata"), args)
        found["in_depth"] = facts.models is not None
        found.update(invisible=[], by_hand=[], stays=[])
        for script in context.generated_revisions:
            made, by_hand, stays = unseen(script.upgrade_ops_list, script.downgrade_ops_list, facts)
            found["invisible"] += [*made, *by_hand, *stays]
            found["by_hand"] += by_hand
            found["stays"] += stays

    environment.run(work, dont_mutate=True, template_args=context.template_args, revision_context=context)
    return found


def autogenerate(context: RevisionContext, heads: Any, migration: MigrationContext, environment: Environment) -> None:
    """Let autogenerate fill in ``generated_revisions``.

    A hook of env.py (process_revision_directives) that takes a revision away because it is empty does not know what
    autogenerate can't see: the revision is left there.

    Raises:
        CallError: ``needs_copy``.
    """
    (script,) = context.generated_revisions
    with in_bulk(migration), without_trials(environment.seen):
        context.run_autogenerate(heads, migration)
    if not context.generated_revisions and all(each.is_empty() for each in script.upgrade_ops_list):
        context.generated_revisions = [script]


def revision_context(environment: Environment, *, autogenerate: bool, **options: Any) -> RevisionContext:
    """Alembic's own state of a ``revision`` command."""
    arguments = {
        "message": None,
        "sql": False,
        "head": "head",
        "splice": False,
        "branch_label": None,
        "version_path": None,
        "rev_id": None,
        "depends_on": None,
        **options,
        "autogenerate": autogenerate,
    }
    return RevisionContext(environment.config, environment.script, arguments)


def counted(context: MigrationContext) -> Dict[str, Any]:
    """How much there is on both sides: ``metadata_tables``, ``metadata_names``, ``database_tables``; and `noticed`.

    Call it before autogenerate runs in the context, whose filters are watched from then on.

    Raises:
        CallError: ``alembic``: env.py gives no models.
    """
    overlook_kept(context)
    metadata = metadatas(context)
    if metadata is None:
        raise CallError(
            "alembic",
            "env.py gives no target_metadata, so there are no models to compare with the database.",
            next_steps=["Set target_metadata in env.py to the MetaData of your models, and import them there."],
        )
    names = sorted({str(key) for each in metadata for key in each.tables})
    inspector: Any = sqlalchemy.inspect(context.connection)
    schemas: List[Any] = [None]
    if context.opts.get("include_schemas"):
        default = context.dialect.default_schema_name
        schemas += [each for each in inspector.get_schema_names() if each not in (default, "information_schema")]
    own = version_table(context)
    tables = [
        name if each is None else f"{each}.{name}"
        for each in schemas
        for name in inspector.get_table_names(schema=each)
    ]
    return {
        "metadata_tables": len(names),
        "metadata_names": names,
        "database_tables": len([name for name in tables if name != own]),
        **noticed(context, names, [name for name in tables if name != own]),
    }
