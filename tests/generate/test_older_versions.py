"""Projects with the oldest Alembic and SQLAlchemy that are supported: what is written there works there as well."""

import dataclasses

import anyio
import pytest
from generate_cases import CASES
from generating import open_shop
from own_environments import environment
from tiny_projects import Place

from alembic_mcp.workflows import inspect

pytestmark = [pytest.mark.thorough, pytest.mark.anyio, pytest.mark.xdist_group("older versions")]

KINDS = [
    "add a required column",
    "rename a column and widen its type",
    "add an index on an expression",
    "change a check constraint",
    "make a key an identity column",
    "remove an enum value that rows have",
    "several changes at once",
]


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """The folder of an environment's programs."""
    packages = ("alembic==1.11.0", "sqlalchemy==1.4.54", "psycopg2-binary")
    return environment(tmp_path_factory.mktemp("older") / "environment", *packages) / "bin"


@pytest.mark.parametrize("name", KINDS)
async def test_revisions_apply_converge_and_go_back(app, older, database, tmp_path, name):
    [case] = [case for case in CASES if case.name == name]
    shop = open_shop(
        dataclasses.replace(app, interpreter=older / "python"),
        tmp_path / "shop",
        Place(database.url("psycopg2"), database.run),
        before=case.before,
        after=case.after,
        rows=case.rows,
        naming=case.naming,
        options={"compare_type": True, **(case.options or {})},  # which is not the default there
    )
    report = await shop.generate(**case.args)
    assert report.ready_to_commit, report
    for command in ("upgrade head", "downgrade start", "upgrade head"):
        ran = await anyio.run_process([older / "alembic", *command.split()], cwd=shop.folder, check=False)
        assert ran.returncode == 0, ran.stderr
        for sql, rows in (case.back if command == "downgrade start" else case.holds).items():
            assert database.run(sql) == rows, shop.files
    checked = await inspect.check(shop.app)
    assert (checked.differences, checked.invisible) == ([], []), shop.files
