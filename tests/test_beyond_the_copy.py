"""What an empty copy, or a rehearsal of one revision at a time, does not show by itself."""

import pytest

from alembic_mcp.operations import Direction
from alembic_mcp.policy import decide
from alembic_mcp.report import Decision, Severity
from alembic_mcp.review.engine import review
from alembic_mcp.review.questions import Answer, Exists, Facts, RowCount
from alembic_mcp.review.reading import read_path
from alembic_mcp.settings import Settings
from alembic_mcp.target import Environment

SCHEMA = {
    "table owners": "", "column owners.id": "integer NOT NULL",
    "table pets": "", "column pets.id": "integer NOT NULL", "column pets.owner": "integer",
    "constraint pets_owner_fkey on pets": "FOREIGN KEY (owner) REFERENCES owners(id) ON DELETE CASCADE",
    "table visits": "", "column visits.pet": "integer",
    "constraint visits_pet_fkey on visits": "FOREIGN KEY (pet) REFERENCES pets(id) ON DELETE CASCADE",
    "table notes": "", "column notes.owner": "integer",
    "constraint notes_owner_fkey on notes": "FOREIGN KEY (owner) REFERENCES owners(id) ON DELETE SET NULL",
    "trigger log_it on owners": "CREATE TRIGGER log_it AFTER DELETE ON owners FOR EACH ROW EXECUTE FUNCTION log_it()",
    "trigger once on owners": "CREATE TRIGGER once AFTER UPDATE ON owners FOR EACH STATEMENT EXECUTE FUNCTION log_it()",
}  # fmt: skip
LARGE = {RowCount(table): Answer(5_000_000, estimated=True) for table in ("owners", "pets", "visits", "a", "b")}


def sent(sql, line, lock=None, transaction=1, **more):
    locks = [{"mode": lock[0], "table": lock[1]}] if lock else []
    measured = {"locks": locks, "complete": True}
    return {"sql": sql, "line": line, "transaction": transaction, "measured": measured, **more}


def read(*revisions):
    """A path of revisions, each a list of statements; any other key of its recording after it."""
    names = [f"r{number}" for number, _ in enumerate(revisions, start=1)]
    recorded = {
        name: {"upgraded": True, "downgraded": True, "upgrade": {"operations": [], "statements": statements}, **more}
        for name, (statements, more) in zip(names, revisions, strict=True)
    }
    return read_path({"path": [{"revision": name} for name in names], "revisions": recorded}, "postgresql", "public")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM owners WHERE name = 'x'", ["pets, visits", "empties the key of the rows of notes", "log_it"]),
        ("DELETE FROM owners", ["pets, visits", "trigger log_it"]),
        ("DELETE FROM visits WHERE pet = 1", []),
        ("UPDATE owners SET name = 'x'", []),
    ],
)
def test_what_a_delete_spreads_to_is_named(sql, said):
    [found] = review(read(([sent(sql, 5)], {})), Facts(LARGE), "postgresql", schema=SCHEMA)

    assert all(part in found.problem for part in said), found.problem
    assert ("also" in found.problem) is bool(said)


ADD = sent("ALTER TABLE a ADD COLUMN x int", 7, ("AccessExclusiveLock", "a"))
INDEX = sent("CREATE INDEX ix ON b (y)", 9, ("ShareLock", "b"))


def test_locks_add_up_where_all_revisions_run_in_one_transaction():
    path = read(([ADD], {}), ([INDEX], {}), ([sent("SELECT 1", 3)], {}))

    apart = review(path, Facts(LARGE), "postgresql", lock_timeout=True)
    together = review(path, Facts(LARGE), "postgresql", lock_timeout=True, one_transaction=True)

    assert {one.rule for one in apart} == {"index-without-concurrently"}
    [held] = [one for one in together if one.rule == "lock-held-long"]
    assert (held.revision, held.line) == ("r2", 9)
    assert "a (line 7 of r1)" in held.problem
    assert "ends with r3" in held.problem
    assert "transaction_per_migration=True" in held.remedy


def test_an_autocommit_block_gives_back_what_earlier_revisions_hold():
    concurrently = sent("CREATE INDEX CONCURRENTLY ic ON b (z)", 8, autocommit=True)
    path = read(([ADD], {}), ([concurrently, INDEX], {}))

    found = review(path, Facts(LARGE), "postgresql", lock_timeout=True, one_transaction=True)

    assert {one.rule for one in found} == {"index-without-concurrently"}


NOT_THERE = {"upgraded": False, "downgraded": None, "upgrade_error": {
    "message": 'FeatureNotSupported: extension "postgis" is not available', "line": 5,
    "sql": "CREATE EXTENSION postgis",
}}  # fmt: skip


@pytest.mark.parametrize(
    ("available", "rule", "severity", "decision"),
    [
        (1, "fails-on-scratch", Severity.DANGER, Decision.ASK),
        (None, "fails-on-scratch", Severity.DANGER, Decision.ASK),
        (0, "missing-extension", Severity.BLOCKER, Decision.REFUSE),
    ],
)
def test_an_extension_that_only_the_scratch_server_lacks_is_no_failure(available, rule, severity, decision):
    failed = {"sql": "CREATE EXTENSION postgis", "line": 5, "transaction": 1, "error": "not available"}
    path = read(([failed], NOT_THERE))
    facts = Facts({} if available is None else {Exists("available extension", "postgis"): Answer(available)})

    found = review(path, facts, "postgresql", running=Direction.UPGRADE)
    verdict = decide(
        found, path, facts, environment=Environment.DEVELOPMENT, environment_reason="", settings=Settings(),
        action="upgrade",
    )  # fmt: skip

    assert [(one.rule, one.severity) for one in found if one.direction is Direction.UPGRADE] == [(rule, severity)]
    assert verdict.decision is decision
    assert not (available and verdict.refusals)
