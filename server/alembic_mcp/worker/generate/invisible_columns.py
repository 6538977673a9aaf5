"""What autogenerate can't see of columns: defaults it does not compare, computed and identity columns, collations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, List, Optional

import sqlalchemy as sa
from alembic.operations import ops

from . import catalog, invisible_numbers
from .changes import Change, Facts, Phase
from .covered import Covered
from .directives import sql
from .invisible_numbers import BY_HAND
from .invisible_numbers import serial as _serial
from .named_types import named_type
from .sides import Column, column

if TYPE_CHECKING:
    from .invisible import Invisible, Pair

__all__ = ["compare"]

_CAST = re.compile(r"(?:::(?:[\w.]+|\"[^\"]+\")(?: [a-z]+)*(?:\(\d+(?:,\d+)?\))?(?:\[\])?)+$")
_SET_EXPRESSION_SINCE = 17
_COMPARE_TYPES = "add compare_type=True to context.configure() in env.py, then generate again"


def compare(pair: Pair, facts: Facts, covered: Covered, found: Invisible) -> None:
    """Note the columns that differ."""
    here, there = pair.columns()
    for name, wanted in there.items():
        if name in here and here[name] != wanted and (pair.name, name) not in covered.columns:
            _Compared(pair, pair.table.columns.get(name), name, facts, found).go(
                column(here[name]),
                column(wanted),
                covered.altered.get((pair.name, name)),
                known=(pair.name, name) in covered.defaults,
            )


class _Compared:
    def __init__(self, pair: Pair, model: Any, name: str, facts: Facts, found: Invisible) -> None:
        self._pair = pair
        self._model = model
        self._name = name
        self._facts = facts
        self._found = found
        table = pair.table
        self._table = catalog.spelt(facts, table.name, table.schema)
        self._column = catalog.identifier(facts, name)
        self._known = f"{pair.name}.{name}"

    def go(self, had: Column, wanted: Column, altered: Any, *, known: bool) -> None:
        retyped = altered is not None and altered.modify_type is not None
        if self._model is None:
            return
        if had.type != wanted.type and not retyped:
            self._type(had, wanted)
            return
        if had.stored or wanted.stored:
            self._computed(had, wanted)
        elif (had.identity, had.numbering) != (wanted.identity, wanted.numbering):
            self._identity(had, wanted, proposed=altered is not None and altered.modify_server_default is not False)
        elif not known and (altered is None or altered.modify_server_default is False):
            self._default(had.default, wanted.default, retyped=retyped)
        if had.collation != wanted.collation and not retyped:
            self._collation(had, wanted.collation)
        if had.not_null != wanted.not_null and (altered is None or altered.modify_nullable is None):
            self._left("refuses nulls" if had.not_null else "allows nulls", "not" if had.not_null else "no nulls")

    def _alter(self, **changes: Any) -> Any:
        table = self._pair.table
        given = {"existing_type": self._model.type, **changes}
        return ops.AlterColumnOp(table.name, self._name, schema=table.schema, **given)

    def _change(self, up: List[Any], down: List[Any], **more: Any) -> None:
        self._found.changes.append(Change(up, down, table=self._pair.name, **more))

    def _left(self, here: str, there: str, how: str = BY_HAND) -> None:
        self._found.left.append(
            f"{self._pair.name}.{self._name} {here} in the database and {there} in the models, and autogenerate does "
            f"not see it: {how}."
        )

    def _type(self, had: Column, wanted: Column) -> None:
        """Autogenerate takes one enum for another of the same values."""
        before = self._type_now()
        enums = [named_type(kind, self._facts.dialect) for kind in (before, self._model.type)]
        if before is None or not any(kind is not None and kind.values is not None for kind in enums):
            compared = self._facts.context.opts.get("compare_type")  # off by default before Alembic 1.12
            self._left(f"is {had.type}", wanted.type, BY_HAND if compared else _COMPARE_TYPES)
            return
        self._change(
            [self._alter(existing_type=before, modify_type=self._model.type, existing_nullable=not had.not_null)],
            [self._alter(existing_type=self._model.type, modify_type=before, existing_nullable=not had.not_null)],
        )

    def _default(self, had: Optional[str], wanted: Optional[str], *, retyped: bool) -> None:
        if had == wanted or (_serial(had) and _serial(wanted)):
            return
        if (retyped or not self._facts.postgresql) and _plain(had) == _plain(wanted):
            return
        if _serial(had) and wanted is None:
            what = f"{self._known} is numbered by a sequence in the database and is not in the models"
            if not self._found.told(f"drop-default:{self._known}", "drop", what, self._facts):
                return
        if wanted is not None and _serial(wanted) and not any(name in wanted for name in self._sequences()):
            invisible_numbers.numbered(self._pair, self._name, wanted, facts=self._facts, found=self._found)
            return
        model = self._model.server_default
        to = None if wanted is None else model if isinstance(model, sa.DefaultClause) else _clause(wanted)
        back = None if had is None else _clause(had)
        self._change(
            [self._alter(modify_server_default=to, existing_server_default=back)],
            [self._alter(modify_server_default=back, existing_server_default=to)],
        )

    def _sequences(self) -> List[str]:
        names = [key.split(" ", 1) for key in self._facts.database]
        return [name for kind, name in names if kind == "sequence"]

    def _computed(self, had: Column, wanted: Column) -> None:
        if (had.stored, had.generated) == (wanted.stored, wanted.generated):
            return
        if not self._facts.postgresql:
            self._left(_computed(had), _computed(wanted))
        elif not had.stored:
            self._computed_from_now_on(had, wanted)
        elif not wanted.stored:
            self._no_longer_computed(had, wanted)
        elif had.stored == wanted.stored and self._can_set_expression(had.stored):
            head = f"ALTER TABLE {self._table} ALTER COLUMN {self._column} SET EXPRESSION AS"
            why = f"{self._pair.name}.{self._name} is computed otherwise: PostgreSQL computes it anew for all rows."
            up, down = sql(f"{head} {_wrapped(wanted.generated)}"), sql(f"{head} {_wrapped(had.generated)}")
            self._change([up], [down], why=why, **_INVISIBLE)
        else:
            self._made_again(had, wanted)

    def _computed_from_now_on(self, had: Column, wanted: Column) -> None:
        """The values that are there would go: somebody has to say so."""
        question, words = f"compute-column:{self._known}", f"the values of {self._known}"
        self._facts.asked[question] = [_REPLACE, _LEAVE]
        choice = self._facts.answers.get(question)
        if self._is_part_of_more():
            self._left(
                "is no computed column",
                "is one",
                "a key, a constraint or an index speaks of the column, and would go with it: drop those, drop the "
                f"column and add it again; {BY_HAND}",
            )
        elif choice == _LEAVE:
            self._left("is no computed column", "is one", f"it stays as it is, as answered ({question})")
        elif choice == _REPLACE or not self._facts.live(self._pair.name):
            why = f"{self._known} is computed from now on: PostgreSQL has no other way than to drop and add the column."
            loses = f"{words[0].upper()}{words[1:]} from before it was computed are gone."
            back = self._again(had) if wanted.stored == "v" else self._as_it_was(had, wanted)
            self._change(self._again(wanted), back, phase=self._contract(), loses=loses, why=why, **_INVISIBLE)
        else:
            effects = {
                _REPLACE: f"Loses {words}: the column is dropped, and added again as a computed one.",
                _LEAVE: f"Nothing happens: {self._known} keeps its values and is computed in the models only.",
            }
            table = self._facts.former.get(self._pair.name, self._pair.name)
            self._found.questions.append(
                {
                    "id": question,
                    "question": f"{self._known} is computed in the models: shall what is computed replace {words}?",
                    "table": self._pair.name,
                    "options": [
                        {"choice": each, "effect": effect, "how": {"answers": {question: each}}}
                        for each, effect in effects.items()
                    ],
                    "count": [
                        {
                            "kind": "values",
                            "table": table,
                            "column": self._facts.former.get(self._known, self._known).rpartition(".")[2],
                            "words": words,
                            "each": f"values of {self._known}",
                            "if_none": _REPLACE,
                        }
                    ],
                }
            )

    def _as_it_was(self, had: Column, wanted: Column) -> List[Any]:
        """Back from a computed column, with the values that were computed."""
        head = f"ALTER TABLE {self._table} ALTER COLUMN {self._column}"
        found = [f"{head} DROP EXPRESSION"]
        if had.default is not None:
            found.append(f"{head} SET DEFAULT {had.default}")
        if had.not_null != wanted.not_null:
            found.append(f"{head} {'SET' if had.not_null else 'DROP'} NOT NULL")
        return [sql(each) for each in found]

    def _no_longer_computed(self, had: Column, wanted: Column) -> None:
        if had.stored != "s":
            self._made_again(had, wanted)
            return
        if self._is_part_of_more():
            self._left("is a computed column", "is not")
            return
        drop = sql(f"ALTER TABLE {self._table} ALTER COLUMN {self._column} DROP EXPRESSION")
        loses = f"{self._pair.name}.{self._name} is computed again: values that were written into it are gone."
        why = f"{self._pair.name}.{self._name} is no longer computed; its values stay."
        self._change([drop], self._again(had), phase=self._contract(), loses=loses, why=why, **_INVISIBLE)

    def _made_again(self, had: Column, wanted: Column) -> None:
        if self._is_part_of_more():
            self._left("is not computed in the same way", "otherwise")
            return
        why = f"{self._pair.name}.{self._name} holds nothing that can't be computed again: it is dropped and added."
        self._change(self._again(wanted), self._again(had), phase=self._contract(), why=why, **_INVISIBLE)

    def _is_part_of_more(self) -> bool:
        """Whether something would go with the column."""
        word = re.compile(rf"\b{re.escape(self._name)}\b")
        parts = [text for kind in ("constraint", "index") for text in self._pair.parts(kind)[0].values()]
        return any(word.search(text) for text in parts)

    def _again(self, wanted: Column) -> List[Any]:
        stored = "STORED" if wanted.stored == "s" else "VIRTUAL"
        made = f" GENERATED ALWAYS AS {_wrapped(wanted.generated)} {stored}" if wanted.stored else ""
        null = " NOT NULL" if wanted.not_null else ""
        null += f" DEFAULT {wanted.default}" if wanted.default is not None and not made else ""
        return [
            sql(f"ALTER TABLE {self._table} DROP COLUMN {self._column}"),
            sql(f"ALTER TABLE {self._table} ADD COLUMN {self._column} {wanted.type}{made}{null}"),
        ]

    def _identity(self, had: Column, wanted: Column, *, proposed: bool) -> None:
        invisible_numbers.compare(
            self._pair, self._name, had, wanted, facts=self._facts, found=self._found, proposed=proposed
        )

    def _collation(self, had: Column, wanted: str) -> None:
        before = self._type_now()
        if before is None or not hasattr(before, "collation") or not self._facts.postgresql:
            self._left(f"has {_collation(had.collation)}", _collation(wanted))
            return
        self._change(
            [self._alter(existing_type=before, modify_type=self._model.type)],
            [self._alter(existing_type=self._model.type, modify_type=before)],
            **_INVISIBLE,
            why=f"{self._pair.name}.{self._name} gets another collation; its indexes are built anew meanwhile.",
        )

    def _type_now(self) -> Any:
        table = self._pair.table
        name = self._facts.former.get(f"{self._pair.name}.{self._name}", self._name).rpartition(".")[2]
        return catalog.column_type(self._facts, table.name, name, table.schema)

    def _can_set_expression(self, stored: str) -> bool:
        """PostgreSQL refuses it for a virtual column of a table with checks."""
        checks = [text for side in self._pair.parts("constraint") for text in side.values() if text[:5] == "CHECK"]
        version = (self._facts.dialect.server_version_info or (0,))[0]
        return bool(version >= _SET_EXPRESSION_SINCE and (stored == "s" or not checks))

    def _contract(self) -> Phase:
        return Phase.CONTRACT if self._facts.style == "safe" else Phase.EXPAND


def _collation(name: str) -> str:
    return f"the collation {name}" if name else "the usual collation"


def _computed(side: Column) -> str:
    return f"is computed as ({side.generated})" if side.stored else "is not computed"


_REPLACE, _LEAVE = "replace", "leave"
_INVISIBLE: Any = {"rule": "invisible-to-autogenerate"}


def _clause(text: str) -> Any:
    return sa.DefaultClause(sa.text(re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", text)))


def _wrapped(expression: Optional[str]) -> str:
    text = expression or ""
    return text if text.startswith("(") and text.endswith(")") and _balanced(text[1:-1]) else f"({text})"


def _plain(default: Optional[str]) -> Optional[str]:
    if default is None:
        return None
    text = _CAST.sub("", default.strip())
    while text.startswith("(") and text.endswith(")") and _balanced(text[1:-1]):
        text = _CAST.sub("", text[1:-1].strip())
    return text


def _balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            return False
    return depth == 0
