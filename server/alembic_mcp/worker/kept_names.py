"""Names of what revisions keep for their downgrades, which no comparison with the models may propose to drop."""

from __future__ import annotations

from typing import Any, Callable, Optional

__all__ = ["SCHEMA", "TABLE", "is_kept", "overlook_kept"]

SCHEMA = "alembic_mcp_kept_"
"""How a schema begins that keeps data, on PostgreSQL; the id of the revision follows."""
TABLE = "_alembic_mcp_kept_"
"""How a table begins that keeps data elsewhere."""


def is_kept(name: Optional[str], kind: str) -> bool:
    """Whether a ``schema`` or ``table`` of that name holds what a revision keeps for its downgrade."""
    return bool(name) and str(name).startswith(SCHEMA if kind == "schema" else TABLE)


def overlook_kept(context: Any) -> None:
    """Let autogenerate pass over what is kept; call it before it runs.

    Args:
        context: the MigrationContext; env.py's own ``include_name`` goes on to say what it says.
    """
    before: Optional[Callable[..., bool]] = context.opts.get("include_name")
    if getattr(before, "overlooks_kept", False):
        return

    def include_name(name: Any, kind: str, parents: Any) -> bool:
        return not is_kept(name, kind) and (before is None or before(name, kind, parents))

    include_name.overlooks_kept = True  # type: ignore[attr-defined]
    context.opts["include_name"] = include_name
