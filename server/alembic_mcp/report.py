"""Everything that a tool can return: the public contract, and nothing else."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .direction import Direction
from .target import Environment

__all__ = [
    "UNREACHABLE",
    "ChangeReport",
    "CheckReport",
    "Conflict",
    "ConflictSide",
    "CurrentReport",
    "Database",
    "Decision",
    "Difference",
    "Escalation",
    "File",
    "Finding",
    "GenerateReport",
    "HistoryReport",
    "InitReport",
    "Level",
    "MergeReport",
    "Option",
    "OrderTried",
    "Plan",
    "Question",
    "RehearsalSummary",
    "Report",
    "ReviewReport",
    "RevisionLine",
    "RevisionNode",
    "Rewrite",
    "Severity",
    "StatementLine",
    "Status",
    "TableLock",
    "TwoWays",
    "Verified",
]

UNREACHABLE = "it could not be reached"
"""The reason why a database counts as unknown that a scratch database stands in for."""

Status = Literal["done", "needs_answer", "needs_approval", "refused", "failed"]


class Severity(StrEnum):
    """How bad, worst first: it will fail or lose data for certain; outage or loss is likely; mind it; know it."""

    BLOCKER = "blocker"
    DANGER = "danger"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 (blocker) to 3 (info)."""
        return list(Severity).index(self)


class Level(StrEnum):
    """Whose yes is needed: one given through the client, or one that only a person can give."""

    CLIENT = "client"
    PERSON = "person"


class Decision(StrEnum):
    """What the policy says: it runs, somebody is asked first, or it is not run whatever anyone says."""

    RUN = "run"
    ASK = "ask"
    REFUSE = "refuse"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", use_enum_values=False)


class Database(_Part):
    """The database a report is about. Never holds a password."""

    dialect: str
    name: str
    host: str = Field(description="Host name; empty for a file.")
    environment: Environment
    environment_reason: str = Field(default="", description="Why it counts as that environment.")
    server_version: str = ""
    heads: list[str] = Field(default_factory=list, description="Revisions the database has.")


class TableLock(_Part):
    """A table lock: its mode as PostgreSQL's documentation spells it, and the table."""

    mode: str
    table: str


class StatementLine(_Part):
    """One SQL statement of a revision, and what it did on the scratch database."""

    revision: str
    direction: Direction
    sql: str
    path: str = ""
    line: int = 0
    operation: str | None = None
    autocommit: bool = False
    measured: bool = False
    locks: list[TableLock] = Field(default_factory=list)
    rewrites: list[str] = Field(default_factory=list)
    scans: list[str] = Field(default_factory=list)
    dropped: list[str] = Field(default_factory=list)
    milliseconds: float = 0.0


class Finding(_Part):
    """A hazard that a rule found."""

    rule: str
    severity: Severity
    revision: str
    direction: Direction
    path: str = ""
    line: int = 0
    table: str | None = None
    problem: str = Field(description="What happens to whom, in plain words.")
    remedy: str = Field(description="What to do instead.")
    evidence: dict[str, str | int | float | bool | list[str] | None] = Field(
        default_factory=dict, description="What was measured: rows, lock mode, the query, ..."
    )


class Escalation(_Part):
    """A reason why somebody is asked before this runs."""

    rule: str
    why: str
    level: Level


class RehearsalSummary(_Part):
    """What became of the revisions on the scratch database; null where it was not tried."""

    status: Literal["passed", "failed", "not_possible", "not_needed"]
    where: str = Field(default="", description="Where it ran, or why it could not.")
    upgraded: bool | None = None
    downgraded: bool | None = None
    restored: bool | None = Field(default=None, description="The downgrade brings back the schema from before.")
    reupgraded: bool | None = None
    converged: bool | None = Field(default=None, description="Models and database differ no more than before.")
    milliseconds: float = 0.0
    details: list[str] = Field(default_factory=list)


