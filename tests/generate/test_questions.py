"""Questions instead of guesses: with what the real rows say, stable, answered by id, and never about nothing."""

import pytest
from generating import open_shop
from tiny_projects import on_sqlite

from alembic_mcp.errors import NotDone
from alembic_mcp.workflows.asking import check_fills

pytestmark = pytest.mark.anyio

USERS = """
users = Table(
    "users", metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50), nullable=False),
    Column("email", String(80)),
)
"""
ROWS = ["INSERT INTO users (id, name, email) VALUES (47, 'Ada', NULL), (102, 'Bob', 'b@x.org'), (381, 'Cy', NULL)"]
LAST = 'Column("email", String(80)),'


@pytest.fixture
def ask(app, tmp_path):
    """``await ask(place, after, rows, ...)``: the report of what is generated, and the project."""

    async def asked(place, after, rows=ROWS, *, before=USERS, **args):
        folder = tmp_path / "shop"
        shop = open_shop(app, folder, place, before=before, after=after, rows=rows)
        report = await shop.generate("change", **args)
        if report.status == "needs_answer":
            assert shop.files == []
        return report

    return asked


async def test_a_dropped_column_is_asked_about_with_its_values(ask, place):
    report = await ask(place, USERS.replace(LAST, ""))
    (question,) = report.questions
    assert question.id == "drop-column:users.email"
    assert (
        question.question == "The models no longer have users.email: shall it be dropped, with 1 value of users.email?"
    )
    assert [(option.choice, option.how) for option in question.options] == [
        (choice, {"answers": {"drop-column:users.email": choice}}) for choice in ("drop", "park", "leave")
    ]
    assert "Loses 1 value of users.email;" in question.options[0].effect


@pytest.mark.parametrize(
    "rows",
    [[], ["INSERT INTO users (id, name) VALUES (1, 'Ada')"]],
    ids=["no-rows", "no-values"],
)
async def test_a_dropped_column_without_values_is_not_asked_about(ask, place, rows):
    report = await ask(place, USERS.replace(LAST, ""), rows)
    assert (report.status, report.questions) == ("done", [])


async def test_what_is_left_alone_stays_in_the_database(ask, place):
    answers = {"drop-column:users.email": "leave"}
    report = await ask(place, USERS.replace(LAST, 'Column("born", Date),'), answers=answers)
    assert report.status == "done"
    assert not any("email" in line for line in report.statements.upgrade)


async def test_models_that_are_not_imported_are_no_question_of_what_to_drop(ask, place):
    more = "".join(f'{name} = Table("{name}", metadata, Column("id", Integer, primary_key=True))\n' for name in "abc")
    rows = [*ROWS, *(f"INSERT INTO {name} (id) VALUES (1)" for name in "abc")]
    with pytest.raises(NotDone, match="most likely their modules are not imported"):
        await ask(place, USERS, rows, before=USERS + more)


async def test_a_new_required_column_offers_the_default_of_the_model(ask, place):
    after = USERS.replace(LAST, LAST + 'Column("verified", Boolean, nullable=False, default=False),')
    report = await ask(place, after)
    (question,) = report.questions
    assert question.id == "fill:users.verified"
    assert "3 rows of users" in question.question
    assert [option.choice for option in question.options] == ["default", "expression", "no-rows"]
    assert question.options[0].how == {"fills": {"users.verified": "false" if place.is_postgresql else "0"}}


FILLED = "p = Table('p', metadata, Column('id', Integer, primary_key=True))\n" + USERS
NEEDS = FILLED.replace(
    LAST,
    LAST + "Column('n', Integer, ForeignKey('p.id'), nullable=False), Column('code', String(9), unique=True),",
)


@pytest.mark.parametrize(
    ("name", "fill", "says"),
    [
        pytest.param(
            "users.n",
            "77",
            "3 rows of users (id 47, 102, 381) get a value for users.n that p has no row",
            id="orphans of a constant",
        ),
        pytest.param("users.n", "users.id", "that p has no row with", id="orphans of an expression"),
        pytest.param("users.n", "(SELECT id FROM p WHERE p.id = 0)", "get no value for users.n", id="no value"),
        pytest.param("users.code", "'x'", "the same value for users.code as another row", id="not unique"),
    ],
)
async def test_a_fill_that_the_rows_can_not_have_is_asked_about(name, fill, says, ask, place):
    rows = [*ROWS, "INSERT INTO p (id) VALUES (1), (2)"]
    report = await ask(place, NEEDS, rows, before=FILLED, fills={"users.n": "1", name: fill})
    (question,) = report.questions
    assert says in question.question


