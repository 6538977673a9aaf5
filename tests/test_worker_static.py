"""What a revision would do, told without any database: run against one that is not there, the rest read as source."""

import sqlite3

import pytest
from worker_project import CallFailed, Project


@pytest.fixture
def read(tmp_path):
    """Write one revision and read it -> the answer for it, with the project's line numbers at hand."""
    project = Project(tmp_path / "project", env="raise RuntimeError('env.py must not run')")

    def read(upgrade, downgrade="pass", *, top="", dialect="postgresql", **args):
        project.revision("r1", upgrade, downgrade, top=top, down=None)
        schema = "public" if dialect == "postgresql" else None
        answer = project.call("static", indexed=True, revisions=["r1"], dialect=dialect, default_schema=schema, **args)
        found = answer["revisions"]["r1"]
        return found, answer["outside"], lambda text: project.line("r1", text)

    return read


def does(found, direction="upgrade"):
    """One short line for each operation, then for each statement that belongs to none."""
    lines = []
    owned = set()
    for item in found[direction]["operations"]:
        owned.update(item["statements"])
        what = item.get("sql") or item.get("table") or item.get("name") or item["op"]
        lines.append(f"{item['kind']} {what}")
    sent = found[direction]["statements"]
    return lines + [" ".join(item["sql"].split()) for index, item in enumerate(sent) if index not in owned]


def test_operations_are_recorded_as_in_a_rehearsal_but_never_measured(read):
    found, outside, line = read(
        """
        op.create_table("people", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(50)))
        op.create_index("ix_people_name", "people", ["name"])
        op.add_column("orders", sa.Column("total", sa.Numeric(10, 2), nullable=False))
        op.bulk_insert(sa.table("people", sa.column("id")), [{"id": 1}, {"id": 2}])
        op.get_bind().execute(sa.text("UPDATE orders SET total = :total"), {"total": 1})
        """,
        'op.drop_table("people")',
    )
    upgrade = found["upgrade"]
    assert does(found) == [
        "create_table people",
        "create_index people",
        "add_column orders",
        "bulk_insert people",
        "UPDATE orders SET total = %(total)s",
    ]
    assert does(found, "downgrade") == ["drop_table people"]
    assert upgrade["operations"][2]["column"]["type"] == "NUMERIC(10, 2)"
    assert upgrade["operations"][2]["line"] == line("orders")
    assert upgrade["statements"][1]["sql"] == "CREATE INDEX ix_people_name ON people (name)"
    assert {item["measured"] for item in upgrade["statements"]} == {None}
    assert not any("from_source" in item for item in (*upgrade["operations"], *upgrade["statements"]))
    assert (found["upgrade_error"], found["downgrade_missing"], outside) == (None, False, [])


def test_what_is_sent_through_a_cursor_of_the_driver_is_told(read):
    found, _, line = read(
        """
        with op.get_bind().connection.cursor() as cursor:
            cursor.execute("DELETE FROM people WHERE id = %s", (1,))
        op.execute("DELETE FROM orders")
        """
    )
    assert does(found) == ["execute DELETE FROM orders", "DELETE FROM people WHERE id = %s"]
    assert found["upgrade"]["statements"][0]["line"] == line("people")


def test_results_are_empty_and_survive_every_way_of_reading_them(read):
    found, _, _ = read(
        """
        bind = op.get_bind()
        result = bind.execute(sa.text("SELECT id, name FROM people"))
        assert result.fetchall() == [] and bind.execute(sa.text("SELECT 1")).scalar() is None
        assert bind.execute(sa.text("SELECT 1")).mappings().all() == []
        assert list(bind.execute(sa.text("SELECT 1"))) == []
        assert bind.execute(sa.text("DELETE FROM people")).rowcount == 0
        assert bind.execute(sa.select(sa.table("people", sa.column("id")).c.id)).first() is None
        from sqlalchemy.orm import Session
        assert Session(bind).execute(sa.text("SELECT 2")).all() == []
        assert bind.dialect.name == "postgresql"
        """
    )
    assert found["upgrade_error"] is None
    assert "DELETE FROM people" in does(found)


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite", "mysql", "mssql", "oracle"])
def test_every_dialect_that_sqlalchemy_has_can_be_read(read, dialect):
    found, _, _ = read(
        """
        op.add_column("people", sa.Column("age", sa.Integer))
        op.execute("DELETE FROM people")
        """,
        dialect=dialect,
    )
    assert does(found) == ["add_column people", "execute DELETE FROM people"]


