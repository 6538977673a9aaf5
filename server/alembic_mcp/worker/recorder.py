"""Records what a revision's function does: every operation, every statement, the line that led to it."""

from __future__ import annotations

import functools
import os
import re
import sys
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

import sqlalchemy
from alembic.operations import base, batch
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event

from .describe import describe
from .failures import one_line, sqlstate
from .tracer import Tracer

__all__ = ["Recorder", "Step"]

_CHANGES_ROWS = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:(?:INSERT|UPDATE|DELETE|MERGE|COPY|REPLACE)\b"
    r"|WITH\b.*\b(?:INSERT|UPDATE|DELETE|MERGE)\b)",
    re.IGNORECASE | re.DOTALL,
)
_SQL_LIMIT = 20_000
_REPEATS_TRACED = 20


class Step:
    """One function of one revision while it runs, and what it did.

    Attributes:
        revision: the revision's id; ``direction``: ``upgrade`` or ``downgrade``.
        path: its file.
        operations, statements: see the protocol.
        error: what it raised: ``message``, ``sql``, ``line``, ``sqlstate``.
        finished: the function returned.
        threads: those that ran before it started; what they do is not its doing.
    """

    def __init__(self, revision: str, direction: str, path: str, files: Iterable[str]) -> None:
        self.revision = revision
        self.direction = direction
        self.path = path
        self.files = set(files)
        self.operations: List[Dict[str, Any]] = []
        self.statements: List[Dict[str, Any]] = []
        self.error: Optional[Dict[str, Any]] = None
        self.finished = False
        self.milliseconds = 0.0
        self.threads: Set[int] = set()

    def recorded(self) -> Dict[str, Any]:
        """``operations`` and ``statements``."""
        return {"operations": self.operations, "statements": self.statements}

    def line(self) -> int:
        """Line of the revision's file that is being executed; 0 if none is."""
        frame: Any = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename in self.files:
                return int(frame.f_lineno)
            frame = frame.f_back
        return 0

    def fail(self, error: BaseException) -> None:
        """Remember how the function failed."""
        line, trace = 0, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename in self.files:
                line = trace.tb_lineno
            trace = trace.tb_next
        failed = next((each for each in reversed(self.statements) if each["error"]), None)
        name = type(getattr(error, "orig", None) or error).__name__
        text = one_line(error)
        self.error = {
            "message": text if text == name else f"{name}: {text}",
            "sql": failed["sql"] if failed and getattr(error, "statement", None) else None,
            "line": line,
            "sqlstate": sqlstate(error),
        }


