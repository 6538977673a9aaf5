"""What the tests of `generate` share: one app and one stock Alembic for a module, and a database of either kind."""

from contextlib import closing

import pytest
from stock_alembic import Stock
from tiny_projects import Place, on_sqlite

from alembic_mcp.workflows.app import App


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def app(tmp_path_factory):
    """An open `App`; its worker processes serve the whole module."""
    async with App.open(tmp_path_factory.mktemp("nothing")) as opened:
        await opened.scratch()
        yield opened


@pytest.fixture(scope="module")
def stock():
    """Stock Alembic (`Stock`)."""
    with closing(Stock()) as running:
        yield running


@pytest.fixture
def postgresql(database):
    """An empty PostgreSQL database as a `Place`."""
    return Place(database.url(), database.run)


@pytest.fixture(params=["postgresql", "sqlite"])
def place(request, tmp_path):
    """An empty database (`Place`), once on PostgreSQL and once on SQLite."""
    return on_sqlite(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgresql")