class RevisionLine(_Part):
    """A revision in one line."""

    revision: str
    message: str = ""


class RevisionNode(_Part):
    """A revision in the graph."""

    revision: str
    down_revisions: list[str]
    message: str
    branch_labels: list[str] = Field(default_factory=list)
    depends_on: list[str] = Field(default_factory=list)
    is_head: bool = False
    is_merge: bool = False
    is_branch_point: bool = False
    path: str = ""
    date: str | None = None


class Plan(_Part):
    """What would be approved: id, and the SHA-256 over everything that matters."""

    id: str
    digest: str


class Verified(_Part):
    """What was checked after the run; null where it could not be."""

    heads: bool | None = None
    schema_: bool | None = Field(default=None, alias="schema", serialization_alias="schema")
    details: list[str] = Field(default_factory=list)

    model_config = ConfigDict(extra="forbid", populate_by_name=True, serialize_by_alias=True)


class File(_Part):
    """A revision file that was written."""

    path: str
    revision: str
    down_revision: list[str] = Field(default_factory=list)
    message: str = ""


class TwoWays(_Part):
    """SQL of both directions."""

    upgrade: list[str] = Field(default_factory=list)
    downgrade: list[str] = Field(default_factory=list)


class Difference(_Part):
    """A difference between the models and the database, as autogenerate sees it."""

    kind: str = Field(description="What autogenerate would do: add_table, remove_column, modify_nullable, ...")
    table: str | None = None
    description: str


class Report(_Part):
    """What every report has."""

    status: Status
    summary: str = Field(description="What happened, in one or two sentences.")
    next_steps: list[str] = Field(default_factory=list)
    project: str | None = None
    warnings: list[str] = Field(default_factory=list)
    output: str | None = Field(default=None, description="What the project's code printed, on failure.")


class CurrentReport(Report):
    """Where the database stands against the revision files."""

    database: Database | None = None
    heads: list[str] = Field(default_factory=list)
    script_heads: list[str] = Field(default_factory=list)
    at_head: bool = False
    pending: list[RevisionLine] = Field(default_factory=list)
    unknown: list[str] = Field(default_factory=list, description="Revisions in the database that no file knows.")


class HistoryReport(Report):
    """The revision graph, a page of it, newest first."""

    revisions: list[RevisionNode] = Field(default_factory=list)
    heads: list[str] = Field(default_factory=list)
    bases: list[str] = Field(default_factory=list)
    graph: str = Field(default="", description="Mermaid graph of this page.")
    total: int = 0
    next_cursor: str | None = None
    problems: list[str] = Field(default_factory=list, description="Duplicates, missing ancestors, cycles, ...")


class ReviewReport(Report):
    """What revisions would do, what is dangerous about it, and what the policy says."""

    database: Database | None = None
    decision: Decision | None = None
    escalations: list[Escalation] = Field(default_factory=list)
    findings: list[Finding] = Field(default_factory=list)
    statements: list[StatementLine] = Field(default_factory=list)
    rehearsal: RehearsalSummary | None = None
    revisions: list[RevisionLine] = Field(default_factory=list)


class ChangeReport(ReviewReport):
    """A review, and what became of the change."""

    applied: bool = Field(default=False, description="The database was changed.")
    before: list[str] = Field(default_factory=list)
    after: list[str] = Field(default_factory=list)
    plan: Plan | None = None
    verified: Verified | None = None
    milliseconds: float = 0.0


class Option(_Part):
    """One way to answer a question."""

    choice: str
    effect: str = Field(description="What it does to the data.")
    how: dict[str, Any] = Field(description="Arguments to add to the same call, to choose this.")


class Question(_Part):
    """What only the developer knows. Nothing is written before it is answered."""

    id: str
    question: str
    table: str | None = None
    options: list[Option]


class Rewrite(_Part):
    """Where the revision differs from what autogenerate proposes, and why."""

    rule: str = Field(description="The rule whose hazard it avoids.")
    table: str | None = None
    why: str


