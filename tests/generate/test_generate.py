"""Generate as a whole: one story each, on real databases, with a real worker."""

import subprocess
import sys

import anyio
import pytest
from generating import open_shop
from stdio_client import serve
from tiny_projects import make, on_sqlite, tree

from alembic_mcp.cli.exits import UNANSWERED
from alembic_mcp.errors import NotDone

pytestmark = pytest.mark.anyio

USERS = """
users = Table("users", metadata, Column("id", Integer, primary_key=True), Column("name", String(50), nullable=False))
"""
ROWS = ["INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob')"]


async def test_over_mcp_a_rename_is_asked_about_and_done_when_it_is_answered(tmp_path, place):
    folder = make(tmp_path / "shop", url=place.url)
    models = folder / "models.py"
    models.write_text(models.read_text(encoding="utf-8").replace("    name: Mapped[str]", "    full_name: Mapped[str]"))
    async with serve(folder) as server:
        await server.call("upgrade")
        place.run("INSERT INTO person (id, name) VALUES (1, 'Ada')")
        before = tree(folder)
        report = await server.call("generate", message="say it in full")
        assert (report["status"], report["files"]) == ("needs_answer", [])
        assert tree(folder) == before
        [question] = report["questions"]
        assert (question["id"], question["table"]) == ("rename:person.name", "person")
        [how] = [option["how"] for option in question["options"] if "full_name" in option["choice"]]
        assert "Ada" not in repr(server.texts)

        report = await server.call("generate", message="say it in full", **how)
        assert (report["status"], report["ready_to_commit"]) == ("done", True)
        report = await server.call("upgrade")
        assert (report["status"], report["applied"]) == ("done", True)
        assert place.run("SELECT id, full_name FROM person") == [(1, "Ada")]
        report = await server.call("downgrade", target="-1")
        assert place.run("SELECT id, name FROM person") == [(1, "Ada")]


def test_at_the_command_line_a_rename_is_told_as_an_option(tmp_path):
    place = on_sqlite(tmp_path)
    shop = open_shop(None, tmp_path / "shop", place, before=USERS, after=USERS.replace("name", "title"), rows=ROWS)
    command = [sys.executable, "-m", "alembic_mcp", "generate", "-m", "titles", "--python", sys.executable]
    done = subprocess.run(command, cwd=shop.folder, capture_output=True, text=True, check=False, timeout=60)
    assert "Question rename:users.name: " in done.stdout
    assert (done.returncode, shop.files) == (UNANSWERED, [])
    rename = ["--rename", "users.name=title"]
    done = subprocess.run([*command, *rename], cwd=shop.folder, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, len(shop.files)) == (0, 1), done.stdout
    done = subprocess.run(
        [*command, "--rename", "users"], cwd=shop.folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "name=value" in done.stderr


async def test_answers_to_what_was_not_asked_are_refused_and_nothing_is_written(app, place, tmp_path):
    shop = open_shop(app, tmp_path / "shop", place, before=USERS, after=USERS.replace("50", "60"), rows=ROWS)
    before = tree(shop.folder)
    for args in (
        {"answers": {"drop-table:users": "drop"}},
        {"renames": [{"table": "users", "from": "nothing", "to": "anything"}]},
        {"fills": {"users.nothing": "1"}},
        {"fills": {"users.name": "1; DROP TABLE users"}},
    ):
        with pytest.raises(NotDone) as caught:
            await shop.generate(**args)
        assert caught.value.next_steps
    assert tree(shop.folder) == before


async def test_a_nullable_column_is_one_revision_that_stock_alembic_runs(app, stock, place, tmp_path):
    after = USERS.replace("nullable=False))", 'nullable=False), Column("middle_name", String(50)))')
    shop = open_shop(app, tmp_path / "shop", place, before=USERS, after=after, rows=ROWS)
    report = await shop.generate("add middle name")
    assert (report.status, report.ready_to_commit, len(report.files)) == ("done", True, 1)
    done = stock.run(shop.folder, ("upgrade", "head"), ("check",), ("downgrade", "-1"), ("upgrade", "head"))
    assert [state for state, _ in done] == ["ok"] * 4, done
    assert place.run("SELECT count(*) FROM users") == [(2,)]


async def test_what_is_to_be_committed_is_all_that_git_lacks_by_the_names_of_the_repository(tmp_path, app):
    repository = tmp_path / "repository"
    repository.mkdir()
    await anyio.run_process(["git", "init", "-q", str(repository)])
    shop = open_shop(app, repository / "shop", on_sqlite(tmp_path), before=USERS, after=USERS)
    report = await shop.generate("by hand", kind="empty")
    [new] = report.files
    assert new.path.startswith("shop/alembic/versions/")
    assert report.files_to_commit[0] == new.path
    assert "shop/alembic/versions/start.py" in report.files_to_commit
    assert all((repository / path).is_file() for path in report.files_to_commit)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param({"set": {"name": "'x'"}, "where": "true"}, "Only kind='data' takes set, where", id="not of data"),
        pytest.param({"kind": "data", "table": "users", "undo": {"name": "'x'"}}, "set is missing", id="undo alone"),
    ],
)
async def test_arguments_that_would_be_passed_over_are_refused(tmp_path, app, args, told):
    shop = open_shop(app, tmp_path / "shop", on_sqlite(tmp_path), before=USERS, after=USERS)
    with pytest.raises(NotDone, match=told):
        await shop.generate("more", **args)
    assert shop.files == []
