"""Puts what the real rows say into the questions of `generate`, and lets the data answer those that they settle."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import Refused
from ..review.questions import Answer, Duplicates, NonNullCount, Nulls, Question, RowCount, Unfit, Violators
from .app import App, Located

__all__ = ["Asked", "check_fills", "settled", "unfilled", "with_counts"]

BUDGET = 10.0  # seconds for all questions together
_MEND = "Correct the rows first, by hand or by a revision of kind='data', then call generate again as now."
LEAVE = "leave-null"
_MANY_ROWS = "more than one row"  # what PostgreSQL says of a subquery that should give one value
_FAILS = (_MANY_ROWS, "some of its values cannot be evaluated")
_ACTS = re.compile(
    r"^(pg_(read|write|ls|stat|file|sleep|terminate|cancel|reload|rotate|logical|replication|advisory|switch|promote)\w*"
    r"|lo_\w+|dblink\w*|set_config|setval|load_extension|readfile|writefile|edit|query_to_xml\w*|xpath_table)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Asked:
    """What has to be asked, and what no longer has to.

    Attributes:
        questions: as reports have them, with numbers in their texts.
        answers: id of a question -> choice: what the real rows leave no doubt about.
        warnings: one sentence each.
    """

    questions: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


async def settled(app: App, located: Located, rendered: Mapping[str, Any], answers: Mapping[str, str]) -> Asked:
    """What is left to ask of what the worker's call ``render`` came to; *answers* are those it was given."""
    asked = await with_counts(app, located, rendered.get("questions") or ())
    if asked.questions or asked.answers:
        return asked
    return await unfilled(app, located, rendered.get("fills") or (), answers)


async def with_counts(app: App, located: Located, questions: Sequence[Mapping[str, Any]]) -> Asked:
    """Count in the real database what *questions* (as the worker gives them) ask to be counted.

    Read only, within `BUDGET`. What can't be counted leaves the question as it is. Where something counts to zero,
    exactly, the question's own answer for that is given instead of asking.
    """
    del app
    from ..preflight import answer  # imports psycopg

    counts = {id_: [(_asked(each), each) for each in every] for id_, every in _counts(questions)}
    wanted = [asked for every in counts.values() for asked, _ in every]
    known = (await answer(located.target, wanted, budget=BUDGET)).answers if wanted else {}
    found = Asked()
    for question in questions:
        answered = [(known[asked], each) for asked, each in counts[question["id"]]]
        choices = {each.get("if_none") for _, each in answered}
        choice = next(iter(choices), None)
        if choice and len(choices) == 1 and all(_none(each) for each, _ in answered):
            found.answers[question["id"]] = choice
            continue
        found.questions.append(_in_numbers(question, answered))
    return found


async def unfilled(app: App, located: Located, fills: Iterable[Mapping[str, Any]], answers: Mapping[str, str]) -> Asked:
    """Ask about rows that get no value from their fill although the column is to be NOT NULL or a foreign key.

    The same for values that refer to no row, and values that several rows get although each has to be the only one.

    Args:
        app: the application.
        located: the real database; its rows are read, within `BUDGET`.
        fills: as the worker gives them: ``{"name", "table", "column", "new", "required", "references", "referenced",
            "type", "unique", "expression"}``.
        answers: those of the call: ``{"unfilled:t.c": "leave-null"}``.

    Raises:
        Refused: an answer that leaves null what must not be null.
    """
    del app
    from ..preflight import answer  # imports psycopg

    given = [each for each in fills if each["table"]]
    tried = {_without_value(each): each for each in given if each["required"] or each["references"]}
    refused = dict(_refusals(given))
    questions = [*tried, *refused]
    known = (await answer(located.target, questions, budget=BUDGET)).answers if questions else {}
    found = Asked()
    for asked, (each, words) in refused.items():
        if known[asked].rows:
            found.questions.append(_refused(each, known[asked], words))
        elif known[asked].rows is None and not any(words in (known[asked].problem or "") for words in _FAILS):
            problem = known[asked].problem
            found.warnings.append(f"Not all of the fill for {each['name']} was tried on the real rows: {problem}.")
    for asked, each in tried.items():
        name, said = f"unfilled:{each['name']}", known[asked]
        choice = answers.get(name)
        if choice is not None and (choice != LEAVE or each["required"]):
            allowed = "that can't be answered but by another expression" if each["required"] else f"it can be {LEAVE!r}"
            raise Refused(
                f"{choice!r} is no answer to {name!r}: {allowed}. Nothing was written.",
                f"Give an expression that has a value for every row: fills={{{each['name']!r}: 'coalesce(...)'}}.",
            )
        fails = said.problem is not None and any(words in said.problem for words in _FAILS)
        if said.rows and choice is None:
            found.questions.append(_question(name, each, said))
        elif fails:
            found.questions.append(_ambiguous(name, each, said))
        elif said.rows is None:
            found.warnings.append(f"The fill for {each['name']} was not tried on the real rows: {said.problem}.")
    return found