class Recorder:
    """Listens for the rest of the process; records while a step runs.

    Args:
        tracer: makes what watches PostgreSQL during a step; may be set later. None: nothing is measured.
    """

    def __init__(self, tracer: Optional[Callable[[], Tracer]] = None) -> None:
        self.step: Optional[Step] = None
        self.tracer = tracer
        self._tracer: Optional[Tracer] = None
        self._last: Any = None
        self._stack: List[Dict[str, Any]] = []
        self._autocommit = 0
        self._transactions = 0
        self._started = 0.0
        self._sent: Optional[Dict[str, Any]] = None
        self._batches: Dict[int, List[Tuple[int, Dict[str, Any]]]] = {}
        self._listen()
        self._patch()

    def wrap(self, step: Any, path: str, tell: Callable[[Step, str], None]) -> Step:
        """Make an Alembic RevisionStep record itself when it runs.

        Args:
            step: the RevisionStep; its function is replaced.
            path: the revision's file.
            tell: gets the step and ``running`` right before, ``failed`` right after the function failed.
        """
        function = step.migration_fn
        code = getattr(_innermost(function), "__code__", None)
        files = {path, os.path.realpath(path)} | ({code.co_filename} if code else set())
        recorded = Step(step.revision.revision, "upgrade" if step.is_upgrade else "downgrade", path, files)

        @functools.wraps(function)
        def run(**kw: Any) -> Any:
            tell(recorded, "running")
            with self._recording(recorded):
                result = function(**kw)
            recorded.finished = True
            return result

        step.migration_fn = run
        return recorded

    @contextmanager
    def _recording(self, step: Step) -> Iterator[None]:
        step.threads = {each.ident or 0 for each in threading.enumerate()} - {threading.get_ident()}
        self._stack, self._autocommit, self._batches, self._sent = [], 0, {}, None
        self._tracer = self.tracer() if self.tracer else None
        self._take_stock()
        self.step = step
        started = time.perf_counter()
        try:
            yield
            if self._tracer is not None:
                self._unseen(step, self._tracer)
        except BaseException as error:
            self._unfinished(error)
            step.fail(error)
            raise
        finally:
            step.milliseconds = _since(started)
            self.step = self._tracer = None

    def _unfinished(self, error: BaseException) -> None:
        """Mark the statement that failed: once it has reflected a table, a connection to MySQL tells of no error."""
        if self._sent is not None and not self._sent["error"]:
            self._sent["error"] = one_line(error)

    def _unseen(self, step: Step, tracer: Tracer) -> None:
        """What was sent past SQLAlchemy, through a cursor of the driver, shows in its effects only."""
        measured = tracer.leftover()
        if measured is not None:
            step.statements.append(
                {**_statement("-- sent through the driver, past SQLAlchemy", step.line(), None), "measured": measured}
            )

    # statements

    def _listen(self) -> None:
        engine = sqlalchemy.engine.Engine
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "handle_error", self._failed)
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "commit", self._end)
        event.listen(engine, "rollback", self._end)

    def _begin(self, connection: Any) -> None:
        self._transactions += 1
        connection.info["alembic_mcp.transaction"] = self._transactions

    def _end(self, connection: Any) -> None:
        connection.info.pop("alembic_mcp.transaction", None)

    def _take_stock(self) -> None:
        """Look at the transaction in which a step begins: it may send all of its own past SQLAlchemy."""
        connection = self._last
        if self._tracer is None or connection is None or connection.closed or not connection.in_transaction():
            return
        number = connection.info.get("alembic_mcp.transaction")
        if number is not None:
            self._tracer.before(connection, number)

    def past(self, sql: str) -> None:
        """Note what was sent through a cursor of the driver, where that can be told."""
        if self.step is not None:
            self.step.statements.append(_statement(sql[:_SQL_LIMIT], self.step.line(), None))

    def _before(self, connection: Any, _cursor: Any, sql: str, *more: Any) -> None:
        step, self._last = self.step, connection
        if step is None or not self._belongs(step):
            return
        parameters, context, _ = more
        if not parameters and connection.dialect.paramstyle in ("format", "pyformat"):
            sql = sql.replace("%%", "%")
        operation = self._stack[0] if self._stack else None
        line = operation["line"] if operation and operation.get("_flushing") else step.line()
        item = _statement(sql[:_SQL_LIMIT], line, operation["op"] if operation else None)
        item["autocommit"] = self._autocommit > 0 or _is_autocommit(connection)
        number = connection.info.get("alembic_mcp.transaction")
        if number is None or item["autocommit"]:
            self._transactions += 1
            number = self._transactions
        item["transaction"] = number
        last = step.statements[-1] if step.statements else None
        if last is not None and _same(last, item):
            last["times"] = last.get("times", 1) + 1
            item = last
        else:
            step.statements.append(item)
            for each in [operation, *(operation or {}).get("_others", ())] if operation else ():
                each["statements"].append(len(step.statements) - 1)
        if self._tracer is not None and item.get("times", 1) <= _REPEATS_TRACED:
            self._tracer.before(connection, number)
        if context is not None:
            context._alembic_mcp = self._sent = item
        self._started = time.perf_counter()

    def _after(self, connection: Any, cursor: Any, sql: str, *more: Any) -> None:
        item = getattr(more[1], "_alembic_mcp", None)
        if item is None:
            return
        self._sent = None
        item["milliseconds"] = round(item["milliseconds"] + _since(self._started), 3)
        rows = getattr(cursor, "rowcount", -1)
        if isinstance(rows, int) and rows >= 0 and _CHANGES_ROWS.match(sql):
            item["rows"] = (item["rows"] or 0) + rows
        if self._tracer is not None and item.get("times", 1) <= _REPEATS_TRACED:
            item["measured"] = self._tracer.after(connection, sql, item["measured"], autocommit=item["autocommit"])

    def _failed(self, error: Any) -> None:
        item = getattr(error.execution_context, "_alembic_mcp", None)
        if item is not None:
            item["error"] = one_line(error.original_exception)

    def _belongs(self, step: Step) -> bool:
        return threading.get_ident() not in step.threads

    # operations

    def _patch(self) -> None:
        operations: Any = getattr(base, "AbstractOperations", base.Operations)
        invoke, flush = operations.invoke, batch.BatchOperationsImpl.flush
        autocommit_block = MigrationContext.autocommit_block
        recorder = self

        def recorded_invoke(proxy: Any, operation: Any) -> Any:
            return recorder._invoke(functools.partial(invoke, proxy, operation), proxy, operation)

        def recorded_flush(queue: Any) -> None:
            recorder._flush(functools.partial(flush, queue), queue)

        @contextmanager
        def recorded_block(context: MigrationContext) -> Iterator[None]:
            with autocommit_block(context):
                recorder._autocommit += 1
                try:
                    yield
                finally:
                    recorder._autocommit -= 1

        operations.invoke = recorded_invoke
        batch.BatchOperationsImpl.flush = recorded_flush  # type: ignore[assignment]
        MigrationContext.autocommit_block = recorded_block  # type: ignore[assignment]

    def _invoke(self, invoke: Callable[[], Any], proxy: Any, operation: Any) -> Any:
        step = self.step
        if step is None or self._stack:
            return invoke()
        try:
            item = describe(operation, proxy.migration_context.dialect, proxy.migration_context)
        except Exception:  # noqa: BLE001 - an operation that can't be described is still recorded, by its statements
            item = {"kind": "custom", "op": type(operation).__name__}
        item.update(line=step.line(), batch=False, autocommit=self._autocommit > 0, statements=[])
        step.operations.append(item)
        queue = proxy.impl if isinstance(proxy.impl, batch.BatchOperationsImpl) else None
        self._stack.append(item)
        try:
            return invoke()
        finally:
            self._stack.pop()
            if queue is not None:
                self._batches.setdefault(id(queue), []).append((len(queue.batch), item))

    def _flush(self, flush: Callable[[], None], queue: Any) -> None:
        """Send what a batch has gathered, for the operations that asked for it."""
        owners = self._batches.pop(id(queue), None)
        if self.step is None or not owners:
            flush()
            return
        items = [item for _, item in owners]
        if queue._should_recreate():
            for item in items:
                item["batch"] = True
            with self._sending(items[0], items[1:]):
                flush()
            return
        queue.batch = _Attributed(queue.batch, owners, self)
        with self._sending(items[0], ()):
            flush()

    @contextmanager
    def _sending(self, item: Dict[str, Any], others: Iterable[Dict[str, Any]]) -> Iterator[None]:
        self._stack.append({**item, "_flushing": True, "_others": tuple(others)})
        try:
            yield
        finally:
            self._stack.pop()


