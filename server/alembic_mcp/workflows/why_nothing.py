"""Why autogenerate finds nothing, or too much: models that are not imported, another Base, a schema, a filter."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..project import repository_root
from ..project.models import Model, Models, Origin, find_models, origins_given
from ..project.source import Source

if TYPE_CHECKING:
    from ..project import Project

__all__ = ["Why", "agreement", "explain", "why_nothing"]

_LISTED = 5


@dataclass(frozen=True)
class Why:
    """A reason, or several.

    Attributes:
        text: in plain sentences.
        steps: what to do about it.
        blocks: a revision written now would be wrong: it would drop, or create again, what the models do have.
    """

    text: str
    steps: tuple[str, ...] = ()
    blocks: bool = False


def why_nothing(project: Project, reply: Mapping[str, Any]) -> str | None:
    """The text of `explain`, or None."""
    why = explain(project, reply)
    return why.text if why else None


def explain(project: Project, reply: Mapping[str, Any]) -> Why | None:
    """Why autogenerate sees nothing of a change, or would drop or create what it should not; None if all is well.

    The project's files are read, not run.

    Args:
        project: the project.
        reply: the worker's answer to ``compare``, or to ``render`` with ``kind="auto"``.
    """
    if reply.get("metadata_tables") is None:
        return Why(
            "env.py sets no target_metadata, so autogenerate has no models to compare.",
            ("Set target_metadata in env.py to the MetaData of your models, and import their modules there.",),
            blocks=True,
        )
    reasons = [*_missing(project, reply), *_schemas(reply), *_filters(reply)]
    if not any(reason.blocks for reason in reasons):
        reasons += _most_of_it(reply)
    if not reasons:
        return None
    return Why(
        " ".join(reason.text for reason in reasons),
        tuple(dict.fromkeys(step for reason in reasons for step in reason.steps)),
        blocks=any(reason.blocks for reason in reasons),
    )


def agreement(reply: Mapping[str, Any]) -> str:
    """That there is nothing to do, for a reply without differences: the database has what the models define.

    Args:
        reply: see `explain`; ``in_depth``: the database was also compared with what the models make on a scratch one.
    """
    tables = reply.get("metadata_tables") or 0
    agree = (
        "Models and database agree"
        if reply.get("in_depth")
        else "Autogenerate finds no difference (what it can't see was not compared)"
    )
    return (
        f"{agree}: the database already has what the {tables} "
        f"table{'s' if tables != 1 else ''} of the models define{'s' if tables == 1 else ''}."
    )


@dataclass
class _Lacking:
    """Models that the metadata lacks, by the reason."""

    unimported: list[Model] = field(default_factory=list)
    elsewhere: list[Model] = field(default_factory=list)


def _missing(project: Project, reply: Mapping[str, Any]) -> list[Why]:
    """Models that the metadata lacks."""
    source = Source(project.root)
    models = find_models(source)
    if not models.models and (top := repository_root(project.root)) != project.root:
        source = Source(top)
        models = find_models(source)
    env_py = project.script_location / "env.py" if project.script_location else None
    names = set(reply.get("metadata_names") or ())
    used = _used(models, names, origins_given(source, env_py) if env_py else ())
    lacking = _sorted_out(models, names, used, {os.path.realpath(path) for path in reply.get("loaded") or ()})
    drops, found = _drops(reply), []
    if lacking.unimported:
        found.append(_unimported(project, lacking.unimported, drops, env_py, empty=not names))
    if lacking.elsewhere:
        found.append(_another_base(project, lacking.elsewhere, used, drops, empty=not names))
    return found


def _used(models: Models, names: set[str], given: Sequence[Origin]) -> tuple[Origin, ...]:
    """What env.py's metadata is made of: what it says itself, and what the tables that are in it hang on."""
    present = [model.origin for model in models.models if model.origin is not None and model.key in names]
    return tuple(dict.fromkeys([*given, *present]))


def _sorted_out(models: Models, names: set[str], used: Sequence[Origin], loaded: set[str]) -> _Lacking:
    lacking = _Lacking()
    for model in models.models:
        if model.key is None or model.key in names:
            continue
        is_loaded = os.path.realpath(model.path) in loaded
        if used and model.origin not in used:
            # Other databases of the same repository have bases of their own: only what is at hand here counts.
            if is_loaded or not names:
                lacking.elsewhere.append(model)
        elif not is_loaded:
            lacking.unimported.append(model)
    return lacking


def _unimported(
    project: Project, models: list[Model], drops: Sequence[str], env_py: Path | None, *, empty: bool
) -> Why:
    dropped = sorted({model.key for model in models if model.key} & set(drops))
    many = len(models)
    text = (
        f"{many} table{'s' if many != 1 else ''} of the models {'are' if many != 1 else 'is'} not in the metadata that "
        f"env.py gives to Alembic, because the module{'s' if many != 1 else ''} {'are' if many != 1 else 'is'} not "
        f"imported there: {_list(project, models)}."
    )
    if dropped:
        text += f" Autogenerate would drop {', '.join(dropped[:_LISTED])}{_more(dropped)}."
    modules = dict.fromkeys(model.module for model in models)
    where = _shown(project, env_py) if env_py else "env.py"
    steps = [f"Add to {where}, above target_metadata: import {module}  # noqa: F401" for module in modules]
    return Why(text, tuple(steps), blocks=bool(dropped) or empty)


