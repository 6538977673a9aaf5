"""Makes of what autogenerate proposes what is to be written: renames, what it can't see, questions, safe forms."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from alembic.autogenerate import RevisionContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext

from ..compare import counted
from ..differences import flat, listed
from ..look import metadatas
from ..rewrites import rewritten
from ..rewrites.rewrites_table import questions as rewrite_questions
from .asking import asked, check_answers
from .changes import Change, Facts, changes_of
from .data_revision import data_change
from .fill_targets import filled
from .fill_trial import try_fills
from .freeing import freed_first
from .invisible import integrated, invisible
from .keeping import kept
from .quoting import written_plain
from .renames import renamed
from .staging import stages
from .text_enums import text_enums
from .unread import brought_back, completed

__all__ = ["Proposal"]


class Proposal:
    """What is found out while a revision is made.

    Attributes:
        found: the answer of the call ``render`` but for its files:
            ``differences`` between models and database as autogenerate sees them;
            ``metadata_tables``, ``database_tables``: how many there are; ``metadata_names``;
            ``drops``: tables that would be dropped;
            ``questions`` that have to be answered first: ``[{"id", "question", "table", "options", "count"}]``;
            ``unfinished``: somebody has to write into the revision before it is whole;
            ``fills``: what the values that were given are for, see `fill_targets.filled`;
            ``rewrites``: ``[{"rule", "table", "why"}]``;
            ``invisible``: differences that autogenerate can't see and that are not in the revision either;
            ``in_depth``: it was looked for;
            ``loses``: what the downgrades can't bring back;
            ``changes``: what the revisions change, before they are made safe: table (or ``""``) -> descriptions.
        notes: revision -> paragraphs for its docstring.
        types: those of the models' columns.
        warnings: one sentence each.
    """

    def __init__(self, args: Dict[str, Any]) -> None:
        self.found: Dict[str, Any] = {
            "differences": [],
            "metadata_tables": None,
            "database_tables": None,
            "metadata_names": [],
            "drops": [],
            "questions": [],
            "fills": [],
            "unfinished": False,
            "rewrites": [],
            "invisible": [],
            "in_depth": False,
            "loses": [],
            "changes": {},
        }
        self.notes: Dict[str, List[str]] = {}
        self.warnings: List[str] = []
        self.types: List[Any] = []
        self._args = args

    def prepare(self, context: MigrationContext) -> None:
        """Before autogenerate runs."""
        self.found.update(counted(context))
        self.types = [
            column.type
            for each in metadatas(context) or ()
            for table in each.tables.values()
            for column in table.columns
        ]
        if self._safe and context.dialect.name == "sqlite" and not context.opts.get("render_as_batch"):
            context.opts["render_as_batch"] = True  # SQLite can't alter a column in another way

    def made(self, revisions: RevisionContext, context: MigrationContext) -> None:
        """After autogenerate ran: change ``revisions.generated_revisions`` into what is to be written."""
        scripts, made = revisions.generated_revisions, []
        for script in scripts:
            self.found["differences"] += listed(script.upgrade_ops_list, context.dialect)
            self.found["drops"] += [
                f"{op.schema}.{op.table_name}" if op.schema else op.table_name
                for container in script.upgrade_ops_list
                for op in flat(container)
                if type(op).__name__ == "DropTableOp"
            ]
            made += self._staged(script, context)
        revisions.generated_revisions = made
        written_plain(context)

    def data(self, revisions: RevisionContext, context: MigrationContext) -> None:
        """Put the change of rows that was asked for into the revision; ``unfinished``: a person goes on with it."""
        script = revisions.generated_revisions[-1]
        facts = Facts(context, context.opts.get("target_metadata"), self._args)
        change, whole = data_change(self._args, facts, str(script.rev_id))
        (stage,) = stages([change], script, facts)
        self.notes[stage.script.rev_id] = stage.notes
        self.found.update(loses=stage.loses, unfinished=not whole)
        revisions.generated_revisions = [stage.script]

    @staticmethod
    def has_operations(revisions: RevisionContext) -> bool:
        """Whether there is anything to write."""
        return any(
            not container.is_empty()
            for script in revisions.generated_revisions
            for container in script.upgrade_ops_list
        )

    def _staged(self, script: Any, context: MigrationContext) -> List[Any]:
        facts = Facts(context, context.opts.get("target_metadata"), self._args)
        if len(script.upgrade_ops_list) > 1:
            self.warnings.append("env.py makes several sets of operations: they are written as Alembic gives them.")
            return [script]
        changes = self._changes(script, facts)
        if changes is None:
            self.warnings.append(
                "env.py changes what autogenerate proposes (process_revision_directives) into what has no downgrade "
                "of its own: it is written as it is, without rewrites."
            )
            return [script]
        if self.found["questions"]:
            return [script]
        if not changes:  # what was proposed shall stay as it is
            script.upgrade_ops, script.downgrade_ops = ops.UpgradeOps([]), ops.DowngradeOps([])
            return [script]
        self._describe(changes, context)
        if self._safe:
            changes, rewrites = rewritten(changes, facts)
            self.found["rewrites"] += rewrites
        found = stages(changes, script, facts)
        for stage in found:
            self.notes[stage.script.rev_id] = stage.notes
            self.found["loses"] += stage.loses
        return [stage.script for stage in found]

    def _changes(self, script: Any, facts: Facts) -> Optional[List[Change]]:
        # The order matters: what is one rename is no drop to ask about, and what is missing may need a value too.
        changes = changes_of(script.upgrade_ops_list, script.downgrade_ops_list, facts)
        if changes is None:
            return None
        changes = renamed(changes, facts, self._args.get("renames") or ())
        self.found["drops"] = [table for table in self.found["drops"] if table not in facts.former.values()]
        unseen = invisible(changes, facts)
        self.found["in_depth"] = facts.models is not None
        self.found["invisible"] += [*unseen.left, *unseen.stays]
        self.found["questions"] += unseen.questions
        changes = integrated(changes, unseen)
        changes, questions = text_enums(changes, facts)
        self.found["questions"] += questions
        changes, questions = asked(changes, facts)
        self.found["questions"] += questions
        self.found["questions"] += rewrite_questions(changes, facts) if self._safe else []
        check_answers(facts)
        if self._safe:
            try_fills(changes, facts)
        self.found["fills"] = filled(changes, facts)
        if self.found["questions"]:
            return changes
        changes = completed(freed_first(brought_back(changes, facts)), facts)
        changes, warnings = kept(changes, facts, script.rev_id)
        self.warnings += warnings
        return changes

    def _describe(self, changes: List[Change], context: MigrationContext) -> None:
        for change in changes:
            for item in listed([ops.UpgradeOps(change.up)], context.dialect):
                table = change.table or item["table"] or ""
                self.found["changes"].setdefault(table, []).append(item["description"])

    @property
    def _safe(self) -> bool:
        return (self._args.get("style") or "safe") == "safe"
