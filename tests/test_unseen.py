"""What hangs on rows is found where a rehearsal went past it, and is read into its place."""

import textwrap

import pytest

from alembic_mcp.operations import Direction
from alembic_mcp.review.engine import review
from alembic_mcp.review.questions import Facts
from alembic_mcp.review.reading import read_path
from alembic_mcp.review.rules.writes_data import unseen_loops
from alembic_mcp.workflows.complete import supplemented
from alembic_mcp.workflows.unseen import unseen

LOOP = """
def upgrade():
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id FROM persons")).fetchall()
    for row in rows:
        connection.execute(sa.text("DELETE FROM pets WHERE owner = :id"), {"id": row.id})
    op.execute("COMMENT ON TABLE pets IS NULL")
"""
BRANCH = """
def upgrade():
    found = op.get_bind().execute(sa.text("SELECT id FROM persons")).fetchone()
    if found:
        first = found[0]
        op.execute("DELETE FROM pets")
    else:
        op.execute("SELECT 1")
"""
SCHEMA = """
def upgrade():
    names = op.get_bind().execute(sa.text("SELECT tablename FROM pg_tables")).scalars()
    for name in names:
        op.execute(f"DROP TABLE {name}")
"""
LIST = """
def upgrade():
    op.get_bind().execute(sa.text("SELECT id FROM persons"))
    for name in ("a", "b"):
        op.execute(f"DELETE FROM {name}")
"""
COMPREHENSION = """
def upgrade():
    rows = op.get_bind().execute(sa.text("SELECT name FROM tenants")).fetchall()
    [op.drop_table(row.name) for row in rows]
    [op.drop_table(row.name) for row in op.get_bind().execute(sa.text("SELECT name FROM tenants"))]
    names = [row.name for row in rows]
    [op.drop_index(name) for name in ("a", "b")]
"""
COLLECTED = """
def upgrade():
    session = Session(op.get_bind())
    wanted = []
    for row in session.execute(sa.text("SELECT id FROM persons")):
        wanted.append(row.id)
    for one in wanted:
        session.execute(sa.text("UPDATE pets SET owner = NULL WHERE owner = :id"), {"id": one})
"""


def statement(sql, line, **more):
    return {"sql": sql, "line": line, **more}


@pytest.mark.parametrize(
    ("source", "ran", "lines"),
    [
        pytest.param(LOOP, [statement("SELECT id FROM persons", 4), statement("COMMENT", 7)], [6], id="a loop"),
        pytest.param(LOOP, [statement("SELECT id FROM persons", 4), statement("DELETE", 6)], [], id="a loop that ran"),
        pytest.param(LOOP, [statement("COMMENT", 7)], [], id="nothing was read"),
        pytest.param(BRANCH, [statement("SELECT id FROM persons", 3), statement("SELECT 1", 8)], [5, 6], id="a branch"),
        pytest.param(SCHEMA, [statement("SELECT tablename FROM pg_tables", 3)], [], id="the copy has the schema"),
        pytest.param(LIST, [statement("SELECT id FROM persons", 3)], [], id="it hangs on no row"),
        pytest.param(
            COMPREHENSION,
            [statement("SELECT name FROM tenants", 3), statement("SELECT name FROM tenants", 5)],
            [4, 5],
            id="comprehensions",
        ),
        pytest.param(COLLECTED, [statement("SELECT id FROM persons", 5)], [6, 8], id="collected first"),
    ],
)
def test_blocks_that_hang_on_rows_and_did_not_run_are_found(source, ran, lines):
    found = unseen(textwrap.dedent(source), "upgrade", {"statements": ran, "operations": []})

    assert [line for block in found for line in block] == lines


def test_a_change_of_the_schema_that_hangs_on_rows_is_never_passed_over():
    ran = [statement("SELECT name FROM tenants", 4, measured={"complete": True}, transaction=1)]
    recorded = {"upgraded": True, "downgraded": True, "upgrade": {"operations": [], "statements": ran}}
    lost = 'op.execute(f"ALTER TABLE {row.name}.pets DROP COLUMN fax")'
    unreadable = [
        {"kind": "unreadable", "op": text, "line": line, "statements": []}
        for line, text in ((5, "op.drop_table(row.name)"), (6, lost), (7, 'op.execute(f"UPDATE {row.name}")'))
    ]
    read = {"upgrade": {"operations": unreadable, "statements": []}}

    found = supplemented(recorded, read, {"upgrade": [range(5, 8)]})
    [revision] = read_path({"path": [{"revision": "r"}], "revisions": {"r": found}}, "postgresql", "public")

    judged = review([revision], Facts(), "postgresql", running=Direction.UPGRADE)
    assert [(one.rule, one.line) for one in judged] == [("unrecognised-statement", 5), ("unrecognised-statement", 6)]


def test_what_is_read_there_is_judged_in_its_place():
    ran = [statement("SELECT id FROM persons", 4, measured={"complete": True}, transaction=1),
           statement("COMMENT ON TABLE pets IS NULL", 7, measured={"complete": True}, transaction=1)]  # fmt: skip
    recorded = {"upgraded": True, "downgraded": True, "upgrade": {"operations": [], "statements": ran}}
    read = {"upgrade": {"operations": [
        {"kind": "execute", "op": "execute", "line": 6, "sql": "DELETE FROM pets WHERE owner = :id", "statements": []},
        {"kind": "unreadable", "op": "helper(row)", "line": 6, "statements": []},
        {"kind": "execute", "op": "execute", "line": 7, "sql": "COMMENT ON TABLE pets IS NULL", "statements": []},
    ], "statements": []}}  # fmt: skip

    found = supplemented(recorded, read, {"upgrade": [range(6, 7)]})
    [revision] = read_path({"path": [{"revision": "r"}], "revisions": {"r": found}}, "postgresql", "public")

    assert [op.line for op in revision.upgrade] == [4, 6, 7]
    judged = review([revision], Facts(), "postgresql", running=Direction.UPGRADE)
    assert [(one.rule, one.line, one.table) for one in judged] == [("delete-rows", 6, "pets")]


BULK = """
def upgrade():
    session = Session(op.get_bind())
    for owner in session.query(Owner):
        for pet in owner.pets:
            session.add(Pet(name=pet.name))
    session.bulk_save_objects([Pet(name=one.name) for one in session.query(Owner)])
"""


OBJECTS = """
def upgrade():
    session = Session(op.get_bind())
    for pet in session.query(Pet).filter(Pet.name == None):
        pet.name = "nobody"
    for pet in session.query(Pet):
        print(pet.name)
    session.commit()
"""


def test_a_loop_that_sets_attributes_of_objects_writes():
    assert list(unseen_loops(OBJECTS, Direction.UPGRADE, set())) == [4]
    assert list(unseen_loops(OBJECTS.replace("ession", "elf"), Direction.UPGRADE, set())) == []


def test_loops_and_bulk_writes_that_sent_nothing_are_told_once():
    assert sorted(unseen_loops(BULK, Direction.UPGRADE, {3})) == [4, 7]
    assert sorted(unseen_loops(BULK, Direction.UPGRADE, {6, 7})) == []