def test_batch_mode_of_sqlite_tells_what_was_asked_for(read):
    found, _, _ = read(
        """
        with op.batch_alter_table("people", recreate="always") as batch_op:
            batch_op.drop_column("fax")
        with op.batch_alter_table("people") as batch_op:
            batch_op.add_column(sa.Column("age", sa.Integer))
        """,
        dialect="sqlite",
    )
    assert does(found) == ["drop_column people", "add_column people"]
    assert [item["batch"] for item in found["upgrade"]["operations"]] == [True, False]


def test_enums_are_created_and_dropped_although_nothing_can_be_looked_up(read):
    found, _, _ = read(
        'sa.Enum("a", "b", name="kind").create(op.get_bind(), checkfirst=True)',
        'sa.Enum(name="kind").drop(op.get_bind(), checkfirst=True)',
        top="from sqlalchemy.dialects import postgresql",
    )
    assert does(found) == ["CREATE TYPE kind AS ENUM ('a', 'b')"]
    found, _, _ = read(
        'postgresql.ENUM("a", "b", name="kind").create(op.get_bind(), checkfirst=True)',
        'postgresql.ENUM(name="kind").drop(op.get_bind(), checkfirst=True)',
        top="from sqlalchemy.dialects import postgresql",
    )
    assert does(found) == ["CREATE TYPE kind AS ENUM ('a', 'b')"]
    assert does(found, "downgrade") == ["DROP TYPE kind"]


def test_what_follows_a_look_at_the_schema_is_read_on_both_branches(read):
    found, _, line = read(
        """
        op.execute("SET lock_timeout = '2s'")
        columns = [each["name"] for each in sa.inspect(op.get_bind()).get_columns("people")]
        if "fax" in columns:
            op.drop_column("people", "fax")
        else:
            op.drop_column("people", "phone")
        op.drop_table("orders")
        """
    )
    assert does(found) == [
        "execute SET lock_timeout = '2s'",
        "drop_column people",
        "drop_column people",
        "drop_table orders",
    ]
    assert [item.get("from_source", False) for item in found["upgrade"]["operations"]] == [False, True, True, True]
    assert found["upgrade"]["operations"][3]["line"] == line("orders")
    assert found["upgrade_error"]["line"] == line("sa.inspect")


def test_a_row_that_is_missing_stops_the_run_but_not_the_reading(read):
    found, _, _ = read(
        """
        bind = op.get_bind()
        tenant = bind.execute(sa.text("SELECT id FROM tenants")).scalar_one()
        op.execute(f"DELETE FROM orders WHERE tenant = {tenant}")
        bind.execute(sa.text("DELETE FROM bills WHERE tenant = :t"), {"t": tenant})
        op.drop_table("tenants")
        """
    )
    assert does(found) == [
        "unreadable op.execute(f'DELETE FROM orders WHERE tenant = {tenant}')",
        "execute DELETE FROM bills WHERE tenant = %(t)s",
        "drop_table tenants",
        "SELECT id FROM tenants",
    ]


