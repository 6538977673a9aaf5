"""Whole stories on tiny projects: the real server over stdio, a real client of either era, real databases."""

import re
import shutil

import pytest
from stdio_client import CANCELLED, DECLINED, ERAS, NO, YES, serve
from tiny_projects import Place, make, on_sqlite, tree

pytestmark = pytest.mark.anyio

ADD_AGE = "    age: Mapped[int | None] = mapped_column()\n"


@pytest.fixture
def place(request, tmp_path):
    """A database by its driver: ``place("asyncpg")`` -> Place."""

    def choose(driver="pysqlite"):
        if "sqlite" in driver:
            return on_sqlite(tmp_path, driver)
        database = request.getfixturevalue("database")
        return Place(database.url(driver), database.run)

    return choose


def revisions_of(report):
    return [line["revision"] for line in report["revisions"]]


def grave(report):
    return [finding for finding in report["findings"] if finding["severity"] in ("blocker", "danger")]


def versions(folder):
    return sorted(path.name for path in folder.rglob("versions/*.py"))


STORIES = [
    pytest.param([], "psycopg", "auto", id="sync psycopg"),
    pytest.param([], "psycopg2", "legacy", id="psycopg2", marks=pytest.mark.thorough),
    pytest.param(["async_env"], "psycopg", "auto", id="async psycopg", marks=pytest.mark.thorough),
    pytest.param(["async_env"], "asyncpg", "legacy", id="asyncpg"),
    pytest.param([], "pysqlite", "legacy", id="sqlite"),
    pytest.param(["async_env"], "aiosqlite", "auto", id="aiosqlite", marks=pytest.mark.thorough),
    pytest.param(["sqlmodel"], "pysqlite", "auto", id="sqlmodel", marks=pytest.mark.thorough),
    pytest.param(["noisy_env"], "psycopg", "legacy", id="env.py prints 23 KB first"),
    pytest.param(
        ["logging_env"], "pysqlite", "auto", id="env.py sets up logging on stdout", marks=pytest.mark.thorough
    ),
    pytest.param(
        ["each_its_own_transaction"], "psycopg", "auto", id="a transaction per revision", marks=pytest.mark.thorough
    ),
    pytest.param(
        ["version_table_in_schema"],
        "psycopg",
        "legacy",
        id="version table in a schema that env.py creates",
        marks=pytest.mark.thorough,
    ),
    pytest.param(["x_argument"], "pysqlite", "legacy", id="env.py reads -x", marks=pytest.mark.thorough),
    pytest.param(["pyproject_only"], "psycopg", "auto", id="[tool.alembic] in pyproject.toml"),
    pytest.param(["file_template"], "pysqlite", "auto", id="file_template and timezone", marks=pytest.mark.thorough),
]


@pytest.mark.parametrize(("layers", "driver", "era"), STORIES)
async def test_a_project_is_looked_at_upgraded_downgraded_and_extended(layers, driver, era, tmp_path, place):
    db = place(driver)
    folder = make(tmp_path / "shop", *layers, url=db.url)
    env = {}
    if "pyproject_only" in layers:
        (folder / "alembic.ini").unlink()
        env = {"SHOP_DATABASE_URL": db.url}
    async with serve(folder, mode=era, env=env) as server:
        await tell_the_story(server, folder, db)
        assert server.asked == []


async def test_a_project_under_backend_with_its_code_in_src(tmp_path, place):
    db = place()
    make(tmp_path / "shop" / "backend", url=db.url)
    shutil.copytree(make(tmp_path / "layer", "backend", url=db.url), tmp_path / "shop", dirs_exist_ok=True)
    for name in ("alembic.ini", "models.py", "alembic"):
        target = tmp_path / "shop" / name
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    backend = tmp_path / "shop" / "backend"
    (backend / "src").mkdir()
    (backend / "models.py").rename(backend / "src" / "models.py")
    ini = backend / "alembic.ini"
    ini.write_text(ini.read_text().replace("prepend_sys_path = .", "prepend_sys_path = %(here)s/src"))
    async with serve(tmp_path / "shop") as server:
        await tell_the_story(server, backend, db)


async def tell_the_story(server, folder, db):
    await look(server, db)
    await change(server, db)
    await extend(server, folder, db)


