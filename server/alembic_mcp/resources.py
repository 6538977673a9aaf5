"""Resources: the revision history and each revision, with completion of revision ids."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import Completion, CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

from .errors import NotDone
from .tools.text import structured

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from .workflows.app import App

__all__ = ["offer_resources"]

REVISION = "alembic://revision/{revision}"
LARGEST_COMPLETION = 100  # the protocol's limit


def offer_resources(server: MCPServer[Any], app: App) -> None:
    """Add the resources to *server*."""

    @server.resource(
        "alembic://history",
        name="history",
        title="Revision history",
        description="The newest revisions, heads, bases and a Mermaid graph, as JSON.",
        mime_type="application/json",
    )
    async def history() -> str:
        return await _history(app, None)

    @server.resource(
        REVISION,
        name="revision",
        title="A revision",
        description="One revision as JSON: message, parents, branch labels, path. Its id, or a prefix of it.",
        mime_type="application/json",
    )
    async def revision(revision: str) -> str:
        return await _history(app, revision)

    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,  # noqa: ARG001 - the SDK's signature
    ) -> Completion | None:
        if isinstance(ref, ResourceTemplateReference) and ref.uri == REVISION and argument.name == "revision":
            return await _revisions(app, argument.value)
        return None

    server.completion()(complete)  # type: ignore[no-untyped-call]


async def _history(app: App, revision: str | None) -> str:
    from .workflows import inspect

    try:
        report = await inspect.history(app, range=revision)
    except NotDone as error:
        raise (ResourceNotFoundError if revision else ResourceError)(str(error)) from error
    whole = structured(report)
    return json.dumps(whole if revision is None else whole["revisions"][0], indent=2)


async def _revisions(app: App, prefix: str) -> Completion:
    try:
        found = await app.revisions(app.project())
    except NotDone:
        return Completion(values=[])  # there is nothing to offer, and no place for an explanation
    matching = sorted(id_ for id_ in found.by_id if id_.startswith(prefix))
    return Completion(
        values=matching[:LARGEST_COMPLETION], total=len(matching), has_more=len(matching) > LARGEST_COMPLETION
    )