WRONG = [
    ({"fills": {"users.n": "nosuch"}}, "The fill for users.n can't be used"),
    ({"fills": {"users.n": "(SELECT id FROM nosuch)"}}, "The fill for users.n can't be used"),
    ({"fills": {"users.n": "'abc'"}}, "The fill for users.n can't be used"),
    ({"fills": {"users.n": "users.name"}}, "The fill for users.n can't be used"),
    ({"fills": {"users.n": "{}"}}, "can't be used"),
    ({"fills": {"users.n": "0; DROP TABLE users"}}, "not one SQL expression"),
    ({"fills": {"users.n": "1", "nosuch.n": "1"}}, "fits nothing"),
    ({"fills": {"users.n": "1", "users.n; DROP TABLE users": "1"}}, "fits nothing"),
    ({"answers": {"enum-value:mood.x": "keep"}}, "There is no question"),
    ({"answers": {"rewrite:users.name": "expand"}}, "There is no question"),
    ({"answers": {"fill:users.n": "default"}}, "no answer"),
    ({"answers": {"": ""}}, "There is no question"),
    ({"renames": [{"table": "users", "from": "email", "to": "n"}]}, "can't be renamed"),
    ({"renames": [{"from": "users", "to": "nosuch"}]}, "can't be renamed"),
    ({"renames": [{}]}, "needs 'from' and 'to'"),
]


async def test_what_is_told_wrong_is_refused_and_nothing_is_written(app, place, tmp_path):
    rows = [*ROWS, "INSERT INTO p (id) VALUES (1), (2)"]
    shop = open_shop(app, tmp_path / "shop", place, before=FILLED, after=NEEDS, rows=rows)
    for args, says in WRONG:
        with pytest.raises(NotDone, match=says) as raised:
            await shop.generate("change", **args)
        assert raised.value.next_steps, args
        assert shop.files == [], args
    assert place.run("SELECT count(*) FROM users") == [(3,)]


async def test_a_column_that_is_left_alone_is_not_dropped_where_nothing_else_changes(app, place, tmp_path):
    shop = open_shop(app, tmp_path / "shop", place, before=USERS, after=USERS.replace(LAST, ""), rows=ROWS)
    report = await shop.generate("leave it", answers={"drop-column:users.email": "leave"})
    assert (report.status, report.files, shop.files) == ("done", [], [])


async def test_an_answer_stays_good_when_a_later_one_takes_its_question_away(app, place, tmp_path):
    after = USERS.replace(LAST, 'Column("mail", String(80), nullable=False),')
    shop = open_shop(app, tmp_path / "shop", place, before=USERS, after=after, rows=ROWS)
    told = {}
    for expected in (["rename:users.email"], ["fill:users.mail"]):
        report = await shop.generate("change", **told)
        assert [question.id for question in report.questions] == expected
        told["answers"] = {"rename:users.email": "drop"}
    told["fills"] = {"users.mail": "'none'"}
    report = await shop.generate("change", **told)
    assert (report.status, report.ready_to_commit) == ("done", True), (report, shop.files)


async def test_what_becomes_required_tells_the_rows_that_lack_it(ask, place):
    after = USERS.replace('"email", String(80)', '"email", String(80), nullable=False, default="none"')
    report = await ask(place, after)
    (question,) = report.questions
    assert question.id == "fill:users.email"
    assert "2 rows where users.email is NULL (id 47, 381)" in question.question
    assert [option.choice for option in question.options] == ["default", "expression", "no-nulls"]


async def test_what_becomes_required_and_lacks_nowhere_is_no_question(ask, place):
    after = USERS.replace('"email", String(80)', '"email", String(80), nullable=False')
    report = await ask(place, after, ["INSERT INTO users (id, name, email) VALUES (1, 'Ada', 'a@x.org')"])
    assert (report.status, report.questions, report.ready_to_commit) == ("done", [], True)


