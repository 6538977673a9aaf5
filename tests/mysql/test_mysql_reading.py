"""MySQL's SQL as it is read without a server: what commits, what copies a table, what is hidden in it."""

import pytest

from alembic_mcp.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterObject,
    Column,
    ConstraintKind,
    Delete,
    Direction,
    DropConstraint,
    Harmless,
    Revision,
    Unrecognised,
)
from alembic_mcp.policy import touched
from alembic_mcp.review.copying import copies
from alembic_mcp.review.engine import review
from alembic_mcp.review.questions import Facts
from alembic_mcp.review.sql import read
from alembic_mcp.worker.implicit_commits import commits, kept
from alembic_mcp.workflows import halves


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE a ADD b int", True),
        ("  -- why\n# and how\n/* long */ CREATE INDEX i ON a (b)", True),
        ("/*!50001 DROP TABLE a */", True),
        ("rename table a to b", True),
        ("TRUNCATE a", True),
        ("LOCK TABLES a WRITE", True),
        ("START TRANSACTION", True),
        ("CREATE TEMPORARY TABLE a (b int)", False),
        ("DROP TEMPORARY TABLE a", False),
        ("INSERT INTO a VALUES (1)", False),
        ("UPDATE a SET b = 'DROP TABLE a'", False),
        ("SET foreign_key_checks = 0", False),
        ("SELECT 1 -- DROP TABLE a", False),
    ],
)
def test_what_mysql_commits_by_itself_is_known(sql, expected):
    assert commits("mysql", sql) is expected
    assert commits("mariadb", sql) is expected
    assert commits("postgresql", sql) is False


ADD, INSERT, READ = "ALTER TABLE a ADD b int", "INSERT INTO a VALUES (1)", "SELECT 1"


@pytest.mark.parametrize(
    ("ran", "stays"),
    [
        pytest.param([ADD, INSERT, (ADD,)], [ADD, INSERT], id="rows before DDL that fails"),
        pytest.param([ADD, INSERT, (INSERT,)], [ADD], id="rows after DDL are taken back"),
        pytest.param([INSERT, (INSERT,)], [], id="rows alone are taken back"),
        pytest.param([(ADD,)], [], id="the first one fails"),
        pytest.param([READ, ADD, READ], [ADD], id="the code after it fails"),
    ],
)
def test_what_stays_of_a_revision_that_failed(ran, stays):
    statements = [
        {"sql": each[0], "error": "it failed"} if isinstance(each, tuple) else {"sql": each, "error": None}
        for each in ran
    ]
    assert kept("mysql", statements) == stays
    assert kept("postgresql", statements) == []


def test_a_recording_is_marked_only_where_the_database_commits_by_itself():
    recorded = {"revisions": {"r1": {"upgrade": {"operations": [], "statements": [{"sql": ADD}, {"sql": INSERT}]}}}}
    marked = halves.marked(recorded, "mariadb")["revisions"]["r1"]["upgrade"]["statements"]
    assert [each["autocommit"] for each in marked] == [True, False]
    assert halves.marked(recorded, "postgresql") is recorded


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("/*M!100100 DROP TABLE a */", id="a comment that MariaDB runs"),
        pytest.param("/*! DROP TABLE a */", id="a comment that MySQL runs"),
        pytest.param("SELECT 1--1; DROP TABLE a", id="two dashes that begin no comment"),
        pytest.param("SELECT 'it\\'s'--1; DROP TABLE a", id="the same after a string"),
        pytest.param("ALTER TABLE a DROP PARTITION p0", id="a partition"),
        pytest.param("ALTER TABLE a EXCHANGE PARTITION p0 WITH TABLE b", id="rows that change places"),
        pytest.param("CREATE OR REPLACE TABLE a (b int)", id="a table that is dropped first"),
        pytest.param("LOAD DATA INFILE 'x' INTO TABLE a", id="a file"),
        pytest.param("PREPARE s FROM 'DROP TABLE a'", id="SQL in a string"),
        pytest.param("CALL p()", id="a procedure"),
    ],
)
def test_what_is_not_understood_is_never_passed(sql):
    assert any(isinstance(op, Unrecognised) for op in read(sql, "mysql"))


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT 1 -- a--b", id="dashes in a comment"),
        pytest.param("SELECT '--x', `a--b`, \"--\"", id="dashes in strings and names"),
        pytest.param("SELECT 1 # a--b", id="dashes in the other comment"),
        pytest.param("--\nSELECT 1", id="an empty comment"),
    ],
)
def test_what_only_looks_hidden_is_read(sql):
    assert {type(op) for op in read(sql, "mysql")} == {Harmless}


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("UPDATE person p JOIN acgme_score s ON s.id = p.id SET s.points = 0", {"person", "acgme_score"}),
        ("DELETE s FROM acgme_score s JOIN person p ON p.id = s.id", {"acgme_score"}),
        ("DELETE FROM s USING acgme_score AS s JOIN person p ON p.id = s.id WHERE p.id = 1", {"acgme_score"}),
        ("DELETE s FROM acgme_score s", {"acgme_score"}),
        ("DELETE FROM acgme_score WHERE id = 1", {"acgme_score"}),
    ],
)
def test_a_protected_table_is_known_behind_its_alias(sql, tables):
    [op] = read(sql, "mysql")
    assert isinstance(op, (Delete, Unrecognised))
    assert touched(op) == tables


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "ALTER TABLE a MODIFY b varchar(20) NOT NULL",
            AlterColumn(table="a", column="b", type="varchar(20)", nullable=False, from_sql=True),
        ),
        (
            "ALTER TABLE `a` CHANGE `b` `c` varchar(50) NULL DEFAULT 'x' COMMENT 'why' AFTER id",
            AlterColumn(
                table="a", column="b", type="varchar(50)", nullable=True, default="'x'", rename_to="c", from_sql=True
            ),
        ),
        (
            "LOCK TABLES a WRITE",
            AlterObject(kind="table", action="lock", name="a", table="a", text="a WRITE", from_sql=True),
        ),
    ],
)
def test_mysqls_own_statements_mean_what_they_say(sql, expected):
    assert read(sql, "mysql") == [expected]


