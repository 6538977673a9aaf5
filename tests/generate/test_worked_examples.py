"""The three changes that everybody makes, from the models to the changed database and back."""

import pytest
from generating import open_shop
from tiny_projects import Place

pytestmark = pytest.mark.anyio

PERSONS = """
persons = Table(
    "persons", metadata,
    Column("id", String(36), primary_key=True),
    Column("first_name", String(50), nullable=False),
    Column("last_name", String(50), nullable=False),
)
"""
USERS = """
users = Table("users", metadata, Column("id", Integer, primary_key=True), Column("email", String(80), nullable=False))
"""
ROTATIONS = """
rotations = Table(
    "rotations", metadata, Column("id", Integer, primary_key=True), Column("name", String(40), unique=True)
)
"""
ASSIGNMENTS = (
    ROTATIONS
    + """
assignments = Table(
    "assignments", metadata,
    Column("id", Integer, primary_key=True),
    Column("rotation_name", String(40), nullable=False),
)
"""
)
LINKED = ASSIGNMENTS.replace(
    'Column("rotation_name", String(40), nullable=False)',
    'Column("rotation_id", ForeignKey("rotations.id", ondelete="RESTRICT"), nullable=False)',
)
LOOKUP = "(SELECT r.id FROM rotations r WHERE r.name = assignments.rotation_name)"
ASSIGNED = [
    "INSERT INTO rotations (id, name) VALUES (1, 'ward'), (2, 'clinic')",
    "INSERT INTO assignments (id, rotation_name) VALUES (1, 'ward'), (2, 'clinic'), (3, 'ward')",
]
ORPHANS = "INSERT INTO assignments (id, rotation_name) VALUES (47, 'wrad'), (102, ''), (381, 'gone')"


def applied(stock, shop, *steps):
    done = stock.run(shop.folder, *steps)
    assert [state for state, _ in done] == ["ok"] * len(steps), f"{done}\n{shop.files}"


async def test_an_optional_middle_name_is_one_plain_revision(app, stock, place, tmp_path):
    after = PERSONS.replace('Column("last_name"', 'Column("middle_name", String(50)), Column("last_name"')
    rows = ["INSERT INTO persons VALUES ('a', 'Ada', 'Lovelace')"]
    shop = open_shop(app, tmp_path / "shop", place, before=PERSONS, after=after, rows=rows)
    report = await shop.generate("Add middle_name to Person")
    assert (report.status, report.ready_to_commit, len(report.files)) == ("done", True, 1), shop.files
    assert report.files[0].message == "Add middle_name to Person"
    assert report.loses == []
    applied(stock, shop, ("upgrade", "head"), ("check",), ("downgrade", "start"), ("upgrade", "head"))
    assert place.run("SELECT first_name, middle_name FROM persons") == [("Ada", None)]


async def test_an_optional_column_is_filled_on_the_way_when_told(app, stock, place, tmp_path):
    after = PERSONS.replace('Column("last_name"', 'Column("full_name", String(101)), Column("last_name"')
    rows = ["INSERT INTO persons VALUES ('a', 'Ada', 'Lovelace')"]
    shop = open_shop(app, tmp_path / "shop", place, before=PERSONS, after=after, rows=rows)
    report = await shop.generate("full name", fills={"persons.full_name": "first_name || ' ' || last_name"})
    assert (report.status, report.ready_to_commit) == ("done", True), shop.files
    applied(stock, shop, ("upgrade", "head"), ("check",))
    assert place.run("SELECT full_name FROM persons") == [("Ada Lovelace",)]


async def test_a_required_column_takes_three_phases_after_a_question(app, stock, place, tmp_path):
    after = USERS.replace(
        'Column("email"', 'Column("email_verified", Boolean, nullable=False, default=False), Column("email"'
    )
    rows = ["INSERT INTO users (id, email) VALUES (1, 'a@x.org'), (2, 'b@x.org')"]
    shop = open_shop(app, tmp_path / "shop", place, before=USERS, after=after, rows=rows)
    asked = await shop.generate("email verified")
    assert (asked.status, shop.files) == ("needs_answer", [])
    (question,) = asked.questions
    assert "2 rows of users" in question.question
    report = await shop.generate("email verified", **question.options[0].how)
    assert (report.status, report.ready_to_commit) == ("done", True), shop.files
    if place.is_postgresql:
        messages = [file.message for file in report.files]
        assert messages == [f"email verified: {phase}" for phase in ("expand", "backfill", "contract")]
    applied(stock, shop, ("upgrade", "head"), ("check",), ("downgrade", "start"), ("upgrade", "head"))
    assert [bool(value) for (value,) in place.run("SELECT email_verified FROM users")] == [False, False]


