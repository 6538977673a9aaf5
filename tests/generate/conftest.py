"""What the tests of `generate` share: one stock Alembic for a module, and a database of either kind."""

from contextlib import closing

import pytest
from stock_alembic import Stock
from tiny_projects import on_sqlite


@pytest.fixture(scope="module")
def stock():
    """Stock Alembic (`Stock`)."""
    with closing(Stock()) as running:
        yield running


@pytest.fixture(params=["postgresql", "sqlite"])
def place(request, tmp_path):
    """An empty database (`Place`), once on PostgreSQL and once on SQLite."""
    return on_sqlite(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgresql")
