"""SQL and recordings are read as what they do; what can't be read for certain is never taken for harmless."""

from functools import partial

import pytest

from alembic_mcp.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterObject,
    Column,
    ConstraintKind,
    CreateIndex,
    CreateObject,
    CreateTable,
    Delete,
    Direction,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropObject,
    DropTable,
    Harmless,
    Insert,
    RenameTable,
    Truncate,
    Unrecognised,
    Update,
    ValidateConstraint,
)
from alembic_mcp.review.reading import read_path
from alembic_mcp.review.sql import read, told_by_running


def sql(operation, /, **values):
    return operation(from_sql=True, **values)


def foreign_key(**values):
    return sql(AddConstraint, kind=ConstraintKind.FOREIGN_KEY, **values)


HARMLESS = partial(sql, Harmless, what="read")
A = {"table": "a"}


@pytest.mark.parametrize(
    ("text", "operations"),
    [
        ("DROP TABLE a, b CASCADE", [sql(DropTable, table=name, cascade=True) for name in "ab"]),
        ("DROP TABLE IF EXISTS public.a", [sql(DropTable, if_exists=True, **A)]),
        ('DROP TABLE "A".b', [sql(DropTable, table="A.b")]),
        ("/* x */ drop table -- y\n A", [sql(DropTable, **A)]),
        ("SELECT 1; DROP TABLE a;;", [HARMLESS(), sql(DropTable, **A)]),
        ("SELECT ';' || $x$; DROP TABLE a; $x$", [HARMLESS()]),
        ("/* /* nested */ DROP TABLE b; */ SELECT 1", [HARMLESS()]),
        ("-- DROP TABLE a", []),
        ("DROP INDEX CONCURRENTLY IF EXISTS s.ix", [sql(DropIndex, name="s.ix", concurrently=True)]),
        ("DROP MATERIALIZED VIEW v", [sql(DropObject, kind="materialized view", name="v")]),
        ("DROP FUNCTION f(int, text), g CASCADE", [
            sql(DropObject, kind="function", name=name, cascade=True) for name in "fg"
        ]),
        ("DROP TRIGGER t ON s.a CASCADE", [sql(DropObject, kind="trigger", name="t", table="s.a", cascade=True)]),
        ("DROP SCHEMA s CASCADE", [sql(DropObject, kind="schema", name="s", cascade=True)]),
        ("ALTER TABLE a DROP b, DROP COLUMN IF EXISTS c CASCADE", [
            sql(DropColumn, column="b", **A), sql(DropColumn, column="c", cascade=True, **A)
        ]),
        ("ALTER TABLE a RENAME b TO c", [sql(AlterColumn, column="b", rename_to="c", **A)]),
        ("ALTER TABLE s.a RENAME TO b", [sql(RenameTable, table="s.a", to="s.b")]),
        ("ALTER TABLE a SET SCHEMA s", [sql(RenameTable, to="s.a", **A)]),
        ("ALTER TABLE a ADD b int NOT NULL DEFAULT 5, ADD COLUMN IF NOT EXISTS c varchar(9) NULL", [
            sql(AddColumn, column=Column("b", "int", nullable=False, server_default="5"), **A),
            sql(AddColumn, column=Column("c", "varchar(9)"), **A),
        ]),
        ("ALTER TABLE a ADD b int DEFAULT NULL", [sql(AddColumn, column=Column("b", "int"), **A)]),
        ("ALTER TABLE a ADD b int DEFAULT (1 + 2) NOT NULL CHECK (b > 0)", [
            sql(AddColumn, column=Column("b", "int", nullable=False, server_default="(1 + 2)"), **A),
            sql(AddConstraint, name=None, kind=ConstraintKind.CHECK, columns=("b",), expression="b > 0", **A),
        ]),
        ("ALTER TABLE a ADD b int REFERENCES c (id) ON DELETE SET NULL NOT NULL", [
            sql(AddColumn, column=Column("b", "int", nullable=False), **A),
            foreign_key(name=None, columns=("b",), references="c", referenced_columns=("id",), on_delete="SET NULL",
                        **A),
        ]),
        ("ALTER TABLE a ADD b bigint GENERATED ALWAYS AS IDENTITY", [
            sql(AddColumn, column=Column("b", "bigint", nullable=False, identity=True), **A)
        ]),
        ("ALTER TABLE a ADD b serial", [
            sql(AddColumn, column=Column("b", "serial", nullable=False, server_default="nextval('a_b_seq')"), **A)
        ]),
        ("ALTER TABLE a ALTER b TYPE bigint USING b::bigint, ALTER COLUMN c SET NOT NULL", [
            sql(AlterColumn, column="b", type="bigint", using="b::bigint", **A),
            sql(AlterColumn, column="c", nullable=False, **A),
        ]),
        ("ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c NOT VALID", [
            foreign_key(name="f", columns=("b",), references="c", not_valid=True, **A)
        ]),
        ("ALTER TABLE a ADD CONSTRAINT u UNIQUE USING INDEX ix", [
            sql(AddConstraint, name="u", kind=ConstraintKind.UNIQUE, using_index="ix", **A)
        ]),
        ("ALTER TABLE a ADD PRIMARY KEY (b, c)", [
            sql(AddConstraint, name=None, kind=ConstraintKind.PRIMARY_KEY, columns=("b", "c"), **A)
        ]),
        ("ALTER TABLE a VALIDATE CONSTRAINT f", [sql(ValidateConstraint, name="f", **A)]),
        ("ALTER TABLE a DROP CONSTRAINT IF EXISTS f CASCADE", [sql(DropConstraint, name="f", cascade=True, **A)]),
        ("ALTER TABLE a DISABLE TRIGGER ALL", [
            sql(AlterObject, kind="table", action="disable trigger all", name="a", text="TRIGGER ALL", **A)
        ]),
        ("ALTER TYPE t ADD VALUE 'x'", [
            sql(AlterObject, kind="type", action="add value", name="t", text="ADD VALUE 'x'")
        ]),
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s.a USING gin (lower(b), c) WHERE d", [
            sql(CreateIndex, table="s.a", name="i", columns=("lower(b)", "c"), unique=True, concurrently=True,
                if_not_exists=True, where="d", only=True)
        ]),
        ("CREATE TEMP TABLE a AS SELECT 1", [sql(CreateTable, **A)]),
        ("CREATE FUNCTION f() RETURNS void AS $$ BEGIN DELETE FROM a; END $$ LANGUAGE plpgsql", [
            sql(CreateObject, kind="function", name="f")
        ]),
        ("CREATE TRIGGER t BEFORE INSERT OR UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f()", [
            sql(CreateObject, kind="trigger", name="t", **A)
        ]),
        ("TRUNCATE ONLY a, b RESTART IDENTITY CASCADE", [sql(Truncate, table=name, cascade=True) for name in "ab"]),
        ("DELETE FROM ONLY a x USING b WHERE x.id = b.id RETURNING *", [sql(Delete, where="x.id = b.id", **A)]),
        ("DELETE FROM a WHERE TRUE", [sql(Delete, **A)]),
        ("DELETE FROM a WHERE id = %(id_1)s::INTEGER", [
            sql(Delete, where="id = CAST(%(id_1)s AS INT)", **A)
        ]),
        ("DELETE FROM a WHERE id = %s", [sql(Delete, where="id = %s", **A)]),
        ("DELETE FROM a WHERE id = $1", [sql(Delete, where="id = $1", **A)]),
        ("DELETE FROM a WHERE id %% 2 = 0 AND name LIKE 'x%%'", [
            sql(Delete, where="id % 2 = 0 AND name LIKE 'x%'", **A)
        ]),
        ("WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d", [
            sql(Insert, table="b"), sql(Delete, **A)
        ]),
        ("WITH d AS (SELECT 1) UPDATE a SET b = 1, c = 2 FROM d WHERE a.id = 1", [
            sql(Update, columns=("b", "c"), where="a.id = 1", **A)
        ]),
        ("INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET b = 1", [sql(Insert, replaces=True, **A)]),
        ("INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING", [sql(Insert, **A)]),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)", [
            sql(Delete, where="a.id = b.id", **A), sql(Insert, **A)
        ]),
        ("SELECT * INTO a FROM b", [sql(CreateTable, **A)]),
        ("SELECT count(*) FILTER (WHERE b) OVER (PARTITION BY c), now() FROM a FOR UPDATE", [HARMLESS()]),
        ("EXPLAIN DELETE FROM a", [sql(Harmless, what="explain")]),
        ("EXPLAIN (ANALYZE, BUFFERS) DELETE FROM a", [sql(Delete, **A)]),
        ("PREPARE p (int) AS DELETE FROM a", [sql(Delete, **A)]),
        ("COPY a (b) FROM STDIN", [sql(Insert, **A)]),
        ("COPY (DELETE FROM a RETURNING *) TO STDOUT", [sql(Delete, **A)]),
        ("DO $$ BEGIN IF EXISTS (SELECT 1 FROM a) THEN DELETE FROM a; END IF; END $$", [
            HARMLESS(), sql(Delete, **A)
        ]),
        ("DO $$ BEGIN CREATE TYPE t AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN NULL; END $$", [
            sql(CreateObject, kind="type", name="t")
        ]),
        ("DO $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM a; END $$", [HARMLESS()]),
        ("GRANT SELECT, UPDATE (b) ON TABLE s.a, c TO PUBLIC", [
            sql(AlterObject, kind="privileges", action="grant", name=name, table=name,
                text="SELECT, UPDATE (b) ON TABLE s.a, c TO PUBLIC") for name in ("s.a", "c")
        ]),
        ("COMMENT ON TABLE a IS 'x; DROP TABLE a'", [sql(Harmless, what="comment")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_sql_is_read_as_what_it_does(text, operations):
    assert read(text, "postgresql", "public") == operations


@pytest.mark.parametrize(
    "text",
    [
        "CALL p()",
        "EXECUTE p",
        "SELECT f(1)",
        "SELECT s.lower(a) FROM b",
        'SELECT "Wipe"(1)',
        "SELECT * FROM wipe()",
        "DELETE FROM a WHERE wipe(id)",
        "DO $$ BEGIN EXECUTE 'DROP TABLE ' || name; END $$",
        "DO $$ BEGIN EXECUTE 'DELETE FROM a WHERE b = $1' USING 1; END $$",
        "DO $$ BEGIN PERFORM wipe(); END $$",
        "DO $$ DECLARE n int := wipe(); BEGIN NULL; END $$",
        "DO $$ BEGIN n := wipe(); END $$",
        "DO $$ BEGIN IF wipe() THEN NULL; END IF; END $$",
        "DO $$ BEGIN FOR r IN EXECUTE 'DELETE FROM a RETURNING 1' LOOP NULL; END LOOP; END $$",
        "DO $$ BEGIN RAISE NOTICE '%', wipe(); END $$",
        "DO $$ BEGIN RETURN wipe(); END $$",
        "DO LANGUAGE plpython3u $$ plpy.execute('DELETE FROM a') $$",
        "COPY a TO '/tmp/x'",
        "COPY a FROM PROGRAM 'curl x'",
        "ALTER TABLE a FROBNICATE",
        "ALTER TABLE a DROP COLUMN b FROBNICATE",
        "DROP TABLE a FROBNICATE",
        "FROBNICATE a",
        "SET =",
        "SELECT 'unfinished",
        "SELEC * FROM a",
    ],
)
def test_what_can_do_anything_is_unrecognised(text):
    assert any(isinstance(op, Unrecognised) for op in read(text, "postgresql", "public"))


@pytest.mark.parametrize(
    ("dialect", "text", "operations"),
    [
        ("sqlite", "DELETE FROM main.a WHERE id = ?", [sql(Delete, where="id = ?", **A)]),
        ("sqlite", "INSERT OR REPLACE INTO a VALUES (1)", [sql(Insert, replaces=True, **A)]),
        ("sqlite", "PRAGMA table_info(a)", [sql(Harmless, what="pragma")]),
        ("sqlite", "PRAGMA writable_schema = 1", [sql(Unrecognised, sql="PRAGMA writable_schema = 1")]),
        ("sqlite", "UPDATE OR REPLACE a SET b = 1", [sql(Unrecognised, sql="UPDATE OR REPLACE a SET b = 1")]),
        ("sqlite", "ALTER TABLE A DROP COLUMN B", [sql(DropColumn, table="A", column="B")]),
        ("mysql", "DROP TABLE `a b`, c", [sql(DropTable, table=name) for name in ("a b", "c")]),
        ("mysql", "REPLACE INTO a VALUES (1)", [sql(Insert, replaces=True, **A)]),
        ("mysql", "DELETE a FROM a JOIN b ON a.id = b.id WHERE b.x = 1", [sql(Delete, where="b.x = 1", **A)]),
        ("mysql", "DELETE FROMA USING b WHERE c", [sql(Unrecognised, sql="DELETE FROMA USING b WHERE c")]),
        ("mysql", "SELECT 1 /*!50000 INTO OUTFILE 'x' */", [
            sql(Unrecognised, sql="SELECT 1 /*!50000 INTO OUTFILE 'x' */")
        ]),
        ("mysql", "ALTER TABLE a CHANGE b c int NOT NULL, DROP INDEX i", [
            sql(AlterColumn, column="b", type="int", nullable=False, rename_to="c", **A),
            sql(DropIndex, name="i", **A),
        ]),
        ("mysql", "ALTER TABLE a DROP PARTITION p", [sql(Unrecognised, sql="ALTER TABLE a DROP PARTITION p")]),
        ("mysql", "RENAME TABLE a TO b", [sql(RenameTable, to="b", **A)]),
    ],
)  # fmt: skip
def test_other_dialects_are_read_as_they_mean_it(dialect, text, operations):
    assert read(text, dialect) == operations


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT wipe()", True),
        ("CALL tidy()", True),
        ("SELECT wipe(id) FROM a", False),
        ("SELECT dblink_exec('x')", False),
        ("DO $$ BEGIN EXECUTE 'DROP TABLE a'; END $$", True),
        ("DO $$ BEGIN FOR r IN SELECT * FROM a LOOP EXECUTE r.x; END LOOP; END $$", False),
        ("DO $$ BEGIN FOR r IN SELECT * FROM pg_tables LOOP EXECUTE r.x; END LOOP; END $$", True),
        ("EXECUTE p", False),
        ("COPY a FROM PROGRAM 'x'", False),
    ],
)
def test_a_run_on_an_empty_copy_tells_all_only_where_rows_do_not_matter(text, told):
    assert told_by_running(text, "postgresql") is told