async def test_a_name_gives_way_to_a_foreign_key_and_comes_back(app, stock, place, tmp_path):
    shop = open_shop(app, tmp_path / "shop", place, before=ASSIGNMENTS, after=LINKED, rows=ASSIGNED)
    fills = {"assignments.rotation_id": LOOKUP}
    asked = await shop.generate("link rotations", fills=fills)
    assert [question.id for question in asked.questions] == ["drop-column:assignments.rotation_name"]
    assert "3 values of assignments.rotation_name" in asked.questions[0].question
    report = await shop.generate("link rotations", fills=fills, **asked.questions[0].options[0].how)
    assert (report.status, report.ready_to_commit) == ("done", True), (report, shop.files)
    assert any("comes back from rotations.name" in text for text in report.loses)
    linked = "SELECT a.id, r.name FROM assignments a JOIN rotations r ON r.id = a.rotation_id ORDER BY a.id"
    names = [(1, "ward"), (2, "clinic"), (3, "ward")]
    applied(stock, shop, ("upgrade", "head"), ("check",))
    assert place.run(linked) == names
    applied(stock, shop, ("downgrade", "start"))
    assert place.run("SELECT id, rotation_name FROM assignments ORDER BY id") == names
    applied(stock, shop, ("upgrade", "head"))
    assert place.run(linked) == names


async def test_names_that_refer_to_nothing_are_reported_by_key_before_anything_is_written(app, stock, place, tmp_path):
    shop = open_shop(app, tmp_path / "shop", place, before=ASSIGNMENTS, after=LINKED, rows=[*ASSIGNED, ORPHANS])
    answers = {"drop-column:assignments.rotation_name": "drop"}
    asked = await shop.generate("link rotations", fills={"assignments.rotation_id": LOOKUP}, answers=answers)
    assert (asked.status, shop.files) == ("needs_answer", [])
    (question,) = asked.questions
    assert question.id == "unfilled:assignments.rotation_id"
    assert "3 rows of assignments (id 47, 102, 381) get no value for assignments.rotation_id" in question.question
    assert [option.choice for option in question.options] == ["expression", "mend-rows"]
    assert question.options[0].how == {"fills": {"assignments.rotation_id": f"coalesce({LOOKUP}, <SQL expression>)"}}
    fills = {"assignments.rotation_id": f"coalesce({LOOKUP}, 1)"}
    report = await shop.generate("link rotations", fills=fills, answers=answers)
    assert (report.status, report.ready_to_commit) == ("done", True), (report, shop.files)
    applied(stock, shop, ("upgrade", "head"), ("check",))
    assert place.run("SELECT id, rotation_id FROM assignments WHERE id > 40 ORDER BY id") == [
        (47, 1),
        (102, 1),
        (381, 1),
    ]


async def test_orphans_may_stay_null_where_the_column_may_be_null(app, stock, place, tmp_path):
    after = LINKED.replace(', ondelete="RESTRICT"), nullable=False', ")")
    shop = open_shop(app, tmp_path / "shop", place, before=ASSIGNMENTS, after=after, rows=[*ASSIGNED, ORPHANS])
    wish = {"fills": {"assignments.rotation_id": LOOKUP}, "keep_data": True}
    asked = await shop.generate("link rotations", **wish)
    (question,) = asked.questions
    assert [option.choice for option in question.options] == ["expression", "leave-null", "mend-rows"]
    report = await shop.generate("link rotations", **wish, **question.options[1].how)
    assert (report.status, report.ready_to_commit) == ("done", True), (report, shop.files)
    applied(stock, shop, ("upgrade", "head"), ("downgrade", "start"), ("upgrade", "head"), ("downgrade", "start"))
    assert place.run("SELECT rotation_name FROM assignments WHERE id = 381") == [("gone",)]


async def test_a_lookup_that_finds_several_rows_is_asked_about(app, database, tmp_path):
    before = ASSIGNMENTS.replace("unique=True", "unique=False")
    shop = open_shop(
        app,
        tmp_path / "shop",
        Place(database.url(), database.run),
        before=before,
        after=LINKED.replace("unique=True", "unique=False"),
        rows=[*ASSIGNED, "INSERT INTO rotations (id, name) VALUES (3, 'ward')"],
    )
    answers = {"drop-column:assignments.rotation_name": "drop"}
    asked = await shop.generate("link rotations", fills={"assignments.rotation_id": LOOKUP}, answers=answers)
    (question,) = asked.questions
    assert question.id == "unfilled:assignments.rotation_id"
    assert "more than one row" in question.question
