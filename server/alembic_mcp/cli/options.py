"""What most commands ask, said once: which project, which database, whose interpreter, and how to show the report."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

__all__ = ["ChangeOptions", "DatabaseOptions", "JsonOption", "ProjectOptions", "folded"]

T = TypeVar("T")

_Project = Annotated[
    str | None,
    typer.Option("--project", metavar="PATH", help="Project folder or ini file, or its name; here if left out."),
]
_Database = Annotated[str, typer.Option("--database", metavar="NAME", help="A database that the settings name.")]
_Python = Annotated[
    Path | None, typer.Option("--python", metavar="PATH", exists=True, help="The project's interpreter.")
]
_Plan = Annotated[
    str | None, typer.Option("--plan", metavar="ID", help="Run this plan as it was approved, or nothing; asks nobody.")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen; change nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")]


@dataclass(frozen=True, kw_only=True)
class ProjectOptions:
    """The project that is meant, and the interpreter that it runs under."""

    project: _Project = None
    python: _Python = None


@dataclass(frozen=True, kw_only=True)
class DatabaseOptions:
    """One of a project's databases."""

    project: _Project = None
    database: _Database = "default"
    python: _Python = None


@dataclass(frozen=True, kw_only=True)
class ChangeOptions:
    """How a database is changed: by a plan of before, or in pretence."""

    plan: _Plan = None
    dry_run: _DryRun = False


def folded(command: Callable[..., T]) -> Callable[..., T]:
    """A *command* whose parameters of the classes above are, on the command line, the options that these hold."""
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            groups[parameter.name] = kind
            parameters.extend(_options(kind))
        else:
            parameters.append(parameter)

    @wraps(command)
    def unfolded(**given: Any) -> T:
        for name, kind in groups.items():
            given[name] = kind(**{one.name: given.pop(one.name) for one in _options(kind)})
        return command(**given)

    unfolded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # this is what typer reads
    return unfolded


def _options(group: type) -> list[inspect.Parameter]:
    types = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=types[one.name],
            default=one.default,
        )
        for one in fields(group)
    ]