# Recordings


def statement(text, line=5, operation=None, **measured):
    return {
        "sql": text, "line": line, "operation": operation, "autocommit": False, "milliseconds": 0.1, "rows": None,
        "transaction": 1, "error": None, "measured": {"complete": True, **measured} if measured else None,
    }  # fmt: skip


def locks(*tables, mode="RowExclusiveLock"):
    return [{"mode": mode, "table": table} for table in tables]


def revision_of(operations=(), statements=(), dialect="postgresql", **entry):
    upgrade = {"operations": list(operations), "statements": list(statements)}
    reply = {
        "path": [{"revision": "r1", "message": "one", "path": "versions/r1.py", "down_revisions": []}],
        "revisions": {"r1": {"upgraded": True, "downgraded": True, "upgrade": upgrade, **entry}},
    }
    return read_path(reply, dialect, "public")[0]


def kinds(revision):
    return [type(op).__name__ for op in revision.upgrade]


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        pytest.param("SET search_path TO app; DROP TABLE a; DROP TABLE public.b", ["app.a", "b"], id="one schema"),
        pytest.param('SET LOCAL search_path = "app", public; DELETE FROM a; DELETE FROM c', ["app.a", "c"],
                     id="looked up in both"),
        pytest.param("SET search_path TO app, public; CREATE TABLE c (id int)", ["app.c"], id="made in the first"),
        pytest.param("SET search_path TO public, app; DELETE FROM c", ["c"], id="the default one"),
        pytest.param("SELECT set_config('search_path', 'app', true); TRUNCATE a", ["app.a"], id="by a function"),
        pytest.param("SET search_path TO app; RESET search_path; DELETE FROM c", ["c"], id="put back"),
    ],
)  # fmt: skip
def test_a_search_path_says_which_table_is_meant(text, tables):
    reply = {
        "path": [{"revision": "r1"}],
        "revisions": {"r1": {"upgraded": True, "upgrade": {"operations": [], "statements": [statement(text)]}}},
        "schema": {"table app.a": "", "table b": "", "table c": ""},
    }

    [revision] = read_path(reply, "postgresql", "public")
    assert [table for op in revision.upgrade for table in op.tables] == tables


