"""A project's Python files, read and never run: what each defines and imports, and what a name in one stands for."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from .discovery import is_aside

__all__ = ["Call", "Class", "File", "Source", "dotted"]

_MOST_FILES = 20_000
_LARGEST = 2_000_000
_MOST_STEPS = 20
# A file is worth parsing for its own sake if one of these stands in it; others are parsed when a name leads there.
_WORDS = (
    b"__tablename__", b"Table(", b"Column(", b"mapped_column", b"Mapped[", b"SQLModel", b"DeclarativeBase",
    b"declarative_base", b"generate_base", b"as_declarative", b"MetaData(", b"SQLAlchemy(", b"create_engine",
    b"create_async_engine", b"engine_from_config", b"BaseSettings", b"environ", b"getenv",
)  # fmt: skip
_Key = tuple[int, int]
_parsed: dict[Path, tuple[_Key, File | None]] = {}


@dataclass(frozen=True)
class Call:
    """A name at top level that is assigned what a call returns."""

    function: str
    node: ast.Call
    line: int


@dataclass(frozen=True)
class Class:
    """A class at top level; ``bases`` as they are written, dotted names only."""

    name: str
    bases: tuple[str, ...]
    node: ast.ClassDef

    @property
    def line(self) -> int:
        """Where it starts."""
        return self.node.lineno

    def keyword(self, name: str) -> ast.expr | None:
        """The value of ``class X(..., name=value)``."""
        return next((one.value for one in self.node.keywords if one.arg == name), None)

    def assigned(self, name: str) -> ast.expr | None:
        """The value that the class body gives to *name*."""
        for statement in self.node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                    return value
                case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                    return value
        return None

    def defines(self, name: str) -> bool:
        """Whether the class body has a method or attribute *name*."""
        return self.assigned(name) is not None or any(
            isinstance(one, ast.FunctionDef) and one.name == name for one in self.node.body
        )


@dataclass
class File:
    """What a file says at top level.

    Attributes:
        imports: local name -> full dotted name, relative imports resolved.
        stars: modules that ``*`` is imported from.
        aliases: name -> dotted name that it is assigned.
        values: name -> whatever it is assigned.
        loose: calls whose result nobody keeps.
    """

    module: str
    path: Path
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    classes: dict[str, Class] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    values: dict[str, ast.expr] = field(default_factory=dict)
    loose: list[Call] = field(default_factory=list)

    @property
    def package(self) -> str:
        """What relative imports are relative to."""
        return self.module if self.path.name == "__init__.py" else self.module.rpartition(".")[0]


class Source:
    """The Python files below a folder, without environments, tests, documentation and Alembic's own folders."""

    def __init__(self, root: Path) -> None:
        """Nothing is read yet; *root* is where the project's commands run."""
        self.root = root
        src = root / "src"
        flat = not src.is_dir() or (src / "__init__.py").exists()
        self.roots = (root,) if flat else (src, root)

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Module name -> file."""
        found: dict[str, Path] = {}
        for count, path in enumerate(_python_files(self.root)):
            if count >= _MOST_FILES:
                break
            found.setdefault(self.module_of(path), path)
        return found

    def module_of(self, path: Path) -> str:
        """The name that a file is imported by."""
        base = next((root for root in self.roots if path.is_relative_to(root)), self.root)
        parts = list(path.relative_to(base).with_suffix("").parts)
        if len(parts) > 1 and parts[-1] == "__init__":
            parts.pop()
        return ".".join(parts)

    def file(self, module: str) -> File | None:
        """A module of the project; None if there is none, or if it can't be parsed."""
        path = self.paths.get(module)
        return None if path is None else _read(path, module)

    def other(self, path: Path) -> File | None:
        """A file that is no module of the project, such as env.py; None if it can't be parsed."""
        return _read(path, f"<{path.stem}>")

    @cached_property
    def interesting(self) -> list[File]:
        """The files that may have to do with models, engines or settings."""
        found = []
        for module, path in self.paths.items():
            if any(word in _bytes(path) for word in _WORDS) and (file := _read(path, module)) is not None:
                found.append(file)
        return found

    def mentions(self, word: bytes) -> bool:
        """Whether *word* stands in one of those files."""
        return any(word in _bytes(file.path) for file in self.interesting)

    def resolve(self, file: File, name: str) -> str:
        """The full dotted name of what *name*, dotted or not, stands for in *file*: where it is defined in the end.

        ``app.db.Base`` for a class of the project, ``sqlalchemy.orm.DeclarativeBase`` for what comes from outside.
        """
        return self._resolved(file, name, _MOST_STEPS)

    def full(self, name: str) -> str:
        """The same for a full dotted name."""
        return self._full(name, _MOST_STEPS)

    def _resolved(self, file: File, name: str, steps: int) -> str:
        head, dot, rest = name.partition(".")
        if head in file.classes or (head in file.values and head not in file.aliases):
            return f"{file.module}.{name}"
        if head in file.aliases and file.aliases[head].partition(".")[0] != head and steps:
            return self._resolved(file, f"{file.aliases[head]}{dot}{rest}", steps - 1)
        if head in file.imports:
            return self._full(f"{file.imports[head]}{dot}{rest}", steps - 1)
        for star in file.stars:
            other = self.file(star)
            if other is None or not steps:
                continue
            found = self._resolved(other, name, steps - 1)
            if found != name:
                return found
        return name

    def _full(self, name: str, steps: int) -> str:
        if steps <= 0:
            return name
        parts = name.split(".")
        for at in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:at])
            other = self.file(module)
            if other is not None:
                rest = ".".join(parts[at:])
                found = self._resolved(other, rest, steps - 1)
                return f"{module}.{rest}" if found == rest else found
        return name

    def defined(self, full: str) -> tuple[File, str] | None:
        """The file and the name in it of a full dotted name; None for what is not the project's."""
        module, _, name = full.rpartition(".")
        file = self.file(module) if module else None
        return None if file is None else (file, name)