TYPE = "Changing the type of a.b to"
COLUMN = {"table": "a", "column": "b"}
PRIMARY, FOREIGN = ConstraintKind.PRIMARY_KEY, ConstraintKind.FOREIGN_KEY


@pytest.mark.parametrize(
    ("op", "why"),
    [
        (AlterColumn(**COLUMN, type="BIGINT", existing_type="INTEGER(11)"), f"{TYPE} BIGINT"),
        (AlterColumn(**COLUMN, type="INTEGER", existing_type="INT(11)"), None),
        (AlterColumn(**COLUMN, type="VARCHAR(60)", existing_type="VARCHAR(50)"), None),
        (AlterColumn(**COLUMN, type="VARCHAR(80)", existing_type="VARCHAR(50)"), f"{TYPE} VARCHAR(80)"),
        (AlterColumn(**COLUMN, type="VARCHAR(20)", existing_type="VARCHAR(50)"), f"{TYPE} VARCHAR(20)"),
        (AlterColumn(**COLUMN, type="ENUM('a','b')", existing_type="ENUM('a')"), None),
        (AlterColumn(**COLUMN, type="ENUM('b')", existing_type="ENUM('a','b')"), f"{TYPE} ENUM('b')"),
        (AlterColumn(**COLUMN, type="TEXT"), f"{TYPE} TEXT"),
        (AlterColumn(**COLUMN, rename_to="c"), None),
        (AddColumn(table="a", column=Column("c", "INTEGER")), None),
        (AddColumn(table="a", column=Column("c", "INTEGER", computed=True)), "Adding the generated column a.c"),
        (DropConstraint(table="a", name=None, kind=PRIMARY), "Dropping the primary key of a"),
        (AddConstraint(table="a", name="f", kind=FOREIGN, references="b"), "Adding the foreign key f to a"),
        (AddConstraint(table="a", name="u", kind=ConstraintKind.UNIQUE), None),
        (AlterObject(kind="table", action="engine", table="a"), "ALTER TABLE a ENGINE"),
    ],
)  # fmt: skip
def test_what_copies_a_table_is_told_from_what_is_done_in_place(op, why):
    assert copies(op) == why


def judged(sql, dialect="mysql"):
    revision = Revision("r1", "r1.py", upgrade=tuple(read(sql, dialect)))
    return review([revision], Facts(), dialect, running=Direction.UPGRADE)


def test_a_copy_is_a_finding_and_says_how_to_find_out():
    [found] = [one for one in judged("ALTER TABLE a CONVERT TO CHARACTER SET utf8mb4") if one.rule == "rewrites-table"]
    assert "makes MySQL copy a (an unknown number of rows), and nobody can write to it meanwhile" in found.problem
    assert "ALGORITHM=INPLACE, LOCK=NONE" in found.remedy
    assert "rewrites-table" not in {one.rule for one in judged("CREATE INDEX i ON a (b)")}


@pytest.mark.parametrize(
    ("sql", "is_found"),
    [
        ("SET FOREIGN_KEY_CHECKS = 0", True),
        ("SET SESSION unique_checks=OFF", True),
        ("SET @@foreign_key_checks = 0", True),
        ("SET sql_mode = ''", True),
        ("SET FOREIGN_KEY_CHECKS = 1", False),
        ("SET NAMES utf8mb4", False),
    ],
)
def test_checks_that_are_switched_off_are_found(sql, is_found):
    assert ("disables-protection" in {one.rule for one in judged(sql)}) is is_found


def test_remedies_are_no_other_databases():
    said = [one.remedy for one in judged("ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c (id)")]
    assert said
    assert not [text for text in said if "postgresql" in text or "VALIDATE" in text]


def test_a_narrower_type_is_said_to_cut_where_the_mode_is_not_strict():
    op = AlterColumn(table="a", column="b", type="VARCHAR(10)", existing_type="VARCHAR(20)")
    for dialect, cut in (("mysql", True), ("postgresql", False)):
        found = review([Revision("r1", "r1.py", upgrade=(op,))], Facts(), dialect, running=Direction.UPGRADE)
        [narrows] = [one for one in found if one.rule == "narrows-type"]
        assert ("without strict SQL mode they are cut" in narrows.problem) is cut
        assert ("postgresql_not_valid" in narrows.remedy) is not cut