def test_directives_and_loose_statements_come_in_the_order_they_were_sent():
    revision = revision_of(
        [
            {"kind": "drop_table", "op": "DropTableOp", "line": 7, "table": "b", "statements": [1]},
            {"kind": "execute", "op": "ExecuteSQLOp", "line": 9, "sql": "DELETE FROM d", "statements": [3]},
        ],
        [statement("DELETE FROM a"), statement("DROP TABLE b"), statement("DELETE FROM c"), statement("DELETE FROM d")],
    )

    assert [(type(op).__name__, op.table) for op in revision.upgrade] == [
        ("Delete", "a"), ("DropTable", "b"), ("Delete", "c"), ("Delete", "d")
    ]  # fmt: skip
    assert [op.line for op in revision.upgrade] == [5, 7, 5, 5]


def test_what_a_directive_sends_besides_is_an_operation_too():
    item = {"kind": "add_column", "op": "AddColumnOp", "line": 7, "table": "a", "statements": [0, 1],
            "column": {"name": "b", "type": "TEXT", "nullable": True}}  # fmt: skip
    sent = [statement("ALTER TABLE a ADD COLUMN b TEXT"), statement("CREATE INDEX ix_a_b ON a (b)")]

    assert kinds(revision_of([item], sent)) == ["AddColumn", "CreateIndex"]