def _another_base(
    project: Project, models: list[Model], used: Sequence[Origin], drops: Sequence[str], *, empty: bool
) -> Why:
    dropped = {model.key for model in models if model.key} & set(drops)
    theirs = ", ".join(dict.fromkeys(model.origin.reference if model.origin else "?" for model in models))
    ours = ", ".join(origin.reference for origin in used)
    text = (
        f"env.py gives Alembic the metadata of {ours}, and these hang on another one, {theirs}: "
        f"{_list(project, models)}."
    )
    both = dict.fromkeys([*used, *(model.origin for model in models if model.origin)])
    metadata = ", ".join(f"{origin.module}.{origin.metadata}" for origin in both)
    step = f"Let the models derive from {ours}; or give Alembic both: target_metadata = [{metadata}]."
    return Why(text, (step,), blocks=bool(dropped) or empty)


def _schemas(reply: Mapping[str, Any]) -> list[Why]:
    """Tables that are in another schema than the models say, or in one that autogenerate does not look into."""
    found = []
    default = reply.get("default_schema")
    created = {item["table"] for item in reply.get("differences") or () if item["kind"] == "create_table"}
    for key, schemas in (reply.get("elsewhere") or {}).items():
        schema, _, table = key.rpartition(".")
        own = schema or default
        if own in schemas and not reply.get("include_schemas"):
            found.append(
                Why(
                    f"The database has {own}.{table}, but include_schemas is off, so autogenerate does not look into "
                    f"schema {own} and would create the table again.",
                    ("Pass include_schemas=True to context.configure in env.py.",),
                    blocks=key in created,
                )
            )
        elif own not in schemas:
            step = (
                f"If it is the same table, say so in the model: __table_args__ = {{'schema': {schemas[0]!r}}}, "
                "and pass include_schemas=True to context.configure; or set the search_path of the role."
            )
            text = (
                f"The models put table {table} into schema {own}, and the database has a table of that name in "
                f"{', '.join(schemas)}."
            )
            found.append(Why(text, (step,)))
    return found[:_LISTED]


def _filters(reply: Mapping[str, Any]) -> list[Why]:
    """What env.py's own filters keep autogenerate from proposing, or make it propose."""
    hidden = reply.get("hidden") or ()
    additions = [item for item in hidden if item["by"] == "include_object" and item["only"] == "models"]
    found = []
    if additions:
        names = [_named(item) for item in additions]
        found.append(
            Why(
                f"env.py's include_object leaves out what the models have and the database has not: "
                f"{', '.join(names[:_LISTED])}{_more(names)}.",
                ("Change include_object in env.py if these belong to the database.",),
            )
        )
    known = set(reply.get("metadata_names") or ())
    unseen = [item["table"] or item["name"] for item in hidden if item["by"] == "include_name"]
    again = sorted({name for name in unseen if name in known} & set(reply.get("database_names") or ()))
    if again:
        found.append(
            Why(
                f"env.py's include_name hides tables from autogenerate that models and database both have, so that it "
                f"would create them again: {', '.join(again[:_LISTED])}{_more(again)}.",
                ("Let include_name in env.py pass the tables of the models.",),
                blocks=True,
            )
        )
    return found


def _named(item: Mapping[str, Any]) -> str:
    kind = item["type"].replace("_", " ")
    table = f"{item['table']}." if item["table"] and item["type"] == "column" else ""
    return f"{kind} {table}{item['name']}"


def _most_of_it(reply: Mapping[str, Any]) -> list[Why]:
    """The sign of models that are not imported, where the files do not tell which: most tables would be dropped."""
    drops, tables = _drops(reply), reply.get("database_tables")
    steps = ("Import the modules that define the models in env.py, above target_metadata.",)
    if reply["metadata_tables"] == 0:
        return [
            Why(
                "The metadata that env.py gives to Alembic has no tables: the modules that define the models are not "
                f"imported there{f', and autogenerate would drop all {len(drops)} tables' if drops else ''}.",
                steps,
                blocks=True,
            )
        ]
    if isinstance(tables, int) and len(drops) > 1 and len(drops) * 2 > tables:
        return [
            Why(
                f"The models lack {len(drops)} of the database's {tables} tables "
                f"({', '.join(sorted(drops)[:_LISTED])}{_more(drops)}): most likely their modules are not imported in "
                "env.py.",
                steps,
                blocks=True,
            )
        ]
    return []


def _drops(reply: Mapping[str, Any]) -> list[str]:
    drops: list[str] | None = reply.get("drops")
    if drops is None:
        drops = [item["table"] for item in reply.get("differences") or () if item["kind"] == "drop_table"]
    return drops


def _list(project: Project, models: Sequence[Model]) -> str:
    each = [f"{model.key} ({model.name}, {_shown(project, model.path)}:{model.line})" for model in models]
    return ", ".join(each[:_LISTED]) + _more(each)


def _more(items: Sequence[object]) -> str:
    return f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""


def _shown(project: Project, path: Path) -> str:
    return str(path).removeprefix(f"{repository_root(project.root)}{os.sep}")
