"""Asks instead of guessing: renames, drops of data, missing values, narrower types; and takes the answers."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Set, Tuple

import sqlalchemy as sa
from alembic.operations import ops

from ..describe import describe
from ..errors import CallError
from .changes import Change, Facts
from .directives import With
from .fill_targets import to_fill
from .lookalikes import column_renames, table_renames
from .narrowing import narrowing
from .quoting import plain
from .renames import RENAME

__all__ = ["asked", "check_answers"]

DROP, PARK, LEAVE = "drop", "park", "leave"
_OWNED = (ops.DropIndexOp, ops.DropConstraintOp)


def asked(changes: List[Change], facts: Facts) -> Tuple[List[Change], List[Dict[str, Any]]]:
    """The changes as the answers want them, and what is still open.

    A question is ``{"id", "question", "table", "options": [{"choice", "effect", "how"}], "count": [...]}``. ``how``
    holds the arguments to add to the next call; a choice whose ``how`` is an answer can also be given as one.
    ``count`` says what to count in the real database: ``{"kind": "rows" | "values" | "nulls" | "unfit" | "violators",
    "table", "column", ..., "words", "each", "if_none"}``: *words* stand for the number in the texts, *each* follows
    the number; where all counts are zero, *if_none* is the answer.

    Raises:
        CallError: ``refused``: a fill for a column that needs none.
    """
    work = _Asking(changes, facts)
    if facts.style == "safe":
        _check_fills(work.changes, facts)
    work.ask()
    return work.changes, work.open


def check_answers(facts: Facts) -> None:
    """Raises CallError, ``refused``, for answers that answer nothing of ``facts.asked``, and choices that are none."""
    settled = {*facts.former.values(), *facts.former}
    for name, choice in facts.answers.items():
        kind, _, subject = name.partition(":")
        if (kind == "unfilled" and subject in facts.fills) or subject in settled:
            continue  # asked by who knows the rows; or settled by a rename
        if name not in facts.asked:
            known = ", ".join(sorted(facts.asked)) or "nothing"
            raise CallError(
                "refused",
                f"There is no question {name!r} to answer. Nothing was written.",
                next_steps=[f"What can be answered: {known}.", "Leave that answer out, then call generate again."],
            )
        if choice not in facts.asked[name]:
            raise CallError(
                "refused",
                f"{choice!r} is no answer to {name!r}. Nothing was written.",
                next_steps=[f"It can be answered with: {', '.join(facts.asked[name])}."],
            )


class _Asking:
    """Goes through the changes; ``open`` are the questions without an answer."""

    def __init__(self, changes: List[Change], facts: Facts) -> None:
        self.changes = list(changes)
        self.open: List[Dict[str, Any]] = []
        self._facts = facts
        self._known = facts.asked
        self._unsettled: Set[str] = set()

    def ask(self) -> None:
        tables = table_renames(self.changes, self._facts)
        columns = column_renames(self.changes, self._facts)
        answers = self._facts.answers
        # A column that may be an old one under a new name needs no value before that is said.
        self._unsettled = {
            f"{name.rpartition('.')[0]}.{new}"
            for name, candidates in columns.items()
            if not {f"rename:{name}", f"drop-column:{name}"} & set(answers)
            for new in candidates
        }
        for change in list(self.changes):
            if isinstance(change.op, ops.DropTableOp):
                self._drop(change, change.table or "", tables.get(change.table or "", []))
            elif isinstance(change.op, ops.DropColumnOp):
                name = f"{change.table}.{change.op.column_name}"
                self._drop(change, name, columns.get(name, []))
            elif isinstance(change.op, ops.AlterColumnOp) and self._facts.style == "safe":
                self._narrow(change)
                self._fill(change)
            elif isinstance(change.op, ops.AddColumnOp) and self._facts.style == "safe":
                self._fill(change)

    # Drops, and what may be renames

    def _drop(self, change: Change, name: str, candidates: List[str]) -> None:
        facts, is_table = self._facts, isinstance(change.op, ops.DropTableOp)
        rename, drop = f"rename:{name}", f"drop-{'table' if is_table else 'column'}:{name}"
        live = facts.live(change.table)
        choices = [*(RENAME + new for new in candidates), DROP, PARK]
        self._known[rename] = choices
        self._known[drop] = [DROP, PARK, LEAVE]
        choice = facts.answers.get(rename, facts.answers.get(drop))
        if facts.keep_data or choice == PARK:
            facts.parked.add(name)
        if choice == LEAVE:
            self._leave(change)
        if choice is not None or not (live or candidates) or (facts.keep_data and not candidates):
            return
        words, count = self._data(change, name)
        effects = {
            DROP: f"Loses {words}; a downgrade brings {name} back without.",
            PARK: f"Puts {words} into a side table first; a downgrade brings {name} back with what was in it.",
            LEAVE: f"Nothing happens to {name}: it stays in the database, unknown to the models.",
        }
        if not candidates:
            self._put(
                drop,
                f"The models no longer have {name}: shall it be dropped, with {words}?",
                change.table,
                [_answer(drop, choice, effects[choice]) for choice in (DROP, PARK, LEAVE)],
                [{**count, "if_none": DROP}],
            )
            return
        table, _, column = name.rpartition(".")
        options = []
        for new in candidates:
            to = {"from": name, "to": new} if is_table else {"table": table, "from": column, "to": new}
            effect = f"Keeps {words}, under the new name {new}."
            options.append({"choice": RENAME + new, "effect": effect, "how": {"renames": [to]}})
        options += [_answer(rename, choice, effects[choice]) for choice in (DROP, PARK)]
        self._put(
            rename,
            f"{name} is gone from the models, and {' or '.join(candidates)} is new: is it a rename?",
            change.table,
            options,
            [{key: value for key, value in count.items() if key != "if_none"}] if live else [],
        )

    def _data(self, change: Change, name: str) -> Tuple[str, Dict[str, Any]]:
        table = self._facts.former.get(change.table or "", change.table or "")
        if isinstance(change.op, ops.DropTableOp):
            words, each, kind = f"the rows of {name}", f"rows of {name}", "rows"
            return words, {"kind": kind, "table": table, "words": words, "each": each}
        words, each = f"the values of {name}", f"values of {name}"
        column = str(change.op.column_name)
        return words, {"kind": "values", "table": table, "column": column, "words": words, "each": each}

    def _leave(self, change: Change) -> None:
        """Take a drop back, with what would be dropped along with it."""
        self.changes.remove(change)
        column = None if isinstance(change.op, ops.DropTableOp) else str(change.op.column_name)
        for each in list(self.changes):
            if not isinstance(each.op, _OWNED) or each.table != change.table:
                continue
            columns = describe(each.down[0], self._facts.dialect).get("columns") or []
            if isinstance(each.down[0], ops.CreateCheckConstraintOp):
                columns = re.findall(r"[^\W\d]\w*", str(each.down[0].condition))
            if column is None or column in columns:
                self.changes.remove(each)

    # Values for rows that are there

    def _fill(self, change: Change) -> None:
        facts, column = self._facts, to_fill(change, required=True)
        if column is None or not facts.live(change.table):
            return
        name = f"{change.table}.{column}"
        question, new = f"fill:{name}", isinstance(change.op, ops.AddColumnOp)
        nothing = "no-rows" if new else "no-nulls"
        constants = _constants(change, facts)
        self._known[question] = [*constants, nothing]
        choice = facts.answers.get(question)
        if choice in constants and name not in facts.fills:
            facts.fills[name] = constants[choice]
        if name in facts.fills or choice is not None or name in self._unsettled:
            return
        table = facts.former.get(change.table or "", change.table or "")
        if new:
            words, each = f"the rows of {change.table}", f"rows of {change.table}"
            count: Dict[str, Any] = {"kind": "rows", "table": table}
            text = f"{name} is new, NOT NULL and without a server default: what do {words} get?"
            left = f"Nothing is filled in: the upgrade fails where {change.table} has rows."
            if _is_mysql(facts):
                left = f"Nothing is filled in: MySQL gives the {each} an empty value of its own ('', 0, ...)."
        else:
            words, each = f"the rows where {name} is NULL", f"rows where {name} is NULL"
            former = facts.former.get(name, name).rpartition(".")[2]
            count = {"kind": "nulls", "table": table, "column": former}
            text = f"{name} becomes NOT NULL: what do {words} get?"
            left = f"Nothing is filled in: the upgrade fails as long as there are {each}."
        options = [
            {
                "choice": choice,
                "effect": f"They get {sql}, {_WHOSE[choice]}.",
                "how": {"fills": {name: sql}},
            }
            for choice, sql in constants.items()
        ]
        effect = "They get what the expression says; it may use the row's other columns, or select from other tables."
        options.append({"choice": "expression", "effect": effect, "how": {"fills": {name: "<SQL expression>"}}})
        options.append(_answer(question, nothing, left))
        counted = [{**count, "words": words, "each": each, "if_none": nothing}]
        self._put(question, text, change.table, options, counted)

    # Types

    def _narrow(self, change: Change) -> None:
        facts, op = self._facts, change.op
        found = narrowing(op, facts) if facts.live(change.table) else None
        if found is None:
            return
        name = f"{change.table}.{op.column_name}"
        if name in facts.valued:
            return  # what becomes of each value is asked
        question, spelt = f"narrow:{name}", _spelt(op.modify_type, facts.dialect)
        cut = bool(found.cut) and facts.postgresql and not op.kw.get("postgresql_using")
        self._known[question] = ["narrow", *(["cut"] if cut else []), LEAVE]
        choice = facts.answers.get(question)
        each = f"values of {name} that {spelt} can't hold"
        words = f"the {each}"
        if choice == "narrow" and found.silently:
            change.loses = f"{name}: {each} {found.silently}, and stay so."
        elif choice == "cut":
            one = ops.AlterColumnOp(
                op.table_name,
                op.column_name,
                schema=op.schema,
                existing_type=op.existing_type,
                existing_nullable=op.existing_nullable,
                modify_type=op.modify_type,
            )
            loses = f"{name}: {each} are {found.cuts}, and stay so."
            up = [With(one, postgresql_using=found.cut)]
            cutting = Change(up, [one.reverse()], table=change.table, rule="narrows-type", loses=loses)
            self.changes.insert(self.changes.index(change), cutting)
            self._without_type(change)
        elif choice == LEAVE:
            self._without_type(change)
        if choice is not None:
            return
        former = facts.former.get(name, name).rpartition(".")[2]
        table = facts.former.get(change.table or "", change.table)
        count = [
            {"table": table, "column": former, **one, "words": words, "each": each, "if_none": "narrow"}
            for one in (found.count if facts.postgresql else [])
        ]
        refused = f"The upgrade fails as long as there are {each}: nothing is lost."
        if _is_mysql(facts):
            refused = f"In MySQL's strict mode the upgrade fails as long as there are {each}; without it they are cut."
        options = [
            _answer(question, "narrow", f"Changes {words}: they {found.silently}." if found.silently else refused)
        ]
        if cut:
            options.append(_answer(question, "cut", f"Changes {words}: they are {found.cuts}."))
        options.append(_answer(question, LEAVE, f"{name} keeps its type {_spelt(op.existing_type, facts.dialect)}."))
        self._put(question, f"{name} becomes {spelt}: what of {words}?", change.table, options, count)

    def _without_type(self, change: Change) -> None:
        """Take the change of type out of a change."""
        for op in (change.op, *change.down):
            op.modify_type = None
        if not change.op.has_changes():
            self.changes.remove(change)

    def _put(
        self,
        name: str,
        text: str,
        table: Optional[str],
        options: List[Dict[str, Any]],
        count: List[Dict[str, Any]],
    ) -> None:
        self.open.append({"id": name, "question": text, "table": table, "options": options, "count": count})


_WHOSE = {"default": "the default of the model", "server-default": "the column's server default"}


def _is_mysql(facts: Facts) -> bool:
    return facts.dialect.name in ("mysql", "mariadb")


def _answer(question: str, choice: str, effect: str) -> Dict[str, Any]:
    return {"choice": choice, "effect": effect, "how": {"answers": {question: choice}}}


def _constants(change: Change, facts: Facts) -> Dict[str, str]:
    """What a question about missing values can offer: choice -> SQL."""
    found: Dict[str, str] = {}
    op = change.op
    column = op.column if isinstance(op, ops.AddColumnOp) else _model_column(change, facts)
    default: Any = None if column is None else column.default
    if default is not None and getattr(default, "is_scalar", False):
        try:
            literal = sa.literal(default.arg, column.type)
            text = str(literal.compile(dialect=facts.dialect, compile_kwargs={"literal_binds": True}))
        except Exception:  # noqa: BLE001 - a type of the user's may not spell its values
            text = ""
        if text:
            found["default"] = plain(facts.dialect, text)
    if isinstance(op, ops.AlterColumnOp) and column is not None and column.server_default is not None:
        server = describe(ops.AddColumnOp("t", column), facts.dialect)["column"]["server_default"]
        if server:
            found["server-default"] = server
    return found


def _model_column(change: Change, facts: Facts) -> Any:
    every = facts.metadata if isinstance(facts.metadata, (list, tuple)) else [facts.metadata]
    for metadata in every:
        for table in metadata.tables.values() if metadata is not None else ():
            if facts.table(table.name, table.schema) == change.table:
                found = [column for column in table.columns if str(column.name) == str(change.op.column_name)]
                return found[0] if found else None
    return None


def _check_fills(changes: List[Change], facts: Facts) -> None:
    allowed = {f"{change.table}.{to_fill(change)}" for change in changes if to_fill(change) is not None}
    for name in facts.fills:
        if name not in allowed:
            possible = ", ".join(sorted(allowed)) or "none"
            raise CallError(
                "refused",
                f"The fill for {name} fits nothing: it is no new column, and becomes no NOT NULL. Nothing was written.",
                next_steps=[
                    f"Columns that can be filled here: {possible}.",
                    "To change values of another column, call generate with kind='data'.",
                ],
            )


def _spelt(type_: Any, dialect: Any) -> str:
    try:
        return str(type_.compile(dialect=dialect))
    except Exception:  # noqa: BLE001 - types of the user's compile with code of the user's
        return repr(type_)