async def look(server, db):
    report = await server.call("current")
    assert report["status"] == "done"
    assert (report["heads"], report["script_heads"], report["at_head"]) == ([], ["b2"], False)
    assert report["pending"] == [
        {"revision": "a1", "message": "create person"},
        {"revision": "b2", "message": "add email"},
    ]
    assert report["unknown"] == []
    assert report["database"]["environment"] == "development"
    assert report["database"]["dialect"] == ("postgresql" if db.is_postgresql else "sqlite")

    report = await server.call("history")
    assert [(node["revision"], node["down_revisions"]) for node in report["revisions"]] == [("b2", ["a1"]), ("a1", [])]
    assert [node["is_head"] for node in report["revisions"]] == [True, False]
    assert (report["heads"], report["bases"], report["next_cursor"]) == (["b2"], ["a1"], None)
    assert report["graph"].startswith(("graph", "flowchart", "gitGraph"))
    assert report["problems"] == []

    report = await server.call("review")
    assert report["status"] == "done", report
    assert (report["decision"], report["escalations"]) == ("run", [])
    assert revisions_of(report) == ["a1", "b2"]
    assert grave(report) == []
    assert holds(report["rehearsal"], status="passed", upgraded=True, downgraded=True, restored=True, reupgraded=True)
    assert report["rehearsal"]["converged"] is True
    assert {line["direction"] for line in report["statements"]} == {"upgrade", "downgrade"}
    assert any("CREATE TABLE person" in line["sql"] and line["line"] > 0 for line in report["statements"])
    assert db.columns("person") == []


async def change(server, db):
    report = await server.call("upgrade", target="head", dry_run=True)
    assert (report["status"], report["applied"]) == ("done", False)
    assert db.columns("person") == []

    report = await server.call("upgrade")
    assert_changed(report, [], ["b2"])
    assert revisions_of(report) == ["a1", "b2"]
    assert re.fullmatch("[0-9a-f]{64}", report["plan"]["digest"])
    assert db.columns("person") == ["id", "name", "email"]

    report = await server.call("check")
    assert (report["status"], report["differences"], report["why_nothing"]) == ("done", [], None)

    report = await server.call("downgrade", target="-1")
    assert_changed(report, ["b2"], ["a1"])
    assert db.columns("person") == ["id", "name"]

    report = await server.call("current")
    assert (report["heads"], report["at_head"]) == (["a1"], False)
    assert report["pending"] == [{"revision": "b2", "message": "add email"}]

    report = await server.call("upgrade", target="+1")
    assert_changed(report, ["a1"], ["b2"])
    report = await server.call("upgrade")
    assert (report["status"], report["applied"], report["after"]) == ("done", False, ["b2"])


async def extend(server, folder, db):
    before = tree(folder)
    report = await server.call("generate", message="nothing")
    assert (report["status"], report["files"]) == ("done", [])
    assert tree(folder) == before

    [models] = folder.rglob("models.py")
    text = models.read_text(encoding="utf-8")
    added = "    age: int | None = None\n" if "SQLModel" in text else ADD_AGE
    lines = text.splitlines(keepends=True)
    last = max(index for index, line in enumerate(lines) if line.startswith("    email"))
    models.write_text("".join([*lines[: last + 1], added, *lines[last + 1 :]]), encoding="utf-8")
    report = await server.call("generate", message="add age")
    assert report["status"] == "done", report
    [file] = report["files"]
    assert (file["down_revision"], file["message"]) == (["b2"], "add age")
    [new] = set(tree(folder)) - set(before)
    assert file["path"].endswith(new.rsplit("/", 1)[-1])
    assert "op.add_column" in (folder / new).read_text(encoding="utf-8")
    assert any("ADD COLUMN age" in sql for sql in report["statements"]["upgrade"])
    assert report["statements"]["downgrade"]
    assert holds(report["rehearsal"], status="passed", restored=True, converged=True)
    assert report["ready_to_commit"] is True, report
    assert any(path.endswith(new) for path in report["files_to_commit"])
    assert db.columns("person") == ["id", "name", "email"]

    report = await server.call("upgrade")
    assert_changed(report, ["b2"], [file["revision"]])
    assert db.columns("person") == ["id", "name", "email", "age"]
    report = await server.call("current")
    assert report["at_head"] is True


def assert_changed(report, before, after):
    assert report["status"] == "done", report
    assert (report["applied"], report["before"], report["after"]) == (True, before, after)
    assert report["verified"]["heads"] is True, report
    assert report["verified"]["schema"] is True, report
    assert report["decision"] in ("run", "ask")


def holds(report, **expected):
    assert {key: report[key] for key in expected} == expected, report
    return True


