"""Revisions that change rows: whole when told what to set, marked where not, in batches that can be resumed."""

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from generating import open_shop
from tiny_projects import on_sqlite

from alembic_mcp.errors import NotDone, Refused

pytestmark = pytest.mark.anyio

USERS = """
users = Table(
    "users", metadata,
    Column("id", Integer, primary_key=True),
    Column("email", String(80)),
    Column("note", Text),
)
"""
ROWS = ["INSERT INTO users (id, email, note) VALUES (1, 'A@X.org', '10:30'), (2, 'b@x.org', NULL), (3, NULL, NULL)"]
EMAILS = "SELECT id, email FROM users ORDER BY id"


@pytest.fixture
def shop(app, tmp_path):
    def opened(place, models=USERS, rows=ROWS, **options):
        return open_shop(app, tmp_path / "shop", place, before=models, after=models, rows=rows, **options)

    return opened


def run(place, text, function="upgrade"):
    """Run one function of a revision, as Alembic would."""
    module = {}
    exec(compile(text, "revision.py", "exec"), module)
    engine = sa.create_engine(place.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        with context.begin_transaction(), Operations.context(context):
            module[function]()
        connection.commit()
    engine.dispose()


async def test_a_change_of_rows_is_whole_and_says_what_does_not_come_back(shop, place):
    opened = shop(place)
    report = await opened.generate(
        "lower", kind="data", table="users", set={"email": "lower(email)"}, where="email <> lower(email)"
    )
    assert (report.status, len(report.files)) == ("done", 1)
    assert any("users.email" in text for text in report.loses)
    (text,) = opened.files
    assert "sa.table(" in text
    assert "models" not in text
    run(place, text)
    assert place.run(EMAILS) == [(1, "a@x.org"), (2, "b@x.org"), (3, None)]


async def test_kept_values_come_back(shop, place):
    opened = shop(place)
    await opened.generate(
        "lower",
        kind="data",
        table="users",
        set={"email": "lower(email)"},
        where="email <> lower(email)",
        keep_data=True,
    )
    (text,) = opened.files
    run(place, text)
    assert place.run(EMAILS)[0] == (1, "a@x.org")
    run(place, text, "downgrade")
    assert place.run(EMAILS)[0] == (1, "A@X.org")


async def test_a_large_table_is_changed_in_batches_that_go_on_where_they_stopped(shop, postgresql):
    opened = shop(
        postgresql, rows=["INSERT INTO users SELECT n, NULL, NULL FROM generate_series(1, 12000) n", "ANALYZE users"]
    )
    (opened.folder / "pyproject.toml").write_text("[tool.alembic-mcp]\nlarge_rows = 1000\n", encoding="utf-8")
    await opened.generate("fill", kind="data", table="users", set={"email": "'user ' || id || ' at 10:30 :x 5%'"})
    (text,) = opened.files
    postgresql.run(
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.id = 7000 THEN RAISE 'interrupted'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER stop BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION stop()",
    )
    with pytest.raises(sa.exc.DBAPIError, match="interrupted"):
        run(postgresql, text)
    assert postgresql.run("SELECT count(*), max(id) FROM users WHERE email IS NOT NULL") == [(5000, 5000)]
    before = postgresql.run("SELECT xmin::text FROM users WHERE id = 1")
    postgresql.run("DROP TRIGGER stop ON users")
    run(postgresql, text)
    assert postgresql.run("SELECT count(*) FROM users WHERE email = 'user ' || id || ' at 10:30 :x 5%'") == [(12000,)]
    assert postgresql.run("SELECT xmin::text FROM users WHERE id = 1") == before


async def test_the_way_back_can_be_told(shop, place):
    opened = shop(place)
    report = await opened.generate(
        "mark", kind="data", table="users", set={"note": "'> ' || email"}, undo={"note": "substr(note, 3)"}
    )
    assert report.loses == []
    (text,) = opened.files
    run(place, text)
    assert place.run("SELECT note FROM users ORDER BY id")[1] == ("> b@x.org",)
    run(place, text, "downgrade")
    assert place.run("SELECT note FROM users ORDER BY id")[1] == ("b@x.org",)


async def test_the_way_back_is_checked_like_what_is_set(shop, place):
    opened = shop(place)
    with pytest.raises(Refused, match=r"users\.note in the downgrade"):
        await opened.generate("mark", kind="data", table="users", set={"note": "email"}, undo={"note": "email; DROP"})
    assert not opened.files


PAIRS = """
pairs = Table(
    "pairs", metadata,
    Column("a", Integer, primary_key=True),
    Column("b", String(9), primary_key=True),
    Column("n", Integer),
)
"""


async def test_a_key_of_two_columns_is_walked_in_order(shop, postgresql):
    opened = shop(
        postgresql,
        PAIRS,
        ["INSERT INTO pairs SELECT n / 7, 'x' || n, 0 FROM generate_series(1, 11000) n", "ANALYZE pairs"],
    )
    (opened.folder / "pyproject.toml").write_text("[tool.alembic-mcp]\nlarge_rows = 1000\n", encoding="utf-8")
    await opened.generate("fill", kind="data", table="pairs", set={"n": "a + 1"}, where="n = 0")
    (text,) = opened.files
    assert "sa.tuple_(" in text
    run(postgresql, text)
    assert postgresql.run("SELECT count(*) FROM pairs WHERE n = a + 1") == [(11000,)]


async def test_what_reads_the_value_it_sets_is_never_applied_twice(shop, postgresql):
    opened = shop(
        postgresql, PAIRS, ["INSERT INTO pairs SELECT n, 'x', 1 FROM generate_series(1, 6000) n", "ANALYZE pairs"]
    )
    (opened.folder / "pyproject.toml").write_text("[tool.alembic-mcp]\nlarge_rows = 1000\n", encoding="utf-8")
    await opened.generate("double", kind="data", table="pairs", set={"n": "n * 2"})
    (text,) = opened.files
    assert "autocommit_block" not in text
    run(postgresql, text)
    assert postgresql.run("SELECT DISTINCT n FROM pairs") == [(2,)]


async def test_a_table_without_a_key_is_changed_in_one_statement(shop, place):
    models = 'logs = Table("logs", metadata, Column("line", String(50)))'
    opened = shop(place, models, ["INSERT INTO logs VALUES ('a'), ('b')"])
    await opened.generate("clear", kind="data", table="logs", set={"line": "'x'"}, where="line = 'a'")
    run(place, opened.files[0])
    assert sorted(place.run("SELECT line FROM logs")) == [("b",), ("x",)]


async def test_without_expressions_there_is_a_marked_place_and_it_is_not_ready(shop, place):
    opened = shop(place)
    report = await opened.generate("tidy", kind="data", table="users", where="note IS NULL")
    assert not report.ready_to_commit
    assert "WRITE HERE" in report.next_steps[0]
    (text,) = opened.files
    assert text.count("WRITE HERE") >= 3
    with pytest.raises(NotImplementedError):
        run(place, text)
    whole = text.replace("values = {}", "values = {users.c.note: sa.func.upper('none')}")
    assert whole != text
    run(place, whole)
    assert place.run("SELECT note FROM users ORDER BY id") == [("10:30",), ("NONE",), ("NONE",)]


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        pytest.param({}, "needs the table", id="no-table"),
        pytest.param({"table": "user"}, "There is no table user.", id="table"),
        pytest.param({"table": "users", "set": {"mail": "1"}}, "users has no column mail.", id="column"),
        pytest.param({"table": "users", "set": {"note": "1; DROP TABLE users"}}, "The SQL for users.note", id="sql"),
        pytest.param({"table": "users", "where": "id = 1) OR (true"}, "The SQL for where can't be used", id="where"),
    ],
)
async def test_what_is_not_there_is_named(shop, tmp_path, wish, says):
    opened = shop(on_sqlite(tmp_path))
    with pytest.raises(NotDone) as raised:
        await opened.generate("x", kind="data", **wish)
    assert says in raised.value.message
    assert opened.files == []


async def test_an_application_type_is_written_as_what_it_is_stored_as(shop, tmp_path):
    models = USERS.replace('Column("note", Text)', 'Column("note", Loud)')
    loud = "import sqlalchemy\nclass Loud(sqlalchemy.TypeDecorator):\n    impl = Text\n    cache_ok = True\n"
    place = on_sqlite(tmp_path)
    opened = shop(place, loud + models)
    await opened.generate("x", kind="data", table="users", set={"note": "'x'"})
    assert "sa.column('note', sa.Text())" in opened.files[0]
