"""What counts as the schema of a database, and how differences are put."""

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa
from worker_project import SYNC, Project

from alembic_mcp.worker import schema, schema_postgresql, schema_sqlite

PLAIN = "CREATE TABLE a (id INTEGER PRIMARY KEY, name VARCHAR(10) NOT NULL DEFAULT 'x')"

CHECKED = PLAIN.removesuffix(")") + ", CONSTRAINT long CHECK (length(name) > 2 AND name <> ')'))"


def sqlite_snapshot(*statements):
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        found = schema_sqlite.snapshot(connection, "alembic_version")
    engine.dispose()
    return found


@pytest.mark.parametrize(
    ("first", "second", "lines"),
    [
        ([PLAIN], [PLAIN], []),
        ([PLAIN], [PLAIN, "CREATE TABLE alembic_version (version_num TEXT)"], []),
        ([PLAIN], [PLAIN.replace("a (id", '"a" ( id').replace("VARCHAR(10)", "varchar(10)")], []),
        ([PLAIN, "CREATE INDEX ix_a ON a (name)"], [PLAIN], ["index ix_a on a is missing"]),
        ([PLAIN], [PLAIN, "CREATE VIEW v AS SELECT 1"], ["view v was not there before"]),
        (
            [PLAIN],
            [PLAIN.replace("VARCHAR(10) NOT NULL", "TEXT")],
            ["column a.name was \"VARCHAR(10) NOT NULL DEFAULT 'x'\", is now \"TEXT DEFAULT 'x'\""],
        ),
        (
            [CHECKED],
            [PLAIN],
            ["constraint long on a is missing"],
        ),
        (
            [PLAIN, "CREATE TABLE b (a_id INTEGER REFERENCES a (id) ON DELETE CASCADE)"],
            [PLAIN, "CREATE TABLE b (a_id INTEGER, FOREIGN KEY(a_id) REFERENCES a (id) ON DELETE CASCADE)"],
            [],
        ),
        (
            [PLAIN, "CREATE TABLE b (a_id INTEGER REFERENCES a (id))"],
            [PLAIN, "CREATE TABLE b (a_id INTEGER)"],
            ["foreign key (a_id) on b is missing"],
        ),
        (
            ["CREATE TABLE c (x INTEGER, CONSTRAINT uq UNIQUE (x))"],
            ["CREATE TABLE c (x INTEGER)"],
            ["constraint uq on c is missing", "unique (x) on c is missing"],
        ),
    ],
    ids=["same", "version-table", "spelling", "index", "view", "type", "check", "inline-key", "key", "unique"],
)
def test_differences_between_sqlite_schemas_are_told_in_plain_words(first, second, lines):
    before, after = sqlite_snapshot(*first), sqlite_snapshot(*second)
    assert schema.differences(before, after) == lines
    assert (schema.fingerprint(before) == schema.fingerprint(after)) is (not lines)


def test_a_delta_has_both_sides():
    assert schema.delta({"table a": "", "column a.x": "int"}, {"column a.x": "text", "view v": "q"}) == {
        "table a": ["", None],
        "column a.x": ["int", "text"],
        "view v": [None, "q"],
    }


def test_the_order_of_columns_does_not_count_on_postgresql(tmp_path, make_database):
    found = []
    for name, columns in (("one", "x int, y text"), ("two", "y text, x int")):
        database = make_database()
        database.run(f"CREATE TABLE a ({columns})")
        project = Project(tmp_path / name, database.url())
        found.append(project.call("look", schema=True)["fingerprint"])
    assert found[0] == found[1]


def test_two_thousand_revisions_cost_nothing_where_an_index_is_given(tmp_path):
    """None of the files is read: none of them is Python."""
    project = Project(tmp_path / "project", f"sqlite:///{tmp_path / 'app.db'}", env=SYNC)
    broken = project.versions / "broken.py"
    broken.write_text("this is no Python", "utf-8")
    names = [f"r{number:04}" for number in range(2000)]
    project.entries = [
        {
            "revision": name,
            "down_revisions": [before] if before else [],
            "depends_on": [],
            "branch_labels": [],
            "message": "",
            "path": str(broken),
        }
        for before, name in zip([None, *names], names, strict=False)
    ]
    stamped = project.call("run", indexed=True, direction="stamp", target="r1998")
    assert stamped["after"] == ["r1998"]
    assert project.call("look", indexed=True)["heads"] == ["r1998"]
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [("r1998",)]


@pytest.mark.parametrize(
    ("first", "again", "same"),
    [
        ("state IN ('new', 'paid')", "state IN ('new', 'paid')", True),
        ("state IN ('new', 'paid')", "state = ANY (ARRAY['new', 'paid'])", True),
        ("state IN ('new', 'paid')", "((state)::text = ANY ((ARRAY['new'::varchar, 'paid'::varchar])::text[]))", True),
        ("length(state) > 3", "(length((state)::text)) > 3", True),
        ("state IN ('new', 'paid')", "state IN ('new', 'paid', 'sent')", False),
        ("(a > 1 OR a < 0) AND a <> 5", "a > 1 OR (a < 0 AND a <> 5)", False),
        ("a > 1", "a::numeric > 1", False),
    ],
)
def test_a_check_that_is_written_otherwise_is_restored_if_it_says_the_same(shared_database, first, again, same):
    found = []
    engine = sa.create_engine(shared_database.url(), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        for condition in (first, again):
            connection.exec_driver_sql("CREATE TABLE o (a integer, state varchar(20) DEFAULT 'new')")
            connection.exec_driver_sql(f"ALTER TABLE o ADD CONSTRAINT k CHECK ({condition})")
            found.append(schema_postgresql.snapshot(connection, "alembic_version", None))
            connection.rollback()
    assert [line.partition(" was ")[0] for line in schema.not_restored(*found)] == (
        [] if same else ["constraint k on o"]
    )