# Asking


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("driver", ["psycopg", "pysqlite"])
async def test_a_downgrade_that_loses_data_runs_only_after_a_yes(driver, era, tmp_path, place):
    db = place(driver)
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder, mode=era) as server:
        await server.call("upgrade")
        db.run("INSERT INTO person VALUES (1, 'Ada', 'ada@example.org')")
        report = await server.call("downgrade", target="-1")
        assert (report["status"], report["applied"], report["decision"]) == ("needs_approval", False, "ask")
        assert "drops-data" in [escalation["rule"] for escalation in report["escalations"]]
        assert {finding["rule"] for finding in report["findings"]} >= {"drop-column"}
    async with serve(folder, mode=era, answers=[NO, DECLINED, CANCELLED, YES]) as server:
        for _ in (NO, DECLINED, CANCELLED):
            report = await server.call("downgrade", target="-1")
            assert (report["status"], report["applied"]) == ("needs_approval", False)
            assert db.run("SELECT email FROM person") == [("ada@example.org",)]
        report = await server.call("downgrade", target="-1")
        assert_changed(report, ["b2"], ["a1"])
        assert db.columns("person") == ["id", "name"]
        assert len(server.asked) == 4
        assert all("email" in question and "1" in question for question in server.asked)


@pytest.mark.parametrize("era", ERAS)
async def test_what_changed_while_the_person_thought_is_not_run(era, tmp_path, place):
    db = place("psycopg")
    folder = make(tmp_path / "shop", url=db.url)
    file = folder / "alembic" / "versions" / "b2_add_email.py"

    def think():
        file.write_text(file.read_text() + "\n# edited meanwhile\n")
        return YES

    async with serve(folder, mode=era, answers=[think, NO]) as server:
        await server.call("upgrade")
        db.run("INSERT INTO person VALUES (1, 'Ada', 'ada@example.org')")
        report = await server.call("downgrade", target="-1")
        assert report["status"] in ("needs_approval", "refused")
        assert report["applied"] is False
        assert db.run("SELECT email FROM person") == [("ada@example.org",)]


# Revisions


async def test_several_heads_are_named_and_merged(tmp_path, place):
    db = place("psycopg")
    folder = make(tmp_path / "shop", "several_heads", url=db.url)
    async with serve(folder) as server:
        report = await server.call("current")
        assert (sorted(report["script_heads"]), report["at_head"]) == (["c3", "d4"], False)
        report = await server.call("history")
        assert sorted(report["heads"]) == ["c3", "d4"]
        assert [node["revision"] for node in report["revisions"] if node["is_branch_point"]] == ["b2"]

        report = await server.call("upgrade", target="head")
        assert (report["status"], report["applied"]) == ("refused", False)
        assert "c3" in report["summary"]
        assert "d4" in report["summary"]
        assert db.columns("person") == []
        report = await server.call("generate", message="more")
        assert report["status"] == "refused"
        assert "merge_heads" in " ".join(report["next_steps"])

        report = await server.call("upgrade", target="heads")
        assert (report["applied"], sorted(report["after"])) == (True, ["c3", "d4"])
        report = await server.call("merge_heads", message="join age and city")
        assert report["status"] == "done", report
        assert sorted(report["heads_before"]) == ["c3", "d4"]
        assert report["heads_after"] == [report["file"]["revision"]]
        assert sorted(report["file"]["down_revision"]) == ["c3", "d4"]
        assert report["rehearsal"]["status"] == "passed"
        report = await server.call("upgrade")
        assert len(report["after"]) == 1
        assert (await server.call("history"))["revisions"][0]["is_merge"] is True
        report = await server.call("merge_heads")
        assert report["status"] == "refused"


async def test_odd_revision_ids(tmp_path, place):
    db = place("psycopg")
    folder = make(tmp_path / "shop", "odd_ids", url=db.url)
    async with serve(folder) as server:
        report = await server.call("current")
        assert [line["revision"] for line in report["pending"]] == [
            "a1",
            "b2",
            "v3.2.0.a",
            "I43e0b669096",
            "aa1234567890",
        ]
        assert_changed(await server.call("upgrade", target="v3.2"), [], ["v3.2.0.a"])
        assert_changed(await server.call("upgrade", target="+1"), ["v3.2.0.a"], ["I43e0b669096"])
        assert_changed(await server.call("upgrade"), ["I43e0b669096"], ["aa1234567890"])
        assert_changed(await server.call("downgrade", target="v3.2.0.a"), ["aa1234567890"], ["v3.2.0.a"])


