"""Directives of our own, for what Alembic can run but has no directive for: each renders as plain Alembic code."""

from __future__ import annotations

import inspect
import re
from typing import Any, Callable, Iterable, List, Sequence

import sqlalchemy as sa
from alembic.autogenerate.render import _render_server_default, render_op, renderers
from alembic.operations import ops
from sqlalchemy.sql.elements import conv

__all__ = ["Autocommit", "Code", "If", "With", "sql"]


class Autocommit(ops.MigrateOperation):
    """Directives that run outside a transaction, each committed by itself: CREATE INDEX CONCURRENTLY and the like.

    Args:
        inner: the directives.
    """

    def __init__(self, inner: Sequence[Any]) -> None:
        self.ops = list(inner)


class Code(ops.MigrateOperation):
    """Lines of Python as they shall stand in the revision, for what has no directive.

    Args:
        text: one or more lines, indented from column 0.
        imports: lines that the revision's head needs beyond ``op`` and ``sa``.
    """

    def __init__(self, text: str, imports: Iterable[str] = ()) -> None:
        self.text = text
        self.imports = tuple(imports)


class If(ops.MigrateOperation):
    """Directives that run only where *condition*, a Python expression, is true.

    Args:
        condition: as it shall stand in the revision.
        inner: the directives.
    """

    def __init__(self, condition: str, inner: Sequence[Any]) -> None:
        self.condition = condition
        self.ops = list(inner)


class With(ops.MigrateOperation):
    """A directive of Alembic's with arguments that not every version of Alembic writes: ``postgresql_using`` and so on.

    Args:
        inner: the directive, without them.
        arguments: their names and values.
    """

    def __init__(self, inner: Any, **arguments: Any) -> None:
        self.inner = inner
        self.arguments = arguments

    @property
    def table_name(self) -> Any:
        """The table of the directive, None if it has none."""
        return getattr(self.inner, "table_name", None) or getattr(self.inner, "source_table", None)

    @property
    def schema(self) -> Any:
        """The schema of the directive."""
        kw = getattr(self.inner, "kw", None) or {}
        return getattr(self.inner, "schema", None) or kw.get("source_schema")


def sql(text: str) -> Any:
    """``op.execute(text)``: *text* is sent as it is, colons too."""
    return ops.ExecuteSQLOp(re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", text))


@renderers.dispatch_for(Autocommit)
def _autocommit(context: Any, op: Autocommit) -> List[str]:
    return [_block("with op.get_context().autocommit_block():", context, op.ops)]


@renderers.dispatch_for(If)
def _if(context: Any, op: If) -> List[str]:
    return [_block(f"if {op.condition}:", context, op.ops)]


def _block(first: str, context: Any, inner: Iterable[Any]) -> str:
    lines = [first]
    for op in inner:
        for text in render_op(context, op):
            lines += [f"    {line}" if line else "" for line in text.splitlines()]
    return "\n".join(lines)


@renderers.dispatch_for(Code)
def _code(context: Any, op: Code) -> List[str]:
    context.imports.update(op.imports)
    return [op.text]


@renderers.dispatch_for(With)
def _with(context: Any, op: With) -> List[str]:
    *before, text = render_op(context, op.inner)
    between = ",\n           " if "\n" in text else ", "  # as Alembic indents them
    new = "".join(f"{between}{name}={value!r}" for name, value in op.arguments.items() if f"{name}=" not in text)
    return [*before, f"{text[:-1]}{new})"]


def _name(context: Any, name: Any) -> str:
    if isinstance(name, conv):
        return f"{_prefix(context)}f({str(name)!r})"
    return repr(None if name is None else str(name))


def _prefix(context: Any) -> str:
    return "batch_op." if context._has_batch else context.opts["alembic_module_prefix"] or ""


def _constraint(context: Any, op: Any, call: str, *arguments: str) -> str:
    batch = context._has_batch
    schema = [f"schema={str(op.schema)!r}"] if op.schema and not batch else []
    table = [] if batch else [repr(str(op.table_name))]
    more = [f"{name}={value!r}" for name, value in sorted((op.kw or {}).items()) if value is not None]
    parts = ", ".join([_name(context, op.constraint_name), *table, *arguments, *schema, *more])
    return f"{_prefix(context)}{call}({parts})"


def _check(context: Any, op: Any) -> List[str]:
    condition = op.condition
    if not isinstance(condition, str):
        condition = str(condition.compile(dialect=context.dialect, compile_kwargs={"literal_binds": True}))
    return [_constraint(context, op, "create_check_constraint", repr(condition))]


def _primary_key(context: Any, op: Any) -> List[str]:
    columns = [str(getattr(column, "name", column)) for column in op.columns]
    return [_constraint(context, op, "create_primary_key", repr(columns))]


_alter_column: Callable[..., Any] = renderers.dispatch(ops.AlterColumnOp)  # type: ignore[arg-type,unused-ignore]


def _alter(context: Any, op: Any) -> Any:
    """Alembic's own, and the identity that is there, which it leaves out: else that would be added once more."""
    text = _alter_column(context, op)
    if op.modify_server_default is False or not isinstance(op.existing_server_default, sa.Identity):
        return text
    there = _render_server_default(op.existing_server_default, context)
    return f"{text[:-1]},\n           existing_server_default={there})"


def _register(directive: Any, renderer: Callable[..., Any]) -> None:
    """Where Alembic has no renderer for *directive*, or only a stub, which takes its arguments the other way round."""
    registry: Any = renderers._registry
    known = registry.get((directive, "default"))
    if known is None or next(iter(inspect.signature(known).parameters)) == "constraint":
        registry[(directive, "default")] = renderer


_register(ops.CreateCheckConstraintOp, _check)
_register(ops.CreatePrimaryKeyOp, _primary_key)
renderers._registry[ops.AlterColumnOp, "default"] = _alter