def test_a_text_that_a_block_executes_is_read():
    (op,) = read("DO $$ BEGIN EXECUTE 'DROP TABLE a'; END $$", "postgresql", "public")

    assert isinstance(op, DropTable)


def test_a_table_that_a_block_drops_is_a_dropped_table():
    dropped = [{"kind": kind, "name": name} for kind, name in
               (("table", "a"), ("table column", "a.id"), ("table constraint", "a.a_pkey"), ("index", "a_pkey"))
    ]  # fmt: skip
    block = "DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'a'; END $$"

    sent = statement(block, locks=locks("a", mode="AccessExclusiveLock"), dropped=dropped)
    (op,) = revision_of(statements=[sent]).upgrade

    assert isinstance(op, DropTable)
    assert (op.table, op.from_effect, op.line) == ("a", True, 5)


def test_a_cascade_is_seen_in_other_tables():
    dropped = [{"kind": kind, "name": name} for kind, name in
               (("table", "a"), ("view", "v"), ("table constraint", "b.b_a_fkey"), ("table constraint", "a.a_pkey"))
    ]  # fmt: skip
    found = revision_of(statements=[statement("DROP TABLE a CASCADE", dropped=dropped)]).upgrade

    assert [(type(op).__name__, op.from_effect) for op in found] == [
        ("DropTable", False), ("DropObject", True), ("DropConstraint", True)
    ]  # fmt: skip
    assert found[2].table == "b"