class _Attributed(List[Any]):
    """A batch's queue that tells the recorder whose entry is sent next."""

    def __init__(self, entries: List[Any], owners: List[Tuple[int, Dict[str, Any]]], recorder: Recorder) -> None:
        super().__init__(entries)
        self._owners = owners
        self._recorder = recorder

    def __iter__(self) -> Iterator[Any]:
        for position, entry in enumerate(super().__iter__()):
            item = next((item for end, item in self._owners if position < end), self._owners[-1][1])
            self._recorder._stack[-1] = {**item, "_flushing": True, "_others": ()}
            yield entry


def _statement(sql: str, line: int, operation: Optional[str]) -> Dict[str, Any]:
    return {
        "sql": sql.strip(),
        "line": line,
        "operation": operation,
        "autocommit": False,
        "milliseconds": 0.0,
        "rows": None,
        "transaction": 0,
        "error": None,
        "measured": None,
    }


def _same(one: Dict[str, Any], other: Dict[str, Any]) -> bool:
    keys = ("sql", "line", "operation", "autocommit")
    return one["error"] is None and all(one[key] == other[key] for key in keys)


def _is_autocommit(connection: Any) -> bool:
    if str(connection.get_execution_options().get("isolation_level", "")).upper() == "AUTOCOMMIT":
        return True
    if connection.dialect.name == "sqlite":
        return False
    try:
        return getattr(connection.connection.dbapi_connection, "autocommit", False) is True
    except AttributeError:  # SQLAlchemy before 1.4.24
        return False


def _innermost(function: Any) -> Any:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
