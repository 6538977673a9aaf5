"""Renames: nothing is one untold; what is told keeps the values, and whatever carries the old name gets the new one."""

import pytest
from generating import open_shop
from tiny_projects import on_sqlite

from alembic_mcp.errors import NotDone

pytestmark = pytest.mark.anyio

TEAMS = """
teams = Table("teams", metadata, Column("id", Integer, primary_key=True), Column("label", String(20), unique=True))
"""
PERSONS = (
    TEAMS
    + """
persons = Table(
    "persons", metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50), index=True),
    Column("badge", String(10), unique=True),
    Column("team_id", ForeignKey("teams.id")),
)
"""
)
ROWS = [
    "INSERT INTO teams (id, label) VALUES (7, 'blue')",
    "INSERT INTO persons (id, name, badge, team_id) VALUES (1, 'Ada', 'a', 7), (2, 'Bob', 'b', NULL)",
]


def column(old, new, table="persons"):
    return {"table": table, "from": old, "to": new}


def there_and_back(stock, shop):
    done = stock.run(shop.folder, ("upgrade", "head"), ("check",), ("downgrade", "start"), ("upgrade", "head"))
    assert [state for state, _ in done] == ["ok"] * 4, f"{done}\n{shop.files}"


async def test_renamed_columns_keep_values_and_their_indexes_and_constraints_follow(app, stock, place, tmp_path):
    after = (
        PERSONS.replace('"name", String(50)', '"full_name", String(80)')
        .replace('"badge"', '"code"')
        .replace('"team_id"', '"crew_id"')
    )
    shop = open_shop(app, tmp_path / "shop", place, before=PERSONS, after=after, rows=ROWS)
    renames = [column("name", "full_name"), column("badge", "code"), column("team_id", "crew_id")]
    report = await shop.generate("rename", renames=renames)
    assert (report.status, report.ready_to_commit) == ("done", True), (report, shop.files)
    (text,) = shop.files
    assert "drop_column" not in text
    assert "add_column" not in text
    there_and_back(stock, shop)
    assert place.run("SELECT id, full_name, code, crew_id FROM persons ORDER BY id") == [
        (1, "Ada", "a", 7),
        (2, "Bob", "b", None),
    ]
    if place.is_postgresql:
        names = place.run(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'persons'::regclass AND contype <> 'n' UNION "
            "SELECT indexname FROM pg_indexes WHERE tablename = 'persons' ORDER BY 1"
        )
        assert [name for (name,) in names] == [
            "ix_persons_full_name",
            "persons_code_key",
            "persons_crew_id_fkey",
            "persons_pkey",
        ]


async def test_a_renamed_table_keeps_rows_and_foreign_keys_to_it(app, stock, place, tmp_path):
    after = PERSONS.replace('"teams"', '"crews"').replace("teams.id", "crews.id")
    shop = open_shop(app, tmp_path / "shop", place, before=PERSONS, after=after, rows=ROWS)
    report = await shop.generate("rename", renames=[{"from": "teams", "to": "crews"}])
    assert (report.status, report.ready_to_commit) == ("done", True), (report, shop.files)
    there_and_back(stock, shop)
    assert place.run("SELECT id, label FROM crews") == [(7, "blue")]
    if place.is_postgresql:
        names = place.run("SELECT relname FROM pg_class WHERE relname LIKE 'crews%' ORDER BY 1")
        assert [name for (name,) in names] == ["crews", "crews_id_seq", "crews_label_key", "crews_pkey"]


async def test_a_table_and_its_column_are_renamed_together_with_other_changes(app, stock, place, tmp_path):
    after = TEAMS + (
        'people = Table("people", metadata, Column("id", Integer, primary_key=True),'
        ' Column("full_name", String(50), index=True), Column("badge", String(10), unique=True),'
        ' Column("born", Date), Column("team_id", ForeignKey("teams.id")))'
    )
    shop = open_shop(app, tmp_path / "shop", place, before=PERSONS, after=after, rows=ROWS)
    renames = [column("name", "full_name"), {"from": "persons", "to": "people"}]
    report = await shop.generate("rename", renames=renames)
    assert (report.status, report.ready_to_commit) == ("done", True), (report, shop.files)
    there_and_back(stock, shop)
    assert place.run("SELECT full_name, badge, born FROM people ORDER BY id") == [
        ("Ada", "a", None),
        ("Bob", "b", None),
    ]


async def test_columns_that_swap_their_kind_are_no_candidates(app, place, tmp_path):
    after = PERSONS.replace('Column("name", String(50), index=True)', 'Column("age", Integer)')
    shop = open_shop(app, tmp_path / "shop", place, before=PERSONS, after=after, rows=ROWS)
    report = await shop.generate("swap")
    assert [question.id for question in report.questions] == ["drop-column:persons.name"]
    assert shop.files == []


async def test_several_candidates_are_all_offered_and_an_answer_is_as_good_as_a_rename(app, stock, place, tmp_path):
    after = PERSONS.replace(
        'Column("name", String(50), index=True)', 'Column("nickname", String(50)), Column("full_name", String(50))'
    )
    shop = open_shop(app, tmp_path / "shop", place, before=PERSONS, after=after, rows=ROWS)
    report = await shop.generate("rename")
    (question,) = report.questions
    assert question.id == "rename:persons.name"
    assert [option.choice for option in question.options] == [
        "rename to full_name",
        "rename to nickname",
        "drop",
        "park",
    ]
    assert question.options[0].how == {"renames": [column("name", "full_name")]}
    assert question.options[2].effect.startswith("Loses 2 values of persons.name;")
    again = await shop.generate("rename")
    assert again.questions == report.questions
    report = await shop.generate("rename", answers={"rename:persons.name": "rename to full_name"})
    assert (report.status, report.ready_to_commit) == ("done", True), (report, shop.files)
    there_and_back(stock, shop)
    assert place.run("SELECT full_name, nickname FROM persons ORDER BY id") == [("Ada", None), ("Bob", None)]


@pytest.mark.parametrize(
    ("renames", "says"),
    [
        pytest.param([column("nam", "full_name")], "no column nam is dropped from persons", id="unknown-old"),
        pytest.param([column("name", "fullname")], "no column fullname is added to persons", id="unknown-new"),
        pytest.param([column("name", "full_name", "people")], "no column name is dropped from people", id="table"),
        pytest.param([{"from": "persons", "to": "people"}], "no table persons is dropped", id="tables"),
        pytest.param([{"table": "persons", "from": "name"}], "needs 'from' and 'to'", id="incomplete"),
        pytest.param([column("name", "full_name"), column("badge", "full_name")], "no column badge", id="twice"),
    ],
)
async def test_a_wrong_rename_says_what_could_be_renamed(app, tmp_path, renames, says):
    place = on_sqlite(tmp_path)
    after = PERSONS.replace('"name", String(50), index=True', '"full_name", String(50)')
    shop = open_shop(app, tmp_path / "shop", place, before=PERSONS, after=after, rows=ROWS)
    with pytest.raises(NotDone) as raised:
        await shop.generate("rename", renames=renames)
    assert says in raised.value.message
    assert "Nothing was written." in raised.value.message
    assert shop.files == []
