"""What a remedy says as code can be pasted: it runs, and the finding is gone."""

import re
from dataclasses import dataclass

import pytest
from test_rules import findings

pytestmark = [pytest.mark.anyio, pytest.mark.thorough]

SETUP = """
CREATE TABLE people (id serial PRIMARY KEY, name varchar(50), age integer, note text);
CREATE TABLE orders (id serial PRIMARY KEY, person integer);
CREATE INDEX ix_orders_person ON orders (person);
CREATE MATERIALIZED VIEW totals AS SELECT person, count(*) AS n FROM orders GROUP BY 1;
CREATE UNIQUE INDEX uq_totals ON totals (person);
CREATE TYPE mood AS ENUM ('sad');
INSERT INTO people (name, age, note) SELECT 'n' || n, n, n FROM generate_series(1, 50) n;
INSERT INTO orders (person) SELECT n FROM generate_series(1, 50) n;
"""
CASE = '''
import sqlalchemy as sa
from alembic import op
revision, down_revision = "case", None
SETUP = """{setup}"""
LOCK_TIMEOUT = {lock_timeout}

def upgrade():
{upgrade}

def downgrade():
    raise NotImplementedError
'''
BLOCK = "with op.get_context().autocommit_block():"
CALL = re.compile(rf"(?:{re.escape(BLOCK)} )?op\.\w+\(")


@dataclass(frozen=True)
class Paste:
    """A revision, the rule, and where the code of its remedy goes.

    Attributes:
        lines: the body of upgrade().
        rule: what is found in it.
        at: the lines that the code takes the place of.
        keeps: they stay, behind the code.
        pick: the piece of code that is meant, where there is more than one way.
    """

    lines: tuple[str, ...]
    rule: str
    at: tuple[int, ...] = (0,)
    keeps: bool = False
    pick: int | None = None
    lock_timeout: bool = True

    def pasted(self, remedy):
        """The lines with the code of *remedy* in them; what belongs into a later revision commits by itself."""
        here, _, later = remedy.partition("later revision: ") if self.pick is None else (remedy, "", "")
        code = pieces(here) + [f"{BLOCK} {piece}" for piece in pieces(later)]
        code = code if self.pick is None else [code[self.pick]]
        rest = list(self.lines)
        first = self.at[0]
        kept = [rest[at] for at in self.at] if self.keeps else []
        return [
            *rest[:first],
            *code,
            *kept,
            *(line for at, line in enumerate(rest) if at > first and at not in self.at),
        ]


def pieces(text):
    """The pieces of Alembic code in a sentence."""
    found = []
    at = 0
    while match := CALL.search(text, at):
        depth, quote, end = 1, "", match.end()
        while depth:
            letter = text[end]
            if quote:
                quote = "" if letter == quote else quote
            elif letter in "\"'":
                quote = letter
            else:
                depth += {"(": 1, ")": -1}.get(letter, 0)
            end += 1
        found.append(text[match.start() : end])
        at = end
    return found


PASTES = [
    Paste(('op.create_index("ix", "people", ["age"])',), "index-without-concurrently"),
    Paste(('op.execute("create unique index ix on people (lower(name) desc) where age > 3")',),
          "index-without-concurrently"),
    Paste(('op.create_index("ix", "people", [sa.text("lower(name)"), "age"], postgresql_using="btree")',),
          "index-without-concurrently"),
    Paste(('op.drop_index("ix_orders_person", table_name="orders")',), "index-without-concurrently"),
    Paste(('op.create_index("ix", "people", ["age"], postgresql_concurrently=True)',), "concurrently-in-transaction"),
    Paste(('op.execute("DROP INDEX CONCURRENTLY ix_orders_person")',), "concurrently-in-transaction"),
    Paste(('op.create_foreign_key("f", "orders", "people", ["person"], ["id"], ondelete="RESTRICT")',),
          "foreign-key-validates"),
    Paste(('op.create_check_constraint("ck", "people", "name <> \'\'")',), "check-validates"),
    Paste(('op.alter_column("people", "age", nullable=False)',), "set-not-null-scans"),
    Paste(('op.create_unique_constraint("uq", "people", ["note"])',), "unique-builds-index"),
    Paste(('op.execute("ALTER TABLE people ADD CONSTRAINT ck CHECK (age > 0) NOT VALID")',
           'op.execute("ALTER TABLE people VALIDATE CONSTRAINT ck")'), "validate-in-same-transaction", (1,), pick=-1),
    Paste(('op.create_unique_constraint(None, "people", ["note"])',), "constraint-without-name"),
    Paste(('op.rename_table("people", "persons")',), "rename-table"),
    Paste(('op.create_table("t", sa.Column("id", sa.BigInteger), schema="s")',), "missing-schema", keeps=True),
    Paste(('op.alter_column("people", "note", type_=sa.Integer())',), "cast-fails"),
    Paste(('op.execute("ALTER TABLE people ALTER note TYPE numeric(12, 3)")',), "cast-fails"),
    Paste(('op.add_column("people", sa.Column("x", sa.Integer))',), "no-lock-timeout", keeps=True, lock_timeout=False),
    Paste(('op.add_column("people", sa.Column("full_name", sa.String(50)))', 'op.drop_column("people", "name")'),
          "rename-read-as-drop", (0, 1)),
    Paste(('op.execute("REFRESH MATERIALIZED VIEW totals")',), "heavy-maintenance"),
    Paste(('op.execute("REINDEX TABLE people")',), "heavy-maintenance"),
    Paste(('op.execute("ALTER TYPE mood ADD VALUE \'glad\'")',
           'op.add_column("people", sa.Column("m", sa.Enum("sad", "glad", name="mood"), server_default="glad"))'),
          "enum-value-in-transaction"),
    Paste(('op.add_column("people", sa.Column("boss", sa.Integer))',
           'op.create_foreign_key("f", "people", "people", ["boss"], ["id"], postgresql_not_valid=True)'),
          "foreign-key-without-index", (1,), keeps=True),
]  # fmt: skip


@pytest.mark.parametrize("paste", PASTES, ids=lambda paste: f"{paste.rule}: {paste.lines[paste.at[0]][:40]}")
async def test_the_code_of_a_remedy_runs_and_its_finding_is_gone(paste, make_database, tmp_path):
    async def found(name, lines):
        case = tmp_path / name / "case.py"
        case.parent.mkdir()
        body = "\n".join(f"    {line}" for line in lines)
        case.write_text(CASE.format(setup=SETUP, lock_timeout=paste.lock_timeout, upgrade=body), encoding="utf-8")
        return [one for one in await findings(case, make_database, case.parent) if one.direction == "upgrade"]

    before = await found("before", paste.lines)
    [finding, *_] = [one for one in before if one.rule == paste.rule]
    lines = paste.pasted(finding.remedy)
    after = {one.rule: one.problem for one in await found("after", lines)}

    assert lines != list(paste.lines)
    assert paste.rule not in after, (lines, after)
    assert "fails-on-scratch" not in after, (lines, after)