@pytest.mark.parametrize(
    ("text", "measured", "found"),
    [
        pytest.param("SELECT f()", {"locks": []}, ["Harmless"], id="seen to do nothing"),
        pytest.param("SELECT f()", {"locks": locks("a")}, ["Unrecognised"], id="seen to write"),
        pytest.param("SELECT f()", {"complete": False}, ["Unrecognised"], id="not watched by event triggers"),
        pytest.param("SELECT f(id) FROM a", {"locks": []}, ["Unrecognised"], id="never called on an empty table"),
        pytest.param("CALL p()", {"scanned": ["a"]}, ["Unrecognised"], id="depends on rows"),
        pytest.param("CALL p()", {"rewritten": ["a"], "locks": locks("a", mode="AccessExclusiveLock")}, ["Truncate"],
                     id="truncates"),
        pytest.param("CALL p()", {"altered": [["table", "a"]], "locks": locks("a", mode="AccessExclusiveLock")},
                     ["Unrecognised"], id="alters in a way that is not told"),
        pytest.param("CALL p()", {"created": [["table", "n"]]}, ["CreateTable"], id="makes a table"),
        pytest.param("UPDATE a SET b = 1", {"locks": locks("a")}, ["Update"], id="writes what it says"),
        pytest.param("UPDATE a SET b = 1", {"locks": locks("a", "audit")}, ["Update", "Unrecognised"],
                     id="a trigger writes elsewhere"),
        pytest.param("UPDATE a SET b = 1", {"locks": locks("a", "a_2024")}, ["Update"], id="partitions"),
        pytest.param("SELECT count(*) FROM a", {"locks": locks("a")}, ["Unrecognised"], id="a read that writes"),
        pytest.param("-- sent through the driver, past SQLAlchemy", {"locks": locks("a")}, ["Unrecognised"],
                     id="no text at all"),
        pytest.param("-- nothing", {"locks": []}, ["Harmless"], id="only a comment"),
    ],
)  # fmt: skip
def test_what_was_measured_wins(text, measured, found):
    assert kinds(revision_of(statements=[statement(text, **{"locks": [], **measured})])) == found


