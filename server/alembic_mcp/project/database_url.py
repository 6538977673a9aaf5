"""Where an application gets the address of its database from; read, not run, and never the address itself."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .source import File, Source, dotted

__all__ = ["Address", "addresses", "is_asynchronous", "parse_address"]

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
_OBJECT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(?:\(\))?(?:\.[A-Za-z_]\w*(?:\(\))?)*\Z")
_NAME = re.compile(
    r"(?:(?:async_|sync_)?(?:sqlalchemy|database|postgres\w*|pg|db|sql)_?\w*(?:url|uri|dsn))\Z", re.IGNORECASE
)
_ENGINES = {
    "sqlalchemy.create_engine": False,
    "sqlalchemy.engine.create_engine": False,
    "sqlmodel.create_engine": False,
    "sqlalchemy.ext.asyncio.create_async_engine": True,
    "sqlalchemy.ext.asyncio.engine.create_async_engine": True,
}
_SETTINGS = frozenset(
    {"pydantic_settings.BaseSettings", "pydantic_settings.main.BaseSettings", "pydantic.BaseSettings"}
    | {"pydantic.v1.BaseSettings", "pydantic.env_settings.BaseSettings"}
)
_READS = frozenset({"os.getenv", "os.environ.get"})
_ASYNC_DRIVERS = (b"+asyncpg", b"+aiosqlite", b"+psycopg_async", b"+asyncmy", b"+aiomysql")
_ENV_FILES = (".env", ".env.example", ".env.sample", ".env.template", ".env.dist")
_UNWRAPPED = frozenset(
    {"str", "make_url", "sqlalchemy.make_url", "sqlalchemy.engine.make_url", "sqlalchemy.engine.url.make_url"}
)


@dataclass(frozen=True)
class Address:
    """Where the address is to be had.

    Attributes:
        reference: the name of an environment variable, or ``module:expression``.
        why: what says so: ``app/db.py:7 makes its engine from it``.
    """

    reference: str
    why: str = ""

    @property
    def variable(self) -> str | None:
        """The environment variable; None for an object of the application."""
        return None if ":" in self.reference else self.reference

    @property
    def module(self) -> str:
        """The module of the object."""
        return self.reference.partition(":")[0]

    @property
    def expression(self) -> str:
        """What gives the address there: ``settings.database_url``."""
        return self.reference.partition(":")[2]


def parse_address(reference: str) -> Address | None:
    """What somebody named: a variable or ``module:expression``; None if it is neither, an address for instance."""
    known = _VARIABLE.match(reference) or _OBJECT.match(reference)
    return Address(reference, "it was named") if known else None


def addresses(source: Source) -> list[Address]:
    """The likeliest sources, all of the same kind, without repetition; empty if there is none.

    What engines are made from comes first, then settings classes, then variables that are read, then ``.env`` files.
    """
    for found in (_engines, _settings, _variables, _env_files):
        unique = {address.reference: address for address in reversed(list(found(source)))}
        if unique:
            return list(unique.values())[::-1]
    return []


def is_asynchronous(source: Source, address: Address | None) -> bool:
    """Whether the application reaches its database through an asynchronous driver, as far as can be seen."""
    value = os.environ.get(address.variable or "") if address else None
    if value is not None:
        return any(driver.decode() in value for driver in _ASYNC_DRIVERS)
    made = [is_async for file in source.interesting for _, is_async, _ in _made(source, file)]
    if made:
        return all(made)
    return any(source.mentions(driver) for driver in _ASYNC_DRIVERS) or any(
        driver in text for text in _env_texts(source.root) for driver in _ASYNC_DRIVERS
    )


def _made(source: Source, file: File) -> Iterator[tuple[ast.Call, bool, str | None]]:
    """Calls that make an engine, whether it is an asynchronous one, and the name it gets at top level."""
    names = {id(call.node): name for name, call in file.calls.items()}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and (function := dotted(node.func)):
            resolved = source.resolve(file, function)
            if resolved in _ENGINES:
                yield node, _ENGINES[resolved], names.get(id(node))


def _engines(source: Source) -> Iterator[Address]:
    for file in source.interesting:
        for call, _, name in _made(source, file):
            given = call.args[0] if call.args else _keyword(call, "url")
            reference = _reference(source, file, given)
            if name is not None and (reference is None or _has_default(source, file, given)):
                reference = f"{file.module}:{name}.url"
            if reference is not None:
                yield Address(reference, f"{_place(source, file, call)} makes its engine from it")


def _reference(source: Source, file: File, node: ast.expr | None, steps: int = 8) -> str | None:
    """The variable or object that an expression takes the address from."""
    if node is None or not steps:
        return None
    if (variable := _variable(source, file, node)) is not None:
        return variable
    if isinstance(node, ast.Call):
        inner = _unwrapped(source, file, node)
        return _reference(source, file, inner, steps - 1) if inner is not None else _object(source, file, node)
    name = dotted(node)
    return _object(source, file, node) if name is None else _named(source, file, name, steps)


def _named(source: Source, file: File, name: str, steps: int) -> str | None:
    """The same for a name, dotted or not."""
    where = _home(source, source.resolve(file, name))
    if where is None:
        return None
    home, rest = where
    value = home.values.get(rest)
    if value is not None:
        if _has_default(source, home, value):
            return f"{home.module}:{rest}"
        found = _variable(source, home, value)
        if found is None and isinstance(value, (ast.Call, ast.Attribute, ast.Name)):
            found = _reference(source, home, value, steps - 1)
        return found or f"{home.module}:{rest}"
    return f"{home.module}:{rest}"


def _object(source: Source, file: File, node: ast.expr) -> str | None:
    """``module:get_settings().url`` for an expression that calls functions of the project without arguments."""
    text = ast.unparse(node)
    head = re.match(r"\w+", text)
    if head is None or not _OBJECT.match(f"m:{text}"):
        return None
    where = _home(source, source.resolve(file, head[0]))
    full = source.resolve(file, head[0])
    module, _, name = full.rpartition(".")
    functions = source.file(module)
    if where is None and functions is not None and _defines_function(functions, name):
        return f"{module}:{name}{text[head.end() :]}"
    if where is None and _defines_function(file, head[0]):
        return f"{file.module}:{text}"
    return None


def _defines_function(file: File, name: str) -> bool:
    return any(isinstance(one, ast.FunctionDef) and one.name == name for one in file.tree.body)


def _home(source: Source, full: str) -> tuple[File, str] | None:
    """The file that defines a full dotted name at top level, and the rest of the name from there."""
    parts = full.split(".")
    for at in range(len(parts) - 1, 0, -1):
        file = source.file(".".join(parts[:at]))
        if file is not None:
            known = parts[at] in file.values or parts[at] in file.classes
            return (file, ".".join(parts[at:])) if known else None
    return None


def _unwrapped(source: Source, file: File, call: ast.Call) -> ast.expr | None:
    """What is inside ``str(...)``, ``make_url(...)``, ``....get_secret_value()`` and the like."""
    function = dotted(call.func)
    if function is not None and source.resolve(file, function) in _UNWRAPPED and call.args:
        return call.args[0]
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("get_secret_value", "unicode_string", "replace"):
        return call.func.value
    return None


def _variable(source: Source, file: File, node: ast.AST) -> str | None:
    """The environment variable that an expression reads."""
    key: ast.expr | None = None
    if isinstance(node, ast.Subscript) and (name := dotted(node.value)):
        key = node.slice if source.resolve(file, name) == "os.environ" else None
    elif isinstance(node, ast.Call) and (name := dotted(node.func)):
        key = node.args[0] if source.resolve(file, name) in _READS and node.args else None
    found = key.value if isinstance(key, ast.Constant) else None
    return found if isinstance(found, str) and _VARIABLE.match(found) else None


def _has_default(source: Source, file: File, node: ast.AST | None) -> bool:
    """Whether it reads a variable that may be missing: then the application has an address of its own."""
    if not isinstance(node, ast.Call) or _variable(source, file, node) is None:
        return False
    given = node.args[1] if len(node.args) > 1 else _keyword(node, "default")
    return given is not None and not (isinstance(given, ast.Constant) and not given.value)


def _settings(source: Source) -> Iterator[Address]:
    for file in source.interesting:
        for name, declared in file.classes.items():
            if not any(source.resolve(file, base) in _SETTINGS for base in declared.bases):
                continue
            holder = _instance(source, f"{file.module}.{name}") or f"{file.module}:{name}()"
            for field in _fields(declared.node):
                if _NAME.match(field):
                    yield Address(f"{holder}.{field}", f"{_place(source, file, declared.node)} is a settings class")


def _fields(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
                yield name


def _instance(source: Source, full: str) -> str | None:
    """The object at top level of a module that is made from a class, or the function that makes it."""
    for file in source.interesting:
        for name, call in file.calls.items():
            if call.function and source.resolve(file, call.function) == full:
                return f"{file.module}:{name}"
        for statement in file.tree.body:
            if isinstance(statement, ast.FunctionDef) and not statement.args.args:
                made = [node for node in ast.walk(statement) if isinstance(node, ast.Return)]
                for returned in made:
                    call_ = returned.value
                    function = dotted(call_.func) if isinstance(call_, ast.Call) else None
                    if function and source.resolve(file, function) == full:
                        return f"{file.module}:{statement.name}()"
    return None


def _variables(source: Source) -> Iterator[Address]:
    for file in source.interesting:
        for node in ast.walk(file.tree):
            if isinstance(node, (ast.Subscript, ast.Call)):
                name = _variable(source, file, node)
                if name is not None and _NAME.match(name):
                    yield Address(name, f"{_place(source, file, node)} reads it")


def _env_files(source: Source) -> Iterator[Address]:
    for file in _ENV_FILES:
        for line in _text(source.root / file).splitlines():
            name = line.partition(b"=")[0].strip().removeprefix(b"export ").decode("ascii", "replace")
            if _VARIABLE.match(name) and _NAME.match(name):
                yield Address(name, f"{file} sets it")


def _env_texts(root: Path) -> Iterator[bytes]:
    return (_text(root / name) for name in _ENV_FILES)


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _place(source: Source, file: File, node: ast.expr | ast.stmt) -> str:
    return f"{os.path.relpath(file.path, source.root)}:{node.lineno}"