def check_fills(fills: Mapping[str, str], dialect: str) -> None:
    """Raises Refused unless each fill is one SQL expression that only reads.

    Args:
        fills: what it is for, as ``table.column`` -> SQL.
        dialect: SQLAlchemy's name.
    """
    for name, text in fills.items():
        problem = _problem(str(text), dialect)
        if problem:
            raise Refused(
                f"The SQL for {name} can't be used: {problem}. Nothing was written.",
                "Give one SQL expression, as it stands behind SET column = ...; a SELECT goes into parentheses.",
            )


def _problem(text: str, dialect: str) -> str | None:
    """What is wrong with a fill; None if nothing is."""
    import sqlglot  # takes long to import
    from sqlglot import exp

    if not text.strip():
        return "it is empty"
    known = {"postgresql": "postgres", "mariadb": "mysql"}.get(dialect, dialect)
    if any(not letter.isprintable() and letter not in "\n\t " for letter in text):
        text = ";"  # a control character: no SQL has any
    try:
        parsed = sqlglot.parse(f"SELECT ({text}\n)", read=known)
    except (sqlglot.errors.SqlglotError, ValueError):
        return "it is not one SQL expression"
    select = parsed[0] if len(parsed) == 1 else None
    if not isinstance(select, exp.Select) or len(select.expressions) != 1:
        return "it is more than one expression"
    extra = [key for key, value in select.args.items() if value and key not in ("expressions", "kind")]
    found = select.expressions[0]
    if extra or not isinstance(found, (exp.Paren, exp.Subquery)) or isinstance(found.this, exp.Alias):
        return "it is more than one expression"
    if any(node.comments for node in select.walk()):
        return "it holds a comment"
    if isinstance(found, exp.Subquery) and not text.lstrip().startswith("("):
        return "a SELECT needs parentheses around it"
    if any(select.find_all(exp.Placeholder, exp.Parameter)):
        return "it holds a placeholder"
    return _acting(select)


def _acting(select: Any) -> str | None:
    """What an expression (sqlglot's) does beside giving a value; None if nothing."""
    from sqlglot import exp

    acts = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.Drop, exp.Alter, exp.Set, exp.Merge)
    for node in select.find_all(*acts):
        if not isinstance(node, exp.Query):
            return f"it does more than read ({type(node).__name__.upper()})"
    names = [node.name if isinstance(node, exp.Anonymous) else node.sql_name() for node in select.find_all(exp.Func)]
    acting = next((name for name in names if _ACTS.match(name)), None)
    return f"{acting.lower()}() does more than give a value" if acting is not None else None


def _counts(questions: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    return [(question["id"], list(question.get("count") or ())) for question in questions]


def _asked(count: Mapping[str, Any]) -> Question:
    table = count["table"]
    match count["kind"]:
        case "rows":
            return RowCount(table)
        case "values":
            return NonNullCount(table, count["column"])
        case "nulls":
            return Nulls(table, count["column"])
        case "unfit":
            return Unfit(table, count["column"], count["type"], labels=tuple(count.get("labels") or ()))
        case "violators":
            return Violators(table, count["expression"])
    raise AssertionError(count)


def _without_value(fill: Mapping[str, Any]) -> Question:
    has_one = f"({fill['expression']}) IS NOT NULL"
    if not fill["new"]:
        has_one = f"{_quoted(fill['column'])} IS NOT NULL OR {has_one}"
    return Violators(fill["table"], has_one, queries=True)


def _refusals(fills: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Question, tuple[Mapping[str, Any], str]]]:
    """What to ask about values that the column won't take, with the fill, and in words what they are."""
    for each in fills:
        if each["referenced"]:
            yield _orphans(each), (each, f"a value for {{column}} that {each['references']} has no row with")
        if each["unique"]:
            yield _equal(each), (each, "the same value for {column} as another row, although it is to be unique")


def _orphans(fill: Mapping[str, Any]) -> Question:
    table, column = fill["referenced"]
    rows = f"SELECT {_quoted(column)} FROM {'.'.join(map(_quoted, table.split('.')))}"  # noqa: S608 - quoted
    value = f"CAST(({fill['expression']}) AS {fill['type']})" if fill["type"] else f"({fill['expression']})"
    fits = f"{value} IS NULL OR {value} IN ({rows})"
    kept = "" if fill["new"] else f"{_quoted(fill['column'])} IS NOT NULL OR "
    return Violators(fill["table"], f"{kept}{fits}", queries=True)


