"""What an option says has to be added to the next call is taken as it stands there, for every kind of question."""

import pytest
from generate_cases import CASES, typed
from generating import open_shop
from test_numbers_and_keys import SERIAL, A, t

pytestmark = [pytest.mark.anyio, pytest.mark.thorough]

ELSEWHERE = {
    "compute-column": {
        "before": t(SERIAL, A, 'Column("c", Integer)'),
        "after": t(SERIAL, A, 'Column("c", Integer, Computed("a + 1", persisted=True))'),
        "rows": ["INSERT INTO t (a, c) VALUES (7, 1)"],
    },
    "narrow": typed("String(50)", "String(5)", ["'short'", "'much too long'"]),
    "rewrite": {
        **typed("Integer", "BigInteger", []),
        "rows": ["INSERT INTO t (id, v) SELECT g, g FROM generate_series(1, 200) g", "ANALYZE t"],
    },
}
PLACEHOLDER = "<SQL expression>"


def of_each_kind():
    """A case that asks a question of each kind: the first one of the table, or one of those above."""
    found = {}
    for case in CASES:
        for question in case.asks if "postgresql" in case.on else ():
            known = {"before": case.before, "after": case.after, "rows": case.rows, "naming": case.naming}
            found.setdefault(question.partition(":")[0], known)
    found.update(ELSEWHERE)
    return [pytest.param(kind, known, id=kind) for kind, known in found.items()]


@pytest.mark.parametrize(("kind", "known"), of_each_kind())
async def test_how_to_choose_an_option_works_as_it_stands_there(app, postgresql, tmp_path, kind, known):
    shop = open_shop(app, tmp_path / "shop", postgresql, **known)
    (shop.folder / "pyproject.toml").write_text("[tool.alembic-mcp]\nlarge_rows = 100\n", "utf-8")
    asked = await shop.generate("change")
    question = next(each for each in asked.questions if each.id.partition(":")[0] == kind)
    assert len(question.options) > 1
    for option in question.options:
        how = option.how
        if PLACEHOLDER in str(how):  # what only the developer knows
            assert how == {"fills": {question.id.partition(":")[2]: PLACEHOLDER}}
            how = {"fills": dict.fromkeys(how["fills"], "false")}
        report = await shop.generate("change", **how)
        assert question.id not in [each.id for each in report.questions], (option, report.summary)
        assert report.status in ("done", "needs_answer"), (option, report)
        assert report.rehearsal is None or report.rehearsal.status == "passed", (option, report.rehearsal, shop.files)
        for path in shop.paths:
            path.unlink()


def test_the_kinds_of_question_are_all_there():
    kinds = {param.id for param in of_each_kind()}
    assert kinds == {"rename", "drop-column", "drop-table", "fill", "enum-value", *ELSEWHERE}