async def test_independent_branches_in_folders_of_their_own(tmp_path, place):
    db = place("psycopg")
    folder = make(tmp_path / "shop", "branches", url=db.url)
    shutil.rmtree(folder / "alembic" / "versions")
    async with serve(folder) as server:
        report = await server.call("history")
        assert sorted(report["heads"]) == ["b2", "j2"]
        assert sorted(report["bases"]) == ["a1", "j1"]
        labels = {node["revision"]: node["branch_labels"] for node in report["revisions"]}
        assert "shop" in labels["a1"]
        assert "jobs" in labels["j1"]
        assert_changed(await server.call("upgrade", target="jobs@head"), [], ["j2"])
        report = await server.call("upgrade", target="shop@head")
        assert (report["applied"], sorted(report["after"])) == (True, ["b2", "j2"]), report
        report = await server.call("downgrade", target="jobs@-1")
        assert (report["applied"], sorted(report["after"])) == (True, ["b2", "j1"]), report
        assert db.columns("job") == ["id"]
        assert db.columns("person") == ["id", "name", "email"]


@pytest.mark.parametrize(
    ("layer", "finding"),
    [
        ("no_downgrade", "irreversible-downgrade"),
        ("downgrade_raises", "irreversible-downgrade"),
        ("downgrade_passes", "irreversible-downgrade"),
        ("downgrade_unnamed", "irreversible-downgrade|downgrade-will-fail|downgrade-does-not-restore|fails-on-scratch"),
    ],
)
async def test_a_downgrade_that_does_not_work_is_found_before_it_is_needed(layer, finding, tmp_path, place):
    db = place("psycopg")
    folder = make(tmp_path / "shop", layer, url=db.url)
    async with serve(folder, answers=[YES]) as server:
        report = await server.call("review")
        assert report["decision"] == "ask", report
        assert "unclear-rollback" in [escalation["rule"] for escalation in report["escalations"]]
        assert set(finding.split("|")) & {found["rule"] for found in report["findings"] if found["revision"] == "c3"}
        assert report["rehearsal"]["status"] == "passed"
        assert report["rehearsal"]["upgraded"] is True
        report = await server.call("upgrade")
        assert_changed(report, [], ["c3"])
        assert len(server.asked) == 1
        before = db.columns("person")
        report = await server.call("downgrade", target="-1")
        if layer == "downgrade_passes":
            assert report["applied"] is True
        else:
            assert report["status"] in ("refused", "failed")
            assert (report["applied"], report["after"]) == (False, ["c3"])
            assert (await server.call("current"))["heads"] == ["c3"]
        assert db.columns("person") == before


async def test_a_revision_that_cannot_be_parsed_does_not_blind_the_rest(tmp_path, place):
    db = place("psycopg")
    folder = make(tmp_path / "shop", "broken_syntax", url=db.url)
    async with serve(folder) as server:
        report = await server.call("history")
        assert [node["revision"] for node in report["revisions"]] == ["b2", "a1"]
        assert any("c3_broken.py" in problem for problem in report["problems"])
        report = await server.call("current")
        assert report["status"] == "done"
        assert any("c3_broken.py" in warning for warning in report["warnings"])
        assert_changed(await server.call("upgrade", target="b2"), [], ["b2"])
        assert_changed(await server.call("downgrade", target="-1"), ["b2"], ["a1"])


async def test_a_revision_that_cannot_be_imported_stops_only_itself(tmp_path, place):
    db = place("psycopg")
    folder = make(tmp_path / "shop", "broken_import", url=db.url)
    async with serve(folder) as server:
        report = await server.call("current")
        assert [line["revision"] for line in report["pending"]] == ["a1", "b2", "c3"]
        report = await server.call("review")
        assert report["decision"] == "refuse" or report["status"] == "failed"
        assert "package_that_is_not_there" in repr(report)
        report = await server.call("upgrade")
        assert report["status"] in ("refused", "failed")
        assert report["applied"] is False
        assert "package_that_is_not_there" in repr(report)
        assert db.columns("person") == []
        assert_changed(await server.call("upgrade", target="b2"), [], ["b2"])


async def test_a_history_that_starts_after_create_all(tmp_path, place):
    db = place("psycopg")
    db.run("CREATE TABLE person (id integer PRIMARY KEY, name varchar(50) NOT NULL)")
    folder = make(tmp_path / "shop", "not_from_empty", url=db.url)
    async with serve(folder) as server:
        report = await server.call("review")
        assert report["rehearsal"]["status"] == "passed", report
        report = await server.call("upgrade")
        assert_changed(report, [], ["c3"])
        assert db.columns("person") == ["id", "name", "legacy_note", "email", "age"]
        assert_changed(await server.call("downgrade", target="-1"), ["c3"], ["b2"])


