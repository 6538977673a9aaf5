"""Keeps autogenerate going where comparing two server defaults fails: the database can't, or need not, compare them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy.exc import DataError, DBAPIError

__all__ = ["comparable"]


@contextmanager
def comparable() -> Iterator[None]:
    """For one comparison on PostgreSQL, where Alembic asks the server whether two defaults are equal.

    A value that the column's type does not have (yet) is another one. A type without an equality operator, such as
    json, can't be compared: that is left to what is found without asking (see `invisible`).
    """
    original: Any = PostgresqlImpl.compare_server_default

    def compare(impl: Any, inspected: Any, column: Any, wanted: Any, found: Any, *more: Any) -> Any:
        if wanted == found or None in (wanted, found):
            return original(impl, inspected, column, wanted, found, *more)
        savepoint = impl.connection.begin_nested()
        try:
            return original(impl, inspected, column, wanted, found, *more)
        except DataError:
            return True
        except DBAPIError:
            return False
        finally:
            savepoint.rollback()

    PostgresqlImpl.compare_server_default = compare
    try:
        yield
    finally:
        PostgresqlImpl.compare_server_default = original
