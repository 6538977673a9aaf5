"""Reads on in a revision's source where its function stopped: statement by statement, on every way it could go."""

from __future__ import annotations

import ast
import builtins
import itertools
from contextlib import ExitStack, contextmanager, suppress
from types import ModuleType
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

from .recorder import Recorder, Step
from .source import EXECUTES, about_dialect, blocks, end, head, loops_within, touches, written
from .unknown import Unknown

__all__ = ["Resume"]

# What may be imported where the project's own code is not to run.
_IMPORTABLE = {
    "__future__", "alembic", "collections", "datetime", "decimal", "enum", "geoalchemy2", "json", "pgvector",
    "sqlalchemy", "sqlalchemy_utils", "sqlmodel", "textwrap", "typing", "uuid",
}  # fmt: skip
_BUILTINS = (
    "None", "True", "False", "bool", "bytes", "dict", "enumerate", "float", "frozenset", "int", "isinstance", "len",
    "list", "max", "min", "object", "range", "repr", "reversed", "set", "sorted", "str", "sum", "tuple", "type", "zip",
    "__build_class__", "Exception", "property", "staticmethod", "classmethod",
)  # fmt: skip
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_ITEMS = 1_000
_DEPTH = 20
_SHOWN = 200

Namespace = Dict[str, Any]