def dotted(node: ast.AST | None) -> str | None:
    """``a.b.c`` of an expression that is only that."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def _python_files(root: Path) -> Iterator[Path]:
    todo = [root]
    while todo:
        folder = todo.pop()
        try:
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError:
            continue
        names = {entry.name for entry in entries}
        if folder != root and names & {"pyvenv.cfg", "script.py.mako"}:
            continue
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if not is_aside(name):
                    todo.append(Path(entry.path))
            elif name.endswith(".py") and not name.startswith(("test_", "conftest")) and not name.endswith("_test.py"):
                yield Path(entry.path)


def _bytes(path: Path) -> bytes:
    """The contents; nothing of a file that can't be read or is no hand-written source."""
    try:
        return path.read_bytes() if path.stat().st_size < _LARGEST else b""
    except OSError:
        return b""


def _read(path: Path, module: str) -> File | None:
    """Parse a file, once as long as it does not change; None if it can't be."""
    try:
        status = path.stat()
        key = (status.st_mtime_ns, status.st_size)
        cached = _parsed.get(path)
        if cached is not None and cached[0] == key and (cached[1] is None or cached[1].module == module):
            return cached[1]
        data = path.read_bytes()
    except OSError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file: File | None = _summary(File(module, path, ast.parse(data)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        file = None
    if len(_parsed) > _MOST_FILES:
        _parsed.clear()
    _parsed[path] = (key, file)
    return file


def _summary(file: File) -> File:
    for statement in _top_level(file.tree.body):
        match statement:
            case ast.Import(names=names):
                for alias in names:
                    file.imports[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            case ast.ImportFrom(module=module, names=names, level=level):
                source = _absolute(file.package, module, level)
                for alias in names:
                    if alias.name == "*":
                        file.stars.append(source)
                    else:
                        file.imports[alias.asname or alias.name] = f"{source}.{alias.name}" if source else alias.name
            case ast.ClassDef(name=name, bases=bases):
                file.classes[name] = Class(name, tuple(filter(None, map(dotted, bases))), statement)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                _assigned(file, name, value)
            case ast.Expr(value=ast.Call() as call):
                file.loose.append(Call(dotted(call.func) or "", call, call.lineno))
    return file


def _assigned(file: File, name: str, value: ast.expr) -> None:
    file.values[name] = value
    if isinstance(value, ast.Call):
        file.calls[name] = Call(dotted(value.func) or _method(value.func), value, value.lineno)
    elif (other := dotted(value)) is not None:
        file.aliases[name] = other


def _method(function: ast.expr) -> str:
    """``().generate_base`` for ``registry().generate_base``."""
    return f"().{function.attr}" if isinstance(function, ast.Attribute) else ""


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of the module, also those inside ``if`` and ``try``, but not what only a type checker sees."""
    for statement in body:
        match statement:
            case ast.If(test=test, body=inner, orelse=other):
                if (dotted(test) or "").rpartition(".")[2] != "TYPE_CHECKING":
                    yield from _top_level(inner)
                yield from _top_level(other)
            case ast.Try(body=inner, handlers=handlers):
                yield from _top_level(inner)
                for handler in handlers:
                    yield from _top_level(handler.body)
            case _:
                yield statement


def _absolute(package: str, module: str | None, level: int) -> str:
    if not level:
        return module or ""
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - (level - 1)]
    return ".".join([*parts, *([module] if module else [])])