class GenerateReport(Report):
    """The revision files that were written, and the proof that they work; or the questions that come first."""

    database: Database | None = None
    against: str = Field(default="", description="What the models were compared with.")
    questions: list[Question] = Field(default_factory=list)
    files: list[File] = Field(default_factory=list)
    changes: dict[str, list[str]] = Field(default_factory=dict, description="Per table, what changes.")
    rewrites: list[Rewrite] = Field(default_factory=list)
    invisible: list[str] = Field(
        default_factory=list, description="Differences that are left, because they can't be generated safely."
    )
    loses: list[str] = Field(default_factory=list, description="What the downgrades can't bring back.")
    why_nothing: str | None = Field(default=None, description="Why there is nothing to generate.")
    instructions: list[str] = Field(default_factory=list, description="How to bring it to production.")
    statements: TwoWays = Field(default_factory=TwoWays)
    findings: list[Finding] = Field(default_factory=list)
    rehearsal: RehearsalSummary | None = None
    differences: list[Difference] = Field(default_factory=list)
    files_to_commit: list[str] = Field(default_factory=list)
    ready_to_commit: bool = False


class ConflictSide(_Part):
    """One branch's part in a conflict."""

    head: str = Field(description="The branch, by its head.")
    revision: str
    path: str = ""
    line: int = 0
    does: str = Field(description="What that line does, in plain words.")


class Conflict(_Part):
    """Why branches don't go together."""

    object: str = Field(description="What both touch: 'column users.email', 'table users', 'schema', ...")
    problem: str
    sides: list[ConflictSide] = Field(default_factory=list)


class OrderTried(_Part):
    """One order of the branches, as it went on a scratch database."""

    heads: list[str] = Field(description="The branches in the order in which they ran, by their heads.")
    status: Literal["passed", "failed"]
    where: str = ""
    error: str | None = None


class MergeReport(Report):
    """A merge revision, or a branch that was put behind another one; and whether the branches go together."""

    style: Literal["merge", "rebase"] = "merge"
    file: File | None = None
    diff: str = Field(default="", description="What changed in the file of a rebased branch.")
    heads_before: list[str] = Field(default_factory=list)
    heads_after: list[str] = Field(default_factory=list)
    orders: list[OrderTried] = Field(default_factory=list)
    conflicts: list[Conflict] = Field(default_factory=list)
    rehearsal: RehearsalSummary | None = None


class InitReport(Report):
    """The files that make a project an Alembic project, and its first revision."""

    database: Database | None = Field(default=None, description="The database as it was found, null if it was not.")
    template: Literal["sync", "async", "sqlmodel"] | None = None
    asynchronous: bool = False
    configuration: str = Field(default="", description="The file that Alembic reads first.")
    files: list[str] = Field(default_factory=list, description="What was written, the first revision included.")
    models: list[str] = Field(default_factory=list, description="What the models hang on: 'app.db:Base'.")
    modules: list[str] = Field(default_factory=list, description="Modules that env.py imports for their tables.")
    url: str = Field(default="", description="Where env.py takes the address from: a variable or module:expression.")
    revision: File | None = Field(default=None, description="The first revision, null if there is none yet.")
    rehearsal: RehearsalSummary | None = None
    differences: list[Difference] = Field(
        default_factory=list, description="How the models differ from an existing database, as autogenerate sees it."
    )


class CheckReport(Report):
    """The models against the database."""

    database: Database | None = None
    differences: list[Difference] = Field(default_factory=list)
    invisible: list[str] = Field(
        default_factory=list,
        description="Differences that autogenerate can't see: the rule invisible-to-autogenerate.",
    )
    stays: list[str] = Field(
        default_factory=list,
        description="Those of `invisible` that generate leaves as they are, unless it is told otherwise.",
    )
    why_nothing: str | None = Field(default=None, description="Why autogenerate would see nothing, or too much.")
