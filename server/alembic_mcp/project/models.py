"""Which tables a project's files define, and on which declarative base, SQLModel or MetaData; read, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .source import Call, Class, File, Source, dotted

__all__ = ["Model", "Models", "Origin", "find_models", "origins_given"]

Kind = Literal["declarative", "sqlmodel", "flask", "metadata"]

_DECLARATIVE = frozenset(
    f"{place}.{name}"
    for place in ("sqlalchemy.orm", "sqlalchemy.orm.decl_api")
    for name in ("DeclarativeBase", "DeclarativeBaseNoMeta")
)
_BASE_CALLS = frozenset(
    f"{place}.declarative_base"
    for place in ("sqlalchemy.orm", "sqlalchemy.ext.declarative", "sqlalchemy.ext.declarative.api")
)
_DECORATORS = frozenset(
    {"sqlalchemy.orm.as_declarative", "sqlalchemy.ext.declarative.as_declarative"}
    | {"sqlalchemy.orm.decl_api.as_declarative"}
)
_SQLMODEL = frozenset({"sqlmodel.SQLModel", "sqlmodel.main.SQLModel"})
_METADATA = frozenset(f"{place}.MetaData" for place in ("sqlalchemy", "sqlalchemy.schema", "sqlmodel"))
_TABLE = frozenset(f"{place}.Table" for place in ("sqlalchemy", "sqlalchemy.schema", "sqlmodel"))
_FLASK = frozenset({"flask_sqlalchemy.SQLAlchemy"})


@dataclass(frozen=True)
class Origin:
    """What tables hang on.

    Attributes:
        module: where it is defined: ``app.db``, or ``sqlmodel``.
        name: in that module: ``Base``, ``SQLModel``, ``metadata``, ``db``.
        path: None for SQLModel's own.
        schema: that its tables have unless they say otherwise, if the file says so plainly.
    """

    kind: Kind
    module: str
    name: str
    path: Path | None = None
    line: int = 0
    schema: str | None = None

    @property
    def reference(self) -> str:
        """How a person names it: ``app.db:Base``."""
        return f"{self.module}:{self.name}"

    @property
    def metadata(self) -> str:
        """The expression for its MetaData: ``Base.metadata``."""
        return self.name if self.kind == "metadata" else f"{self.name}.metadata"


@dataclass(frozen=True)
class Model:
    """A class or Table that defines a table.

    Attributes:
        name: of the class; of the variable or of the table for a Table.
        table: None if the file does not say it plainly.
        origin: what it hangs on; None if that can't be told.
    """

    name: str
    table: str | None
    schema: str | None
    origin: Origin | None
    module: str
    path: Path
    line: int

    @property
    def key(self) -> str | None:
        """As SQLAlchemy's MetaData names the table."""
        schema = self.schema or (self.origin.schema if self.origin else None)
        return f"{schema}.{self.table}" if schema and self.table else self.table


@dataclass(frozen=True)
class Models:
    """All that was found, in the order of the files.

    Attributes:
        names_constraints: a naming convention is spoken of somewhere.
    """

    origins: tuple[Origin, ...]
    models: tuple[Model, ...]
    names_constraints: bool = False

    def of(self, origin: Origin) -> list[Model]:
        """The models that hang on *origin*."""
        return [model for model in self.models if model.origin == origin]


def find_models(source: Source) -> Models:
    """The models that *source*'s files define."""
    scan = _Scan(source)
    files = source.interesting
    models = [model for file in files for model in scan.models_in(file)]
    origins = [origin for file in files for origin in scan.origins_in(file)]
    origins += [model.origin for model in models if model.origin is not None]
    return Models(tuple(dict.fromkeys(origins)), tuple(models), source.mentions(b"naming_convention"))


def origins_given(source: Source, env_py: Path) -> tuple[Origin, ...]:
    """What env.py gives to Alembic as target_metadata, as far as it says so plainly; empty if it does not."""
    file = source.other(env_py)
    if file is None:
        return ()
    scan = _Scan(source)
    given = [
        dotted(node)
        for statement in ast.walk(file.tree)
        if isinstance(statement, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "target_metadata" for target in statement.targets)
        for node in (statement.value.elts if isinstance(statement.value, (ast.List, ast.Tuple)) else [statement.value])
    ]
    given += [
        dotted(call.value)
        for call in ast.walk(file.tree)
        if isinstance(call, ast.keyword) and call.arg == "target_metadata"
    ]
    found = [scan.named(file, name) for name in given if name]
    return tuple(dict.fromkeys(one for one in found if one is not None))