def test_what_an_empty_result_leaves_out_is_read_too(read):
    found, _, _ = read(
        """
        bind = op.get_bind()
        for row in bind.execute(sa.text("SELECT id, name FROM people")):
            bind.execute(sa.text("UPDATE people SET name = :n WHERE id = :i"), {"n": row.name.strip(), "i": row.id})
        if bind.execute(sa.text("SELECT 1 FROM orders")).first():
            op.drop_table("orders")
        if bind.dialect.name == "sqlite":
            op.drop_table("never_there")
        """
    )
    assert [line.partition(" WHERE")[0] for line in does(found)] == [
        "drop_table orders",
        "SELECT id, name FROM people",
        "SELECT 1 FROM orders",
        "UPDATE people SET name = %(n)s",
    ]


def test_an_early_return_after_an_empty_result_hides_nothing(read):
    found, _, _ = read(
        """
        if not op.get_bind().execute(sa.text("SELECT 1 FROM people")).fetchall():
            return
        op.execute("TRUNCATE people")
        """
    )
    assert "execute TRUNCATE people" in does(found)


def test_loops_go_on_with_the_items_that_were_left(read):
    found, _, _ = read(
        """
        for name in ("a", "b", "c"):
            op.drop_table(name)
            if name == "b":
                sa.inspect(op.get_bind())
            op.create_table(name + "_new", sa.Column("id", sa.Integer))
        """
    )
    assert does(found) == [
        "drop_table a",
        "create_table a_new",
        "drop_table b",
        "create_table b_new",
        "drop_table c",
        "create_table c_new",
    ]


def test_functions_of_the_file_are_followed(read):
    found, _, _ = read(
        """
        _first("people")
        op.drop_table("last")
        """,
        top="""
def _first(table):
    op.drop_column(table, "a")
    sa.inspect(op.get_bind()).get_table_names()
    op.drop_column(table, "b")
""",
    )
    assert [item.get("column", item["table"]) for item in found["upgrade"]["operations"]] == ["a", "b", "last"]


def test_nothing_follows_what_is_raised_on_purpose(read):
    found, _, _ = read("pass", 'raise NotImplementedError("no way back")\nop.drop_table("people")')
    assert does(found, "downgrade") == []
    assert found["downgrade_error"]["message"] == "NotImplementedError: no way back"


def test_a_guard_that_stumbles_over_the_empty_database_does_not_stop_the_reading(read):
    found, _, _ = read(
        """
        if op.get_bind().execute(sa.text("SELECT count(*) FROM people")).scalar() != 0:
            raise RuntimeError("there are people")
        op.drop_table("people")
        """
    )
    assert does(found)[0] == "drop_table people"


def test_a_file_that_can_not_be_imported_is_read_with_what_it_defines(read):
    found, _, _ = read(
        """
        op.drop_table(TABLE)
        op.add_column("orders", sa.Column("kind", not_there.Kind()))
        not_there.fill(op)
        """,
        top='import not_there\nTABLE = "people"',
    )
    assert does(found) == [
        "drop_table people",
        "unreadable op.add_column('orders', sa.Column('kind', not_there.Kind()))",
        "unreadable not_there.fill(op)",
    ]
    assert "not_there" in found["upgrade_error"]["message"]


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "connects to 127.0.0.1:9"),
        ("import subprocess; subprocess.run(['true'])", "starts a process: true"),
        ("import os; os.system('true')", "runs a shell command: true"),
    ],
    ids=["socket", "subprocess", "shell"],
)
def test_the_world_outside_is_closed(read, code, what):
    found, outside, line = read(f'{code}\nop.drop_table("people")')
    assert [(act["what"], act["line"]) for act in outside] == [(what, line(code.partition(";")[0]))]
    assert does(found)[-1] == "drop_table people"


def test_files_of_sqlite_and_other_engines_are_closed(read, tmp_path):
    file = tmp_path / "other.db"
    found, _, _ = read(
        f"""
        import sqlite3
        sqlite3.connect({str(file)!r})
        sa.create_engine("sqlite:///{file}").connect()
        op.drop_table("people")
        """
    )
    assert does(found)[-1] == "drop_table people"
    assert not file.exists()
    sqlite3.connect(":memory:").close()