class Resume:
    """Reads one revision's file for one direction; whatever it can't read becomes an ``unreadable`` operation.

    Args:
        recorder: records what is read.
        step: the direction.
        path: the revision's file.
        asked: line of the first question whose answer the function used; 0 if there was none.
        spell: the SQL of a statement, its parameters left open; None for what is none.
        runs: False: nothing of the project's own code may run.

    Raises:
        SyntaxError, ValueError, OSError: the file can't be read as Python.
    """

    def __init__(
        self,
        recorder: Recorder,
        step: Step,
        path: str,
        *,
        asked: Callable[[], int],
        spell: Callable[[Any], Optional[str]],
        runs: bool,
    ) -> None:
        with open(path, "rb") as file:  # noqa: PTH123 - as bytes: the file says itself how it is encoded
            self.tree = ast.parse(file.read(), path)
        self.path = path
        self._recorder = recorder
        self._step = step
        self._asked = asked
        self._spell = spell
        self._runs = runs
        self._depth = 0
        self._functions = {each.name: each for each in self.tree.body if isinstance(each, ast.FunctionDef)}

    # where to begin

    def after(self, error: BaseException, module: Optional[ModuleType]) -> None:
        """Read what comes after the places at which *error* passed through the file."""
        frames = self._frames(error)
        if not frames:
            self.whole(module)
        self._unwind(frames)

    def whole(self, module: Optional[ModuleType]) -> None:
        """Read the function from its beginning; *module* is None if the file can't be imported."""
        namespace = dict(vars(module)) if module is not None else self._module()
        function = self._functions.get(self._step.direction)
        if function is not None:
            self._read(function.body, namespace)
        elif self._step.direction in self._names():
            self._unreadable(self.tree.body[0], f"{self._step.direction} is not defined by this file itself")

    def untaken(self, lines: Set[int], returned: Iterable[Tuple[str, Namespace]], module: ModuleType) -> None:
        """Read what a function that asked the database left out, since the answer was empty.

        Args:
            lines: those that were executed.
            returned: name and local variables of each function that was called.
            module: the revision's.
        """
        for name, values in returned:
            if name in self._functions:
                self._untaken(self._functions[name].body, lines, {**vars(module), **values})

    def defines(self) -> bool:
        """Whether the file has the function at all."""
        return self._step.direction in self._names()

    def _names(self) -> Set[str]:
        found = set(self._functions)
        for each in ast.walk(self.tree):
            if isinstance(each, ast.ImportFrom):
                found.update(alias.asname or alias.name for alias in each.names)
            elif isinstance(each, ast.Assign):
                found.update(target.id for target in each.targets if isinstance(target, ast.Name))
        return found

    def _frames(self, error: BaseException) -> List[Tuple[ast.FunctionDef, int, Namespace]]:
        found = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            function = self._functions.get(code.co_name)
            if function is not None and code.co_filename in self._step.files:
                namespace = {**trace.tb_frame.f_globals, **trace.tb_frame.f_locals}
                found.append((function, trace.tb_lineno, namespace))
            trace = trace.tb_next
        return found

    def _module(self) -> Namespace:
        """What the file's own statements define, those left out that fail."""
        namespace: Namespace = {"__name__": "revision", "__file__": self.path}
        if not self._runs:
            allowed = {name: getattr(builtins, name) for name in _BUILTINS if hasattr(builtins, name)}
            namespace["__builtins__"] = {**allowed, "__import__": _import}
        for each in self.tree.body:
            if self._runs or isinstance(each, (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.ClassDef)):
                self._try(each, namespace)
        return namespace

    # what comes after a line

    def _unwind(self, frames: List[Tuple[ast.FunctionDef, int, Namespace]]) -> None:
        for depth, (function, line, namespace) in enumerate(reversed(frames)):
            if not self._rest(function.body, line, namespace, top=True, blamed=not depth):
                break

    def _rest(
        self, body: List[ast.stmt], line: int, namespace: Namespace, *, top: bool = False, blamed: bool = True
    ) -> bool:
        """Read what follows *line* in *body*; False if nothing can follow.

        Args:
            body: the statements of a function, or of a block in it.
            line: where it stopped.
            namespace: its variables.
            top: *body* is the whole function.
            blamed: it stopped here, and not in a function of the same file that is called here.
        """
        for index, each in enumerate(body):
            if not each.lineno <= line <= end(each):
                continue
            if isinstance(each, ast.Raise) and top:
                return False
            inner = next((one for one in blocks(each) if one[0].lineno <= line <= end(one[-1])), None)
            if inner is None:
                if blamed:
                    self._failed(each, namespace)
                for block in blocks(each, reading=True):
                    self._read(block, namespace)
            else:
                with self._autocommit(each):
                    self._rest(inner, line, namespace, blamed=blamed)
                if isinstance(each, ast.For) and inner is each.body:
                    self._further(each, namespace)
            self._read(body[index + 1 :], namespace)
            break
        return True

    def _further(self, loop: ast.For, namespace: Namespace) -> None:
        """The items of a loop after the one at which it stopped."""
        items = self._items(loop, namespace) or []
        found, current = self._value(ast.parse(ast.unparse(loop.target), mode="eval").body, namespace)
        if found and current in items:
            items = items[items.index(current) + 1 :]
        for item in items:
            self._assign(loop.target, item, namespace)
            self._read(loop.body, namespace)

    def _untaken(self, body: List[ast.stmt], lines: Set[int], namespace: Namespace) -> None:
        for each in body:
            executed = any(number in lines for number in range(each.lineno, end(each) + 1))
            if not executed and each.lineno > self._asked():
                self._one(each, namespace)
            elif executed and end(each) >= self._asked() and loops_within(each, namespace):
                if not any(each.lineno <= item["line"] <= end(each) for item in self._step.operations):
                    self._unreadable(each)
            elif executed and not (isinstance(each, ast.If) and about_dialect(each.test)):
                for block in blocks(each, reading=True):
                    if isinstance(each, ast.For) and not any(one.lineno in lines for one in each.body):
                        self._assign(each.target, None, namespace, unknown=True)
                    self._untaken(block, lines, namespace)

    # statement by statement

    def _read(self, body: List[ast.stmt], namespace: Namespace) -> None:
        for each in body:
            if isinstance(each, _ENDS):
                return
            self._one(each, namespace)

    def _one(self, each: ast.stmt, namespace: Namespace) -> None:  # noqa: C901, PLR0912 - one branch for each statement
        if isinstance(each, ast.If):
            for block in self._branches(each, namespace):
                self._read(block, namespace)
        elif isinstance(each, ast.For):
            items = self._items(each, namespace)
            if items is None or (not items and self._asked()):
                self._assign(each.target, None, namespace, unknown=True)
                self._read(each.body, namespace)
            for item in items or ():
                self._assign(each.target, item, namespace)
                self._read(each.body, namespace)
        elif isinstance(each, ast.With):
            self._with(each, namespace)
        elif blocks(each, reading=True):
            for block in blocks(each, reading=True):
                self._read(block, namespace)
        elif not isinstance(each, _ENDS):
            called = self._called(each) if not self._runs else None
            if called is not None:
                self._inline(called, each, namespace)
                return
            error = self._try(each, namespace)
            if error is None:
                return
            frames = [one for one in self._frames(error) if one[0].name != "<module>"]
            if frames and self._depth < _DEPTH:
                self._depth += 1
                self._unwind(frames)
                self._depth -= 1
            else:
                self._failed(each, namespace)

    def _branches(self, each: ast.If, namespace: Namespace) -> List[List[ast.stmt]]:
        found, value = self._value(each.test, namespace)
        if found and (not self._asked() or about_dialect(each.test)) and not isinstance(value, Unknown):
            return [each.body if value else each.orelse]
        return [each.body, each.orelse]

    def _with(self, each: ast.With, namespace: Namespace) -> None:
        with ExitStack() as stack, self._autocommit(each):
            for item in each.items:
                found, context = self._value(item.context_expr, namespace)
                if found:
                    try:
                        entered = stack.enter_context(_calm(context))
                    except Exception:  # noqa: BLE001 - whatever it is, the statements inside are read without it
                        found = False
                if not found and touches(ast.Expr(item.context_expr), namespace):
                    self._unreadable(each, ast.unparse(item.context_expr))
                if item.optional_vars is not None:
                    self._assign(item.optional_vars, entered if found else None, namespace, unknown=not found)
            self._read(each.body, namespace)

    @contextmanager
    def _autocommit(self, each: ast.stmt) -> Iterator[None]:
        """What is left of an autocommit block commits by itself too."""
        within = isinstance(each, ast.With) and any(
            "autocommit_block" in ast.unparse(item.context_expr) for item in each.items
        )
        self._recorder._autocommit += within
        try:
            yield
        finally:
            self._recorder._autocommit -= within

    def _called(self, each: ast.stmt) -> Optional[ast.Call]:
        """The call of one of the file's own functions that a statement is, where they are not defined."""
        value = each.value if isinstance(each, (ast.Expr, ast.Assign)) else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in self._functions:
            return value
        return None

    def _inline(self, call: ast.Call, each: ast.stmt, namespace: Namespace) -> None:
        """Read a function of the file in the place of its call."""
        if self._depth >= _DEPTH:
            self._unreadable(each)
            return
        function = self._functions[ast.unparse(call.func)]
        values: Namespace = {one.arg: Unknown() for one in (*function.args.args, *function.args.kwonlyargs)}
        defaults = dict(zip(reversed(function.args.args), reversed(function.args.defaults)))
        given = list(zip([one.arg for one in function.args.args], call.args))
        given += [(one.arg, one.value) for one in call.keywords if one.arg]
        for name, node in [*((one.arg, value) for one, value in defaults.items()), *given]:
            found, value = self._value(node, namespace)
            values[name] = value if found else Unknown()
        self._depth += 1
        self._read(function.body, {**namespace, **values})
        self._depth -= 1

    # running a piece

    def _try(self, each: ast.stmt, namespace: Namespace) -> Optional[BaseException]:
        if not self._runs and isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        try:
            exec(compile(ast.Module([each], []), self.path, "exec"), namespace)  # noqa: S102 - the revision's own code
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the border to user code: it is read on after it
            return error
        return None

    def _value(self, node: ast.expr, namespace: Namespace) -> Tuple[bool, Any]:
        try:
            return True, eval(compile(ast.Expression(node), self.path, "eval"), namespace)  # noqa: S307 - likewise
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - likewise
            return False, None

    def _items(self, loop: ast.For, namespace: Namespace) -> Optional[List[Any]]:
        found, values = self._value(loop.iter, namespace)
        try:
            return list(itertools.islice(iter(values), _ITEMS)) if found else None
        except Exception:  # noqa: BLE001 - likewise
            return None

    def _assign(self, target: ast.expr, value: Any, namespace: Namespace, *, unknown: bool = False) -> None:
        if unknown:
            names = [one.id for one in ast.walk(target) if isinstance(one, ast.Name)]
            namespace.update({name: Unknown() for name in names})
            return
        namespace["__alembic_mcp"] = value
        piece = ast.Assign([target], ast.Name("__alembic_mcp", ast.Load()), lineno=target.lineno)
        self._try(ast.fix_missing_locations(ast.copy_location(piece, target)), namespace)

    # what can't be run

    def _failed(self, each: ast.stmt, namespace: Namespace) -> None:
        """A statement that can't be run: what it sends if that can be told, else that it can't be read."""
        parts = head(each)
        lines = range(each.lineno, max(end(one) for one in parts) + 1)
        known = any(item["line"] in lines for item in (*self._step.operations, *self._step.statements))
        if known or not any(touches(one, namespace) for one in parts):
            _forget(each, namespace)
            return
        for call in (one for part in parts for one in ast.walk(part) if isinstance(one, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr in EXECUTES and call.args:
                found, value = self._value(call.args[0], namespace)
                sql = self._spell(value) if found else None
                sql = written(call.args[0]) if sql is None else sql
                if sql is not None:
                    self._add("execute", call.func.attr, each, sql=sql)
                    return
        self._unreadable(each)

    def _unreadable(self, each: ast.stmt, text: Optional[str] = None) -> None:
        text = text or ast.unparse(ast.Module(head(each), []))
        self._add("unreadable", " ".join(text.split())[:_SHOWN], each)

    def _add(self, kind: str, op: str, each: ast.stmt, **more: Any) -> None:
        item = {"kind": kind, "op": op, "line": each.lineno, "batch": False, "statements": [], **more}
        self._step.operations.append({**item, "autocommit": self._recorder._autocommit > 0})


def _forget(each: ast.stmt, namespace: Namespace) -> None:
    """What was to be filled from the database, ``metadata.reflect()``, holds nobody knows what from here on."""
    call = each.value if isinstance(each, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        name = call.func.value.id
        if not isinstance(namespace.get(name), ModuleType):
            namespace[name] = Unknown()


@contextmanager
def _calm(context: Any) -> Iterator[Any]:
    """The same context, whose end never fails."""
    value = context.__enter__()
    yield value
    with suppress(Exception):  # what was read inside stays read
        context.__exit__(None, None, None)


def _import(name: str, *more: Any) -> Any:
    if name.partition(".")[0] not in _IMPORTABLE:
        raise ImportError(name)
    return __import__(name, *more)