def _equal(fill: Mapping[str, Any]) -> Question:
    # A constant by itself would be the number of a column in GROUP BY.
    value = (
        f"coalesce({fill['expression']}, NULL)"
        if fill["new"]
        else f"coalesce({_quoted(fill['column'])}, {fill['expression']})"
    )
    return Duplicates(fill["table"], (value,), expressions=True)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _none(answer: Answer) -> bool:
    return answer.rows == 0 and not answer.estimated and answer.problem is None


def _in_numbers(question: Mapping[str, Any], answered: list[tuple[Answer, Mapping[str, Any]]]) -> dict[str, Any]:
    """The question as a report has it, with the largest number in place of the words that stand for it."""
    texts: dict[str, str] = {}
    for answer, count in sorted(answered, key=lambda one: one[0].rows or 0):
        if answer.rows and answer.problem is None:
            texts[count["words"]] = _number(answer, count["each"])
    options = [{**option, "effect": _said(option["effect"], texts)} for option in question["options"]]
    shown = {key: value for key, value in question.items() if key != "count"}
    return {**shown, "question": _said(question["question"], texts), "options": options}


def _said(text: str, texts: Mapping[str, str]) -> str:
    for words, number in texts.items():
        text = text.replace(words, number)
    return text


def _number(answer: Answer, each: str) -> str:
    """``1,204 rows of users``, with a few keys where there are any: ``3 rows of users (id 47, 102, 381)``."""
    about = "about " if answer.estimated else "at least " if answer.at_least else ""
    for plural in ("rows", "values"):
        if answer.rows == 1 and not answer.at_least and each.startswith(f"{plural} "):
            each = plural[:-1] + each[len(plural) :]
    return f"{about}{answer.rows:,} {each}{_keys(answer)}"


def _keys(answer: Answer) -> str:
    if not answer.keys:
        return ""
    names = {key.partition(" ")[0] for key in answer.keys}
    simple = len(names) == 1 and not any("," in key for key in answer.keys)
    found = [key.partition(" ")[2] for key in answer.keys] if simple else list(answer.keys)
    more = ", ..." if answer.rows is None or answer.rows > len(found) else ""
    return f" ({f'{names.pop()} ' if simple else ''}{', '.join(found)}{more})"


def _question(name: str, fill: Mapping[str, Any], said: Answer) -> dict[str, Any]:
    column, table = fill["name"], fill["table"]
    rows = _number(said, f"rows of {table}")
    aim = "NOT NULL" if fill["required"] else f"a foreign key to {fill['references']}"
    options = [_another(fill)]
    if not fill["required"]:
        stay = {"choice": LEAVE, "effect": f"These rows keep NULL in {column}.", "how": {"answers": {name: LEAVE}}}
        options.append(stay)
    shows = f" {said.shows} lists them." if said.shows else ""
    mend = _MEND + shows
    options.append({"choice": "mend-rows", "effect": mend, "how": {}})
    text = f"{rows} get no value for {column}, which is to be {aim}, from {fill['expression']}: what of them?"
    return {"id": name, "question": text, "table": table, "options": options}


def _refused(fill: Mapping[str, Any], said: Answer, words: str) -> dict[str, Any]:
    rows, table = _number(said, f"rows of {fill['table']}"), fill["table"]
    shows = f" {said.shows} lists them." if said.shows else ""
    mend = _MEND + shows
    gets = "gets" if said.rows == 1 and not said.at_least else "get"
    text = f"{rows} {gets} {words.format(column=fill['name'])}, from {fill['expression']}: what of them?"
    other = {
        "choice": "expression",
        "effect": "Rows get their value from another expression.",
        "how": {"fills": {fill["name"]: "<SQL expression>"}},
    }
    options = [other, {"choice": "mend-rows", "effect": mend, "how": {}}]
    return {"id": f"unfilled:{fill['name']}", "question": text, "table": table, "options": options}


def _ambiguous(name: str, fill: Mapping[str, Any], said: Answer) -> dict[str, Any]:
    text = f"The fill for {fill['name']} fails on the rows of {fill['table']}: {said.problem}. Which value is meant?"
    return {"id": name, "question": text, "table": fill["table"], "options": [_another(fill)]}


def _another(fill: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "choice": "expression",
        "effect": "Rows get their value from another expression, such as one with a value for the rest.",
        "how": {"fills": {fill["name"]: f"coalesce({fill['expression']}, <SQL expression>)"}},
    }