def test_a_revision_that_leaves_the_process_is_still_read(read):
    found, _, _ = read('import sys\nsys.exit(3)\nop.drop_table("people")')
    assert does(found) == ["drop_table people"]


def test_without_running_only_the_source_speaks(read):
    found, _, _ = read(
        """
        print("not executed")
        while True:
            op.execute("DELETE FROM people")
        with op.batch_alter_table("orders") as batch_op:
            batch_op.drop_column("note")
        for name in ("a", "b"):
            op.drop_table(name)
        _more("people")
        helpers.fill(op)
        open("/tmp/never", "w")
        """,
        top='import helpers\n\ndef _more(table):\n    op.drop_column(table, "x")\n',
        run=False,
    )
    assert does(found) == [
        "execute DELETE FROM people",
        "drop_column orders",
        "drop_table a",
        "drop_table b",
        "drop_column people",
        "unreadable helpers.fill(op)",
    ]
    assert all(item["from_source"] for item in found["upgrade"]["operations"])


def test_autocommit_blocks_are_seen(read):
    found, _, _ = read(
        """
        with op.get_context().autocommit_block():
            op.create_index("ix", "people", ["name"], postgresql_concurrently=True)
            sa.inspect(op.get_bind())
            op.create_index("iy", "people", ["name"], postgresql_concurrently=True)
        op.drop_table("people")
        """
    )
    assert [item["autocommit"] for item in found["upgrade"]["operations"]] == [True, True, False]
    assert [item["concurrently"] for item in found["upgrade"]["operations"][:2]] == [True, True]


def test_a_missing_downgrade_is_told(read):
    found, _, _ = read('op.drop_table("people")', None)
    assert found["downgrade_missing"] is True
    assert does(found, "downgrade") == []


def test_a_file_that_is_no_python_is_unreadable(tmp_path):
    project = Project(tmp_path / "project")
    path = project.revision("r1", "pass")
    path.write_text("def upgrade(:\n")
    found = project.call("static", indexed=True, revisions=["r1"], dialect="postgresql", default_schema="public")
    assert does(found["revisions"]["r1"])[0].startswith("unreadable The file can't be read: ")


def test_an_unknown_dialect_is_an_error(read):
    with pytest.raises(CallFailed, match="nodb"):
        read("pass", dialect="nodb")


CONVENTION = {
    "uq": "uq_%(table_name)s_%(column_0_name)s", "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s", "pk": "pk_%(table_name)s",
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "plain", "by_convention"),
    [
        ('op.create_unique_constraint(None, "people", ["note"])', None, "uq_people_note"),
        ('op.create_check_constraint("adult", "people", "age > 17")', "adult", "ck_people_adult"),
        ('op.create_foreign_key(None, "people", "owners", ["owner"], ["id"])', None, "fk_people_owner_owners"),
        ('op.create_primary_key(None, "people", ["id"])', None, "pk_people"),
        ('op.create_unique_constraint(op.f("mine"), "people", ["note"])', "mine", "mine"),
        ('op.drop_constraint("adult", "people", type_="check")', "adult", "ck_people_adult"),
        ('op.drop_constraint(op.f("adult"), "people", type_="check")', "adult", "adult"),
        ('op.drop_constraint(None, "people", type_="unique")', None, None),
        ('op.create_index(None, "people", ["note"])', "ix_people_note", "ix_people_note"),
    ],
)
def test_constraints_are_called_what_the_models_convention_makes_of_their_names(read, code, plain, by_convention):
    for naming, name in ((None, plain), (CONVENTION, by_convention)):
        found, _, _ = read(code, naming_convention=naming)
        [item] = found["upgrade"]["operations"]
        assert item["name"] == name
        assert all(name in one["sql"] for one in found["upgrade"]["statements"] if name)