async def test_a_choice_can_be_given_instead_of_its_arguments(ask, place):
    after = USERS.replace(LAST, LAST + 'Column("verified", Boolean, nullable=False, default=False),')
    report = await ask(place, after, answers={"fill:users.verified": "default"})
    assert (report.status, report.ready_to_commit) == ("done", True)


async def test_a_shorter_type_is_asked_about_only_where_values_do_not_fit(ask, postgresql):
    after = USERS.replace("String(50)", "String(2)")
    report = await ask(postgresql, after)
    (question,) = report.questions
    assert question.id == "narrow:users.name"
    assert "2 values of users.name that VARCHAR(2) can't hold (id 47, 102)" in question.question
    assert [option.choice for option in question.options] == ["narrow", "cut", "leave"]


async def test_values_are_cut_only_when_told(app, postgresql, tmp_path):
    after = USERS.replace("String(50)", "String(2)")
    shop = open_shop(app, tmp_path / "shop", postgresql, before=USERS, after=after, rows=ROWS)
    report = await shop.generate("shorter", answers={"narrow:users.name": "cut"})
    assert report.status == "done"
    assert "left(name, 2)" in "".join(shop.files)
    assert any("cut to 2 characters" in text for text in report.loses)


async def test_a_shorter_type_that_holds_all_values_is_no_question(ask, postgresql):
    report = await ask(postgresql, USERS.replace("String(50)", "String(40)"))
    assert (report.status, report.questions) == ("done", [])


@pytest.mark.parametrize(
    ("answers", "says", "step"),
    [
        pytest.param({"drop-column:users.nick": "drop"}, "There is no question", "drop-column:users.email", id="id"),
        pytest.param({"drop-column:users.email": "yes"}, "'yes' is no answer", "drop, park, leave", id="choice"),
        pytest.param({"nonsense": "x"}, "There is no question 'nonsense'", "drop-column:users.email", id="no-kind"),
    ],
)
async def test_an_answer_to_nothing_names_what_can_be_answered(ask, tmp_path, answers, says, step):
    with pytest.raises(NotDone) as raised:
        await ask(on_sqlite(tmp_path), USERS.replace(LAST, ""), answers=answers)
    assert says in raised.value.message
    assert any(step in each for each in raised.value.next_steps)


async def test_a_fill_for_a_column_that_needs_none_is_an_error(ask, tmp_path):
    with pytest.raises(NotDone) as raised:
        await ask(on_sqlite(tmp_path), USERS.replace(LAST, LAST + 'Column("n", Integer),'), fills={"users.name": "'x'"})
    assert "The fill for users.name fits nothing" in raised.value.message
    assert any("users.n" in each for each in raised.value.next_steps)


@pytest.mark.parametrize(
    "fill",
    [
        "false", "'a;b'", "lower(name) || 'x'", "(SELECT max(id) FROM users)", "now() + interval '1 day'", "name::text",
        "CASE WHEN id > 1 THEN 1 ELSE 2 END", "nextval('numbers')", "'-- no comment'",
    ],
)  # fmt: skip
def test_one_expression_is_a_fill(fill):
    check_fills({"users.n": fill}, "postgresql")


@pytest.mark.parametrize(
    ("fill", "says"),
    [
        ("", "empty"),
        ("1; DROP TABLE users", "not one SQL expression"),
        ("1, 2", "more than one expression"),
        ("1) FROM users WHERE (true", "more than one expression"),
        ("id AS n", "more than one expression"),
        ("1) + (2", "more than one expression"),
        ("SELECT 1", "parentheses"),
        ("(WITH gone AS (DELETE FROM users RETURNING id) SELECT max(id) FROM gone)", "more than read"),
        ("(SELECT id FROM users FOR UPDATE)", "more than read"),
        ("id -- and more", "comment"),
        ("$1", "placeholder"),
        ("lo_import('/etc/passwd')", "does more than give a value"),
        ("setval('users_id_seq', 1)", "does more than give a value"),
        ("1\x00", "not one SQL expression"),
    ],
)
def test_more_than_an_expression_is_no_fill(fill, says):
    with pytest.raises(NotDone, match=says):
        check_fills({"users.n": fill}, "postgresql")