@pytest.mark.parametrize("layer", ["session_commits", "helper_functions"])
@pytest.mark.parametrize("driver", ["psycopg", "pysqlite"])
async def test_what_a_revision_does_out_of_sight_is_seen(layer, driver, tmp_path, place):
    db = place(driver)
    folder = make(tmp_path / "shop", layer, url=db.url)
    async with serve(folder) as server:
        await server.call("upgrade", target="b2")
        report = await server.call("review")
        assert (report["decision"], report["rehearsal"]["status"]) == ("run", "passed"), report
        up = [line for line in report["statements"] if line["direction"] == "upgrade"]
        if layer == "session_commits":
            assert any(line["sql"].startswith("UPDATE person SET age") for line in up)
        else:
            assert any("created_at" in line["sql"] and line["path"].endswith("c3_stamps.py") for line in up)
            assert any("updated_at" in line["sql"] for line in up)
        assert all(line["line"] > 0 for line in up), up
        assert_changed(await server.call("upgrade"), ["b2"], ["c3"])


# Projects


async def test_settings_that_fail_at_import_stop_only_what_needs_them(tmp_path, place):
    db = place()
    folder = make(tmp_path / "shop", "failing_settings", url=db.url)
    async with serve(folder) as server:
        assert (await server.call("history"))["heads"] == ["b2"]
        for tool, arguments in [("current", {}), ("review", {}), ("upgrade", {}), ("generate", {"message": "x"})]:
            report = await server.call(tool, **arguments)
            assert report["status"] == "failed"
            assert "APP_SIGNING_KEY is not set" in report["summary"]
            assert "app_settings.py" in repr(report)
    async with serve(folder, env={"APP_SIGNING_KEY": "made-up"}) as server:
        assert (await server.call("current"))["heads"] == []


async def test_an_env_py_that_swallows_errors_is_caught(tmp_path, place):
    db = place("psycopg")
    folder = make(tmp_path / "shop", "swallows_errors", url=db.url)
    (folder / "alembic" / "versions" / "c3.py").write_text(
        'from alembic import op\nrevision = "c3"\ndown_revision = "b2"\n'
        'def upgrade():\n    op.execute("SELECT 1/count(*) FROM person")\n\ndef downgrade():\n    pass\n'
    )
    async with serve(folder, answers=[YES]) as server:
        report = await server.call("upgrade")
        assert report["status"] in ("refused", "failed"), report
        assert "division by zero" in repr(report)
        assert report["after"] == [] == (await server.call("current"))["heads"]
        assert_changed(await server.call("upgrade", target="b2"), [], ["b2"])


async def test_models_that_are_not_imported_never_become_drops(tmp_path, place):
    db = place("psycopg")
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder) as server:
        await server.call("upgrade")
        make(folder, "models_not_imported", url=db.url)
        report = await server.call("check")
        assert report["status"] == "done"
        assert "not imported" in report["why_nothing"]
        before = tree(folder)
        report = await server.call("generate", message="drop everything")
        assert report["status"] == "refused"
        assert "Nothing was written" in report["summary"]
        assert tree(folder) == before


async def test_a_hook_whose_program_is_missing_is_a_warning(tmp_path, place):
    db = place()
    folder = make(tmp_path / "shop", "missing_hook", url=db.url)
    async with serve(folder) as server:
        await server.call("upgrade")
        models = folder / "models.py"
        models.write_text(models.read_text() + ADD_AGE)
        report = await server.call("generate", message="add age")
        assert report["status"] == "done", report
        assert any("program-that-is-not-there" in warning for warning in report["warnings"])
        assert [name for name in versions(folder) if name.endswith("_add_age.py")]
        assert_changed(await server.call("upgrade"), ["b2"], [report["files"][0]["revision"]])


async def test_an_empty_revision_is_written_for_the_hand(tmp_path, place):
    db = place()
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder) as server:
        report = await server.call("generate", message="by hand", kind="empty")
        assert report["status"] == "done", report
        assert report["ready_to_commit"] is False
        [file] = report["files"]
        assert file["down_revision"] == ["b2"]
        assert (await server.call("history"))["heads"] == [file["revision"]]


async def test_a_stamp_needs_a_person_and_a_client_is_none(tmp_path, place):
    db = place()
    folder = make(tmp_path / "shop", url=db.url)
    async with serve(folder, "--patience", "1", answers=[YES]) as server:
        report = await server.call("stamp", target="head")
        assert (report["status"], report["applied"]) == ("needs_approval", False)
        assert any("alembic-mcp approve" in step for step in report["next_steps"])
        assert (await server.call("current"))["heads"] == []


async def test_a_read_only_server_offers_nothing_that_changes(tmp_path, place):
    folder = make(tmp_path / "shop", url=place().url)
    async with serve(folder, "--read-only") as server:
        names = {tool.name for tool in (await server.client.list_tools()).tools}
        assert names == {"current", "history", "check", "review"}
        assert (await server.call("review"))["decision"] == "run"
