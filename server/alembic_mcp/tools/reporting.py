"""A tool whose every outcome is its report: done, refused, failed, asked wrongly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import getdoc
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import ValidationError, create_model

from ..report import Report
from .errors import failure, wrong_arguments
from .page import PageQuestion
from .paging import paged
from .text import readable, structured

__all__ = ["ReportingTool"]


class ReportingTool(Tool):
    """A function that returns a `Report`, as a tool."""

    @classmethod
    def of(cls, function: Callable[..., Awaitable[Report]], title: str, annotations: ToolAnnotations) -> ReportingTool:
        """The tool of *function*: its docstring is the description, its return annotation the output schema.

        Unlike the SDK's tools it refuses arguments that it doesn't have, instead of ignoring them.
        """
        description = " ".join((getdoc(function) or "").split())
        tool = cls.from_function(
            function, title=title, description=description, annotations=annotations, structured_output=True
        )
        assert isinstance(tool, cls)  # noqa: S101 - the SDK says Tool, and makes a cls
        loose = tool.fn_metadata.arg_model
        strict = create_model(loose.__name__, __base__=loose, __cls_kwargs__={"extra": "forbid"})
        tool.fn_metadata.arg_model = strict
        tool.parameters = strict.model_json_schema(by_alias=True)
        return tool

    @property
    def report_type(self) -> type[Report]:
        """The report that this tool gives."""
        report_type: type[Report] = self.fn_metadata.output_model
        return report_type

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002 - the SDK's signature; a report is always converted
    ) -> CallToolResult | InputRequiredResult:
        """Run it. Only a question to the client, or a report, comes out."""
        try:
            outcome = await super().run(arguments, context)
        except UnexpectedToolError as error:
            if isinstance(error.__cause__, PageQuestion):
                return error.__cause__.question
            outcome = failure(error.__cause__ or error, self.report_type)
        except ToolError as error:
            outcome = self._not_understood(error)
        if isinstance(outcome, InputRequiredResult):
            return outcome
        outcome = paged(outcome)
        return CallToolResult(
            content=[TextContent(type="text", text=readable(outcome))],
            structured_content=structured(outcome),
            is_error=outcome.status in ("refused", "failed"),
        )

    def _not_understood(self, error: ToolError) -> Report:
        """No tool of ours raises a ToolError: it is the SDK's word on the arguments, or on a client's answer."""
        if isinstance(error.__cause__, ValidationError):
            return wrong_arguments(error.__cause__, self.name, self.report_type)
        return self.report_type(
            status="needs_approval",
            summary="The client's answer was neither yes nor no: not confirmed, nothing changed.",
            next_steps=["Call the tool again: the person is asked again."],
        )