class _Scan:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[str, Origin | None] = {}

    def named(self, file: File, name: str) -> Origin | None:
        """The origin of the MetaData that *name* stands for in *file*."""
        return self._of_object(self._source.resolve(file, name).removesuffix(".metadata"))

    def origins_in(self, file: File) -> Iterator[Origin]:
        """Bases and MetaData that a file defines itself; a MetaData that a base takes is the base's."""
        for name in file.classes:
            origin = self._of_class(f"{file.module}.{name}")
            if origin is not None and (origin.module, origin.name) == (file.module, name):
                yield origin
        for name in file.calls:
            origin = self._of_object(f"{file.module}.{name}")
            if origin is not None and origin.kind != "metadata":
                yield origin

    def models_in(self, file: File) -> Iterator[Model]:
        """Classes and Tables."""
        for name, declared in file.classes.items():
            origin = self._of_class(f"{file.module}.{name}")
            if origin is None or (origin.module, origin.name) == (file.module, name):
                continue
            if self._is_model(file, declared, origin):
                table, schema = self._table_name(file, declared, origin), _schema(declared.assigned("__table_args__"))
                yield Model(name, table, schema, origin, file.module, file.path, declared.line)
        named = [(name, call) for name, call in file.calls.items()]
        for name, call in [*named, *(("", call) for call in file.loose)]:
            if self._source.resolve(file, call.function) in _TABLE or call.function.endswith(".Table"):
                yield from self._table(file, name, call)

    def _table(self, file: File, name: str, call: Call) -> Iterator[Model]:
        arguments = call.node.args
        table = _string(arguments[0]) if arguments else None
        holder = dotted(arguments[1]) if len(arguments) > 1 else None
        if holder is None and call.function.endswith(".Table") and len(call.function.split(".")) > 1:
            holder = call.function.removesuffix(".Table")  # Flask-SQLAlchemy: db.Table("name", ...)
            if self._source.resolve(file, holder) in ("sqlalchemy", "sqlalchemy.schema"):
                return
        if table is None or holder is None:
            return
        origin = self._of_object(self._source.resolve(file, holder.removesuffix(".metadata")))
        schema = next((_string(one.value) for one in call.node.keywords if one.arg == "schema"), None)
        yield Model(name or table, table, schema, origin, file.module, file.path, call.line)

    def _of_object(self, full: str) -> Origin | None:
        """The origin that a full name stands for: a class, the result of declarative_base(), a MetaData, ..."""
        if full in _SQLMODEL:
            return Origin("sqlmodel", "sqlmodel", "SQLModel")
        if full in self._known:
            return self._known[full]
        self._known[full] = None
        where = self._source.defined(full)
        if where is not None:
            file, name = where
            if name in file.classes:
                self._known[full] = self._of_class(full)
            elif name in file.calls:
                self._known[full] = self._of_call(file, name, file.calls[name])
        return self._known[full]

    def _of_call(self, file: File, name: str, call: Call) -> Origin | None:
        function = self._source.resolve(file, call.function)
        place = (file.module, name, file.path, call.line)
        if function in _BASE_CALLS or function.endswith(".generate_base"):
            return Origin("declarative", *place, schema=self._schema_of(file, _keyword(call.node, "metadata")))
        if function in _FLASK:
            return Origin("flask", *place)
        if function in _METADATA:
            return self._owner(f"{file.module}.{name}") or Origin(
                "metadata", *place, schema=_schema_argument(call.node)
            )
        return None

    def _owner(self, metadata: str) -> Origin | None:
        """The base that takes this MetaData as its own."""
        for file in self._source.interesting:
            for name, declared in file.classes.items():
                given = dotted(declared.assigned("metadata"))
                if given and self._source.resolve(file, given) == metadata:
                    return self._of_class(f"{file.module}.{name}")
            for name, call in file.calls.items():
                given = dotted(_keyword(call.node, "metadata"))
                if given and self._source.resolve(file, given) == metadata and call.function != "":
                    found = self._of_call(file, name, call)
                    if found is not None and found.kind == "declarative":
                        return found
        return None

    def _of_class(self, full: str) -> Origin | None:
        key = f"class {full}"
        if key in self._known:
            return self._known[key]
        self._known[key] = None
        where = self._source.defined(full)
        if where is None or where[1] not in where[0].classes:
            return None
        file, name = where
        declared = file.classes[name]
        self._known[key] = self._origin_of(file, declared)
        return self._known[key]

    def _origin_of(self, file: File, declared: Class) -> Origin | None:
        decorators = (one.func if isinstance(one, ast.Call) else one for one in declared.node.decorator_list)
        if any(self._source.resolve(file, dotted(one) or "") in _DECORATORS for one in decorators):
            return self._own(file, declared, "declarative")
        found = (self._of_base(file, declared, self._source.resolve(file, base)) for base in declared.bases)
        return next(filter(None, found), None)

    def _of_base(self, file: File, declared: Class, base: str) -> Origin | None:
        """What a class hangs on because of one of its bases."""
        if base in _DECLARATIVE:
            return self._own(file, declared, "declarative")
        if base in _SQLMODEL:
            own = declared.keyword("registry") is not None
            return self._own(file, declared, "sqlmodel") if own else Origin("sqlmodel", "sqlmodel", "SQLModel")
        holder, _, last = base.rpartition(".")
        inherited = self._of_object(holder if last == "Model" else base)
        if last == "Model" and (inherited is None or inherited.kind != "flask"):
            inherited = self._of_object(base)
        return None if inherited is None or inherited.kind == "metadata" else inherited

    def _own(self, file: File, declared: Class, kind: Kind) -> Origin:
        schema = self._schema_of(file, declared.assigned("metadata"))
        return Origin(kind, file.module, declared.name, file.path, declared.line, schema)

    def _is_model(self, file: File, declared: Class, origin: Origin) -> bool:
        abstract = declared.assigned("__abstract__")
        if isinstance(abstract, ast.Constant) and abstract.value is True:
            return False
        if origin.kind == "sqlmodel":
            table = declared.keyword("table")
            return isinstance(table, ast.Constant) and table.value is True
        if origin.kind == "flask" or declared.defines("__tablename__") or declared.assigned("__table__") is not None:
            return True
        # Without a name of its own: a mixin, a subclass in its parent's table, or named by what it inherits.
        return any(
            one.defines("__tablename__") and one.assigned("__tablename__") is None
            for one in self._above(file, declared)
        )

    def _above(self, file: File, declared: Class, steps: int = 20) -> Iterator[Class]:
        for base in declared.bases if steps else ():
            where = self._source.defined(self._source.resolve(file, base))
            if where is not None and where[1] in where[0].classes:
                found = where[0].classes[where[1]]
                yield found
                yield from self._above(where[0], found, steps - 1)

    def _table_name(self, file: File, declared: Class, origin: Origin) -> str | None:
        if declared.defines("__tablename__"):
            return _string(declared.assigned("__tablename__"))
        if origin.kind == "sqlmodel" and not any(one.defines("__tablename__") for one in self._above(file, declared)):
            return declared.name.lower()
        return None

    def _schema_of(self, file: File, metadata: ast.expr | None) -> str | None:
        """The schema of a MetaData that is given as a call or by name."""
        if isinstance(metadata, ast.Call):
            return _schema_argument(metadata)
        name = dotted(metadata)
        where = self._source.defined(self._source.resolve(file, name)) if name else None
        call = where[0].calls.get(where[1]) if where else None
        return _schema_argument(call.node) if call else None


def _schema_argument(call: ast.Call) -> str | None:
    return _string(_keyword(call, "schema"))


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _schema(arguments: ast.expr | None) -> str | None:
    """The schema in ``__table_args__``: a dictionary, or a tuple that ends in one."""
    if isinstance(arguments, ast.Tuple) and arguments.elts:
        arguments = arguments.elts[-1]
    if isinstance(arguments, ast.Dict):
        for key, value in zip(arguments.keys, arguments.values, strict=True):
            if _string(key) == "schema":
                return _string(value)
    return None


def _string(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