def test_a_block_after_a_write_may_write_again_without_a_new_lock():
    sent = [statement("UPDATE a SET b = 1", locks=locks("a")), statement("CALL p()", locks=[])]
    found = revision_of(statements=sent).upgrade

    assert isinstance(found[1], Unrecognised)
    assert found[1].writes == ("a",)


def test_a_statement_that_was_cut_off_is_unrecognised():
    assert "Unrecognised" in kinds(revision_of(statements=[statement("SELECT 1 -- " + "x" * 20_000)]))


def test_a_custom_operation_is_known_by_what_it_sends():
    item = {"kind": "custom", "op": "DropEverythingOp", "line": 7, "statements": [0]}

    assert kinds(revision_of([item], [statement("DROP TABLE a")])) == ["DropTable"]
    assert kinds(revision_of([{**item, "statements": []}])) == ["Unrecognised"]


@pytest.mark.parametrize("owned", [True, False], ids=["sent by the directive", "sent by nobody"])
def test_the_copy_that_batch_mode_makes_is_not_a_drop(owned):
    sent = [
        statement("CREATE TABLE _alembic_tmp_a (id INTEGER NOT NULL)"),
        statement("INSERT INTO _alembic_tmp_a (id) SELECT a.id FROM a"),
        statement("DROP TABLE a"),
        statement("ALTER TABLE _alembic_tmp_a RENAME TO a"),
        statement("DELETE FROM a"),
    ]
    item = {"kind": "drop_column", "op": "DropColumnOp", "line": 7, "table": "a", "column": "b", "batch": True,
            "statements": [0, 1, 2, 3] if owned else []}  # fmt: skip
    revision = revision_of([item], sent, dialect="sqlite")

    assert sorted(kinds(revision)) == ["Delete", "DropColumn"]


def test_a_table_dropped_and_renamed_by_hand_is_a_drop():
    sent = [statement("CREATE TABLE new_a (id int)"), statement("DROP TABLE a"),
            statement("ALTER TABLE new_a RENAME TO a")]  # fmt: skip

    assert "DropTable" in kinds(revision_of(statements=sent, dialect="sqlite"))


def test_tables_are_followed_along_the_path():
    def entry(*statements):
        return {"upgraded": True, "upgrade": {"operations": [], "statements": [statement(text) for text in statements]}}

    reply = {
        "path": [{"revision": name} for name in ("r1", "r2", "r3")],
        "revisions": {
            "r1": entry("CREATE TABLE n (id int)", "ALTER TABLE a RENAME TO b"),
            "r2": entry("ALTER TABLE b RENAME TO c", "CREATE TABLE IF NOT EXISTS maybe (id int)"),
            "r3": entry("SELECT 1"),
        },
    }
    first, second, third = read_path(reply, "postgresql", "public")

    assert first.created_before == frozenset()
    assert second.created_before >= {"n"}
    assert second.renamed == {"b": "a"}
    assert third.renamed == {"c": "a"}
    assert "maybe" not in third.created_before


def test_the_rehearsal_is_kept():
    error = {"message": "NotImplementedError: no", "sql": None, "line": 3, "sqlstate": None}
    revision = revision_of(downgraded=False, downgrade_error=error, restored=None)

    assert revision.rehearsed.downgrade_error.line == 3
    assert revision.operations(Direction.DOWNGRADE) == ()
