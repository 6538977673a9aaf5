import random
import re
import shutil
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import Revision, RevisionError, RevisionMap

from alembic_mcp.errors import Refused
from alembic_mcp.project import Project
from alembic_mcp.revisions import Revisions, ScriptRevision, read

# ids as published projects have them
LINE = [("aa1234567890", ()), ("I43e0b669096", ("aa1234567890",)), ("v3.2.0.a", ("I43e0b669096",))]
TWO_BRANCHES = [
    ("a1aaaa", (), ("gxy",)),
    ("a2aaaa", ("a1aaaa",)),
    ("b1bbbb", (), ("tsi",)),
    ("b2bbbb", ("b1bbbb",)),
]
FORK = [("root01", ()), ("left01", ("root01",), ("left",)), ("left02", ("left01",)), ("right1", ("root01",))]


def script(revision, *fields):
    down, labels, depends, message, path = (*fields, *((), (), (), "", f"{revision}.py")[len(fields) :])
    return ScriptRevision(
        revision=revision,
        down_revisions=down,
        depends_on=depends,
        branch_labels=labels,
        message=message,
        date=None,
        path=Path(path),
        sha256="",
    )


def index(rows):
    return Revisions([script(*row) for row in rows])


def project(folder, *more, recursive=False, static=True):
    locations = tuple(Path(one) for one in (folder, *more))
    return Project(
        name="alembic.ini",
        root=Path(folder).parent,
        config_file=None,
        toml_file=None,
        section="alembic",
        script_location=Path(folder).parent,
        version_locations=locations,
        static=static,
        interpreter=Path(sys.executable),
        recursive=recursive,
    )


@pytest.fixture
def versions(tmp_path):
    folder = tmp_path / "alembic" / "versions"
    folder.mkdir(parents=True)
    return folder


def write(folder, revision, down=None, name=None, body=""):
    text = f'"""Revision {revision}"""\n\nrevision = {revision!r}\ndown_revision = {down!r}\n{body}\n'
    path = folder / f"{name or revision}.py"
    path.write_text(text)
    return path


def ids(scripts):
    return [one.revision for one in scripts]


def problems(revisions):
    return [(problem.kind, problem.path.name if problem.path else None, problem.line) for problem in revisions.problems]


# Reading files


def test_what_a_file_declares_is_read_without_running_it(versions):
    (versions / "v3.py").write_text(
        dedent('''\
            """Add middle_name,
            and an index

            Revision ID: v3.2.0.a
            Revises: I43e0b669096, aa1234567890
            Create Date: 2024-05-01 10:11:12.131415

            """
            from typing import Sequence, Union
            from models import *

            raise SystemExit("nobody runs this")

            revision: str = "v3.2.0" ".a"
            down_revision: Union[str, Sequence[str], None] = ("I43e0b669096", "aa1234567890")
            branch_labels = (None,)
            depends_on = ["b1bbbb"]

            def upgrade(): ...
            def downgrade(): ...
            ''')
    )

    [found] = read(project(versions)).by_id.values()

    assert found.revision == "v3.2.0.a"
    assert found.down_revisions == ("I43e0b669096", "aa1234567890")
    assert found.depends_on == ("b1bbbb",)
    assert found.branch_labels == ()
    assert found.message == "Add middle_name, and an index"
    assert found.date == "2024-05-01 10:11:12.131415"
    assert len(found.sha256) == 64


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        pytest.param("revision = f'{1}a'\ndown_revision = None", 1, "revision is not a plain literal", id="f-string"),
        pytest.param("import x\nrevision = x.new()\ndown_revision = None", 2, "not a plain literal", id="call"),
        pytest.param("revision = 'a'\ndown_revision = 'b' if 1 else None", 2, "down_revision is not", id="conditional"),
        pytest.param("revision = 'a'\nif 1:\n    down_revision = None", 2, "not a plain literal", id="inside an if"),
        pytest.param("revision = 'a'\nrevision = 'b'\ndown_revision = None", 2, "more than once", id="assigned twice"),
        pytest.param("revision, down_revision = 'a', None", 1, "not a plain literal", id="unpacked"),
        pytest.param("from x import revision\ndown_revision = None", 1, "not a plain literal", id="imported"),
        pytest.param("down_revision = None", None, "declares no revision id", id="no revision"),
        pytest.param("revision = 'a'", None, "does not declare down_revision", id="no down_revision"),
        pytest.param("revision = 3\ndown_revision = None", None, "declares no revision id", id="a number"),
        pytest.param("revision = 'a'\ndown_revision = 3", None, "neither a string nor", id="down to a number"),
        pytest.param("revision = 'a-b'\ndown_revision = None", None, "contains -", id="sign Alembic does not allow"),
        pytest.param("revision = 'a'\ndef upgrade(:\n", 2, "not valid Python", id="syntax error"),
        pytest.param(b"revision = 'caf\xe9'\ndown_revision = None", 1, "not valid Python", id="not UTF-8"),
        pytest.param(b"revision = 'a\x00'", None, "not valid Python", id="null byte"),
        pytest.param("x = " + "(" * 300 + ")" * 300, None, "", id="nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_and_the_others_are_there(versions, text, line, why):
    write(versions, "good01")
    (versions / "zz_bad.py").write_bytes(text if isinstance(text, bytes) else text.encode())

    revisions = read(project(versions))

    assert list(revisions.by_id) == ["good01"]
    [problem] = revisions.problems
    assert (problem.kind, problem.path) == ("unreadable", versions / "zz_bad.py")
    assert why in problem.why
    assert line in (None, problem.line)
    assert not revisions.static


def test_a_file_in_a_declared_encoding_is_read(versions):
    (versions / "a.py").write_bytes(b"# coding: latin-1\n'''caf\xe9'''\nrevision = 'a'\ndown_revision = None\n")

    assert read(project(versions)).by_id["a"].message == "café"


def test_warnings_of_the_parser_about_a_file_are_kept_out(versions):
    write(versions, "a1aaaa", body="PATTERN = '\\d'")

    assert read(project(versions)).static


def test_the_files_and_their_order_are_those_that_alembic_takes(versions):
    other = versions.parent / "other"
    for folder in (versions, versions / "sub" / "deep", versions / "__pycache__", other):
        folder.mkdir(parents=True, exist_ok=True)
    write(versions, "c1cccc", name="c")
    write(versions, "a1aaaa", name="z")
    write(versions, "b1bbbb", name=".hidden")
    write(versions / "sub" / "deep", "d1dddd")
    write(versions / "sub", "e1eeee")
    write(other, "f1ffff")
    (other / "again.py").symlink_to(versions / "c.py")
    for name in ("__init__.py", ".#lock.py", "notes.txt", "old.pyc", "__pycache__/x.py"):
        (versions / name).write_text("raise SystemExit")
    (versions.parent / "env.py").write_text("")
    for recursive in (False, True):
        config = Config()
        config.set_main_option("script_location", str(versions.parent))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", f"{versions}\n{other}")
        config.set_main_option("recursive_version_locations", str(recursive).lower())
        with pytest.warns(UserWarning, match="loaded twice"):
            theirs = ScriptDirectory.from_config(config).revision_map._revision_map  # noqa: SLF001

        ours = read(project(versions, other, recursive=recursive))

        assert list(ours.by_id) == [one for one in theirs if one]
        assert [str(one.path) for one in ours.by_id.values()] == [theirs[one].path for one in ours.by_id]
        assert [one.message for one in ours.by_id.values()] == [theirs[one].doc for one in ours.by_id]


def test_an_old_file_without_a_revision_is_called_by_its_name(versions):
    (versions / "1a2b3c.py").write_text("down_revision = None")

    assert list(read(project(versions)).by_id) == ["1a2b3c"]


def test_an_empty_folder_has_no_revisions_and_no_problems(versions):
    revisions = read(project(versions))

    assert (revisions.by_id, revisions.heads, revisions.problems, revisions.static) == ({}, (), (), True)
    with pytest.raises(Refused, match="no revisions yet"):
        revisions.upgrade_target("head", [])


def test_a_missing_folder_is_a_problem_that_does_not_keep_from_working(tmp_path):
    revisions = read(project(tmp_path / "versions"))

    assert problems(revisions) == [("missing-folder", "versions", None)]
    assert revisions.static


def test_a_project_whose_env_py_decides_is_not_static(versions):
    write(versions, "a1aaaa")

    assert not read(project(versions, static=False)).static


def test_nothing_is_read_again_until_something_changes(versions):
    first = write(versions, "a1aaaa")
    before = read(project(versions))
    text = first.read_text()
    first.write_text(text.replace("a1aaaa", "a2aaaa"))
    assert list(read(project(versions)).by_id) == ["a2aaaa"], "a change within one tick of the clock is seen"

    deadline = time.monotonic() + 10
    while (settled := read(project(versions))) is not read(project(versions)):
        assert time.monotonic() < deadline
    assert settled is not before

    write(versions, "b1bbbb", "a2aaaa")
    assert list(read(project(versions)).by_id) == ["a2aaaa", "b1bbbb"]
    first.unlink()
    assert list(read(project(versions)).by_id) == ["b1bbbb"]


# The graph, whatever the files say


def test_heads_bases_branches_and_merges():
    revisions = index([*FORK, ("merge1", ("left02", "right1"))])

    assert revisions.heads == ("merge1",)
    assert revisions.bases == ("root01",)
    assert revisions.branch_points == ("root01",)
    assert revisions.merges == ("merge1",)
    assert revisions.branches_of("left02") == ("left",)
    assert revisions.ancestors(["left02"]) == {"left02", "left01", "root01"}
    assert revisions.descendants(["left02"]) == {"left02", "merge1"}


def test_a_head_that_another_branch_depends_on_is_no_effective_head():
    revisions = index([("a1aaaa", ()), ("b1bbbb", (), (), ("a1aaaa",))])

    assert revisions.heads == ("a1aaaa", "b1bbbb")
    assert revisions.effective_heads == ("b1bbbb",)


@pytest.mark.parametrize(
    ("rows", "kinds", "heads"),
    [
        pytest.param([("a", (), (), (), "", "1.py"), ("a", (), (), (), "", "2.py")], {"duplicate-revision"}, ["a"]),
        pytest.param([("a", ("gone",)), ("b", ("a",))], {"missing-ancestor"}, ["b"], id="missing ancestor"),
        pytest.param([("a", (), (), ("gone",))], {"missing-ancestor"}, ["a"], id="missing dependency"),
        pytest.param([("a", ("a",)), ("b", ("a",))], {"cycle"}, ["b"], id="itself"),
        pytest.param([("a", ("b",)), ("b", ("a",)), ("c", ("b",)), ("d", ())], {"cycle"}, ["c", "d"], id="cycle"),
        pytest.param([("a", (), (), ("b",)), ("b", ("a",))], {"cycle"}, ["b"], id="cycle of dependencies"),
        pytest.param(
            [("a", ("b",)), ("b", ("a",)), ("c", ("d",)), ("d", ("c",)), ("e", ("b", "c"))],
            {"cycle"},
            ["e"],
            id="two cycles",
        ),
        pytest.param([("a", (), ("x",)), ("b", (), ("x",))], {"duplicate-label"}, ["a", "b"], id="label twice"),
    ],
)
def test_broken_graphs_are_reported_and_stay_usable(rows, kinds, heads):
    revisions = index(rows)

    assert {problem.kind for problem in revisions.problems} == kinds
    assert set(heads) <= set(revisions.heads)
    assert sorted(ids(revisions.history)) == sorted(revisions.by_id)
    assert revisions.graph(revisions.history).startswith("flowchart")
    with pytest.raises(Refused, match="broken"):
        revisions.upgrade_target("heads", [])


def test_what_is_broken_elsewhere_does_not_stop_an_upgrade():
    revisions = index([*LINE, ("x", ("gone",))])

    assert revisions.upgrade_target("v3.2.0.a", ["aa1234567890"]) == "v3.2.0.a"


def test_two_projects_of_one_worker_answer_say_the_same(versions):
    for revision, down in (("a1aaaa", None), ("b1bbbb", "a1aaaa"), ("c1cccc", "gone")):
        write(versions, revision, down)
    ours = read(project(versions))
    answer = {
        "revisions": [{**entry, "date": None, "sha256": "00"} for entry in ours.as_worker()],
        "problems": [
            {"kind": "missing-ancestor", "path": str(versions / "c1cccc.py"), "why": "KeyError"},
            {"kind": "unreadable", "path": str(versions / "d.py"), "why": "it raises"},
        ],
    }

    theirs = Revisions.from_worker(answer)

    assert theirs.as_worker() == ours.as_worker()
    assert problems(theirs) == [("unreadable", "d.py", None), ("missing-ancestor", "c1cccc.py", None)]
    assert theirs.static


# What somebody's words mean


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        pytest.param("v3.2.0.a", "v3.2.0.a", id="id"),
        pytest.param("I43e", "I43e0b669096", id="beginning"),
        pytest.param("head", "v3.2.0.a", id="head"),
        pytest.param("base", "aa1234567890", id="base"),
        pytest.param("head-1", "I43e0b669096", id="below head"),
        pytest.param("-2", "aa1234567890", id="below head, without saying head"),
        pytest.param("aa12+1", "I43e0b669096", id="above"),
        pytest.param("v3.2.0.a-2", "aa1234567890", id="below an id with dots"),
    ],
)
def test_a_revision_is_found_by(ref, expected):
    assert index(LINE).get(ref).revision == expected


@pytest.mark.parametrize(
    ("rows", "ref", "message", "step"),
    [
        pytest.param(LINE, "I43e0b669097", "no revision called", "Did you mean I43e0b669096", id="unknown, similar"),
        pytest.param(LINE, "zzz", "no revision called", "history", id="unknown"),
        pytest.param(LINE, "", "no revision called", "history", id="empty"),
        pytest.param([("abcd1", ()), ("abcd2", ("abcd1",))], "abcd", "abcd1, abcd2", "more of the id", id="ambiguous"),
        pytest.param(
            [*FORK, ("left03", ("left01",))], "left@head", "2 heads on branch 'left'", "merge_heads", id="heads"
        ),
        pytest.param(FORK, "head", "left02, right1", r"left@head \(left02\)", id="several heads"),
        pytest.param(FORK, "left@right1", "not on branch", "left@head", id="on another branch"),
        pytest.param(FORK, "rigth@head", "no revision called 'rigth'", "right1", id="unknown branch"),
        pytest.param(FORK, "heads", "2 revisions", "Name one", id="heads is not one"),
        pytest.param(LINE, "head-3", "is base", "base", id="base is no revision"),
        pytest.param(LINE, "head-4", "only 3 revisions to go down", "base", id="below base"),
        pytest.param(
            [*FORK, ("m", ("left02", "right1"))], "head-1", "merges", "downgrade to left02", id="below a merge"
        ),
    ],
)
def test_a_revision_is_refused_when(rows, ref, message, step):
    with pytest.raises(Refused, match=message) as refusal:
        index(rows).get(ref)

    assert any(re.search(step, one) for one in refusal.value.next_steps)


@pytest.mark.parametrize(
    ("rows", "current", "target", "expected"),
    [
        pytest.param(LINE, [], "head", "v3.2.0.a", id="head"),
        pytest.param(LINE, ["v3.2.0.a"], "head", "v3.2.0.a", id="already there"),
        pytest.param(LINE, [], "heads", "heads", id="heads"),
        pytest.param(LINE, [], "+2", "I43e0b669096", id="steps from nothing"),
        pytest.param(LINE, ["aa1234567890"], "+1", "I43e0b669096", id="steps"),
        pytest.param(LINE, [], "v3.2", "v3.2.0.a", id="beginning of an id"),
        pytest.param(TWO_BRANCHES, ["b1bbbb"], "gxy@head", "a2aaaa", id="head of a branch"),
        pytest.param(TWO_BRANCHES, ["b1bbbb", "a1aaaa"], "gxy@+1", "a2aaaa", id="steps on a branch"),
        pytest.param(TWO_BRANCHES, ["b1bbbb"], "gxy@+2", "a2aaaa", id="steps on a branch from nothing"),
        pytest.param(FORK, ["root01"], "left@+1", "left01", id="steps where it forks"),
    ],
)
def test_an_upgrade_leads_to(rows, current, target, expected):
    assert index(rows).upgrade_target(target, current) == expected


@pytest.mark.parametrize(
    ("rows", "current", "target", "message"),
    [
        pytest.param(LINE, ["v3.2.0.a"], "aa12", "is a downgrade", id="below"),
        pytest.param(LINE, ["v3.2.0.a"], "+1", "no revision above v3.2.0.a", id="above the head"),
        pytest.param(LINE, ["aa1234567890"], "+3", "only 2 revisions above", id="too many steps"),
        pytest.param(
            LINE, ["gone12345678"], "head", "at gone12345678, for which there is no revision file", id="unknown"
        ),
        pytest.param(LINE, ["v3.2.0.a"], "-1", "leads down", id="minus"),
        pytest.param(LINE, [], "base", "does not lead to base", id="base"),
        pytest.param(FORK, [], "head", "There are 2 heads", id="several heads"),
        pytest.param(FORK, ["root01"], "+1", "several revisions above", id="it forks"),
        pytest.param(TWO_BRANCHES, ["a1aaaa", "b1bbbb"], "+1", "from which of them", id="several current"),
        pytest.param(LINE, ["v3.2.0.a", "aa1234567890"], "head", "v3.2.0.a includes aa1234567890", id="overlapping"),
    ],
)
def test_an_upgrade_is_refused_when(rows, current, target, message):
    with pytest.raises(Refused, match=message) as refusal:
        index(rows).upgrade_target(target, current)

    assert refusal.value.next_steps


@pytest.mark.parametrize(
    ("rows", "current", "target", "expected", "path"),
    [
        pytest.param(LINE, ["v3.2.0.a"], "-1", "I43e0b669096", ["v3.2.0.a"], id="a step"),
        pytest.param(LINE, ["I43e0b669096"], "-2", "base", ["I43e0b669096", "aa1234567890"], id="steps to base"),
        pytest.param(LINE, ["v3.2.0.a"], "base", "base", ["v3.2.0.a", "I43e0b669096", "aa1234567890"], id="base"),
        pytest.param(LINE, ["v3.2.0.a"], "head-2", "aa1234567890", ["v3.2.0.a", "I43e0b669096"], id="below head"),
        pytest.param(LINE, ["v3.2.0.a"], "v3.2.0.a", "v3.2.0.a", [], id="already there"),
        pytest.param(TWO_BRANCHES, ["a2aaaa", "b2bbbb"], "gxy@-1", "a1aaaa", ["a2aaaa"], id="a step on a branch"),
        pytest.param(TWO_BRANCHES, ["a2aaaa", "b1bbbb"], "tsi@base", "tsi@base", ["b1bbbb"], id="base of a branch"),
        pytest.param(TWO_BRANCHES, ["b1bbbb"], "-1", "b1bbbb@base", ["b1bbbb"], id="a step to one of two bases"),
        pytest.param(FORK, ["left01", "right1"], "left@-1", "left@root01", ["left01"], id="a step below a fork"),
        pytest.param(FORK, ["left01", "right1"], "root01", "root01", ["left01", "right1"], id="both sides of a fork"),
    ],
)
def test_a_downgrade_leads_to(rows, current, target, expected, path):
    revisions = index(rows)
    concrete = revisions.downgrade_target(target, current)

    assert (concrete, ids(revisions.downgrade_path(current, concrete))) == (expected, path)


@pytest.mark.parametrize(
    ("rows", "current", "target", "message"),
    [
        pytest.param(LINE, ["aa1234567890"], "head", "is above aa1234567890.*is an upgrade", id="above"),
        pytest.param(TWO_BRANCHES, ["b2bbbb"], "a1aaaa", "not below b2bbbb", id="another branch"),
        pytest.param(LINE, ["aa1234567890"], "-2", "only 1 revisions? to go down", id="too many steps"),
        pytest.param(LINE, ["v3.2.0.a"], "+1", "leads up", id="plus"),
        pytest.param(LINE, [], "-1", "Nothing is applied", id="nothing applied"),
        pytest.param(LINE, ["gone12345678"], "-1", "no revision file", id="unknown"),
        pytest.param(TWO_BRANCHES, ["a2aaaa", "b2bbbb"], "-1", "gxy@-1|from which of them", id="several current"),
        pytest.param(TWO_BRANCHES, ["a2aaaa"], "tsi@-1", "Nothing of branch 'tsi'", id="branch not applied"),
        pytest.param([*FORK, ("m", ("left02", "right1"))], ["m"], "-1", "m merges left02, right1", id="merge"),
    ],
)
def test_a_downgrade_is_refused_when(rows, current, target, message):
    with pytest.raises(Refused, match=message) as refusal:
        index(rows).downgrade_target(target, current)

    assert refusal.value.next_steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("pending", ["left02", "right1", "merge1"], id="pending"),
        pytest.param("head", ["merge1"], id="head"),
        pytest.param("left", ["left01"], id="label"),
        pytest.param("current", ["left01"], id="current"),
        pytest.param("left01:merge1", ["left01", "left02", "merge1"], id="both ends"),
        pytest.param("left02:", ["left02", "merge1"], id="from"),
        pytest.param(":left01", ["root01", "left01"], id="up to"),
        pytest.param("base:left01", ["root01", "left01"], id="from base"),
        pytest.param("current:", ["left01", "left02", "merge1"], id="from current"),
        pytest.param("-1:left02", ["left01", "left02"], id="from below the end"),
        pytest.param("left01:+1", ["left01", "left02"], id="steps from the start"),
        pytest.param("all", ["root01", "left01", "left02", "right1", "merge1"], id="all"),
    ],
)
def test_a_range_is(text, expected):
    revisions = index([*FORK, ("merge1", ("left02", "right1"))])

    assert sorted(ids(revisions.range(text, ["left01"]))) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("left02:left01", "no range", id="wrong way round"),
        pytest.param("pending", "depends on a database", id="pending without a database"),
        pytest.param("nope:", "no revision called", id="unknown"),
    ],
)
def test_a_range_is_refused(text, message):
    with pytest.raises(Refused, match=message):
        index(FORK).range(text)


def test_pages_go_through_the_history_once_newest_first():
    revisions = index(LINE)
    pages, cursor = [], None
    while True:
        page, cursor = revisions.page(revisions.history, 2, cursor)
        pages.append(ids(page))
        if cursor is None:
            break

    assert pages == [["v3.2.0.a", "I43e0b669096"], ["aa1234567890"]]
    with pytest.raises(Refused, match="no cursor"):
        revisions.page(revisions.history, 2, "stale")


def test_a_diagram_keeps_whatever_a_message_holds_as_text():
    evil = 'Drop "x"]; click r0 "javascript:alert(1)"\n<script>#quot;`' + "x" * 10_000
    revisions = index([("a1", ()), ("b1", ("a1",), (), (), evil), ("c1", (), (), ("a1",))])

    lines = revisions.graph([revisions.by_id["b1"], revisions.by_id["c1"]]).splitlines()

    assert lines[0] == "flowchart TD"
    assert lines[1].startswith('    r0["b1 (head)<br/>Drop #34;x#34;#93;;')
    assert lines[1].count('"') == 2
    assert "<script>" not in lines[1]
    assert len(lines[1]) < 250
    assert lines[2:] == ['    r1["c1 (head)"]', '    o0(["a1"])', "    o0 --> r0", "    o0 -.-> r1"]


# Alembic is the measure


def random_graph(seed):
    chance = random.Random(seed)
    names = [f"{chance.randrange(16**8):08x}" for _ in range(chance.randint(1, 18))]
    rows, heads, labels = [], [], []
    for number, name in enumerate(names):
        earlier = names[:number]
        kind = chance.random()
        if not earlier or kind < 0.08:
            down = ()
        elif kind < 0.7:
            down = (chance.choice(heads),)
        elif kind < 0.85 or len(heads) < 2:
            down = (chance.choice(earlier),)
        else:
            down = tuple(chance.sample(heads, 2))
        others = [one for one in earlier if one not in down] + labels
        # One dependency at most: Alembic keeps several in a set, so their order is another in every process.
        depends = (chance.choice(others),) if others and chance.random() < 0.2 else ()
        own = (f"label{number}",) if chance.random() < 0.15 else ()
        rows.append((name, down, own, depends))
        labels += own
        heads = [one for one in heads if one not in down] + [name]
    chance.shuffle(rows)
    return chance, rows, names, labels


def their_map(rows):
    return RevisionMap(
        lambda: [Revision(name, down or None, depends or None, own or None) for name, down, own, depends in rows]
    )


def up(theirs, target, current):
    return ids(theirs.iterate_revisions(target, current, implicit_base=True))[::-1]


def down(theirs, target, current):
    return ids(theirs.iterate_revisions(current, target, select_for_downgrade=True))


def some_current(chance, ours, names):
    """What the version table holds after upgrades to one or two revisions."""
    applied = ours.ancestors(chance.sample(names, chance.randint(0, min(2, len(names)))))
    return tuple(one for one in ours.by_id if one in applied and not applied & set(ours.dependents[one]))


def test_alembic_agrees_on_heads_bases_and_history():
    for seed in range(150):
        _, rows, _, _ = random_graph(seed)
        ours, theirs = index(rows), their_map(rows)
        history = ids(theirs.iterate_revisions("heads", "base", inclusive=True, assert_relative_length=False))

        assert not ours.problems
        assert (ours.heads, ours.bases) == (theirs.heads, theirs.bases), seed
        assert ours.effective_heads == theirs._real_heads, seed  # noqa: SLF001
        assert ids(ours.history) == history, seed


@pytest.mark.filterwarnings("ignore:downgrade -1 from multiple heads")
def test_alembic_agrees_on_what_an_upgrade_and_a_downgrade_run():
    agreed = {"up": 0, "down": 0, "range": 0}
    for seed in range(150):
        chance, rows, names, labels = random_graph(seed)
        ours, theirs = index(rows), their_map(rows)
        for _ in range(20):
            current = some_current(chance, ours, names)
            one, branch, steps = chance.choice(names), chance.choice([*labels, *names]), chance.randint(1, 4)
            by_word = ["head", "heads", "base", f"+{steps}", f"-{steps}", f"base+{steps}"]
            by_id = [one, one[:5], f"{one}+{steps}", f"{one}-{steps}"]
            by_branch = [f"{branch}@{word}" for word in ("head", "heads", "base", f"+{steps}", f"-{steps}", *by_id[2:])]
            target = chance.choice([*by_word, *by_id, *by_branch, f"{branch}@{one}"])
            agreed["up"] += agree_up(ours, theirs, target, current)
            target = chance.choice([*by_word[2:], *by_id, *by_branch[2:], f"{branch}@{one}"])
            agreed["down"] += agree_down(ours, theirs, target, current)
            agreed["range"] += agree_range(ours, theirs, one, chance.choice(names))

    assert min(agreed.values()) > 500, "the examples are worth something"


def outcome(of, *arguments):
    """What it returns, or the error with which it refuses; the last two are how Alembic answers some wrong targets."""
    try:
        return of(*arguments)
    except (Refused, RevisionError, AttributeError, AssertionError) as error:
        return error


def agree_up(ours, theirs, target, current):
    where = (target, current, ours.as_worker())
    expected = outcome(up, theirs, target, current)
    concrete = outcome(ours.upgrade_target, target, current)
    if isinstance(concrete, Refused):
        # Where Alembic does nothing at all, we say that the target is below.
        nothing = expected == [] and ("downgrade" in concrete.message or "base" in concrete.message)
        assert nothing or isinstance(expected, Exception), where
        return False
    assert ids(ours.pending(current, ours.ids_of(concrete))) == expected, where
    assert up(theirs, concrete, current) == expected, where
    return True


def agree_down(ours, theirs, target, current):
    where = (target, current, ours.as_worker())
    expected = outcome(down, theirs, target, current)
    concrete = outcome(ours.downgrade_target, target, current)
    if isinstance(concrete, Refused):
        # With several current revisions, Alembic warns and takes the first.
        assert not current or "which of them" in concrete.message or isinstance(expected, Exception), where
        return False
    if isinstance(expected, RevisionError) and "@-" in target:
        # Alembic can't go down on a branch below the revision that carries its label; by id, it can.
        expected = down(theirs, concrete, current)
    assert ids(ours.downgrade_path(current, concrete)) == expected, where
    assert down(theirs, concrete, current) == expected, where
    return True


def agree_range(ours, theirs, lower, upper):
    try:
        expected = ids(theirs.iterate_revisions(upper, lower, inclusive=True, assert_relative_length=False))
    except RevisionError:
        expected = None
    except AssertionError:
        # A dependency leads out of the range and back into it.
        return False
    try:
        found = ids(ours.range(f"{lower}:{upper}"))[::-1]
    except Refused:
        found = None
    assert found == expected, (lower, upper, ours.as_worker())
    return expected is not None


def test_several_dependencies_come_before_what_depends_on_them():
    rows = [("a", ()), ("b", ()), ("c", (), ("lab",)), ("d", (), (), ("b", "lab", "a"))]

    path = ids(index(rows).pending([]))

    assert path[-1] == "d"
    assert sorted(path) == ["a", "b", "c", "d"]


# Speed


def test_two_thousand_revisions_are_quick(versions):
    below = None
    for number in range(2000):
        name = f"{number:012x}"
        write(versions, name, below, body="def upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n")
        below = name
    started = time.process_time()
    read(project(versions))
    cold = time.process_time() - started
    deadline = time.monotonic() + 20
    while read(project(versions)) is not read(project(versions)):
        assert time.monotonic() < deadline
    started = time.process_time()
    revisions = read(project(versions))
    warm = time.process_time() - started

    assert len(revisions.by_id) == 2000
    # Several times what it takes, for a busy machine: it is a change of order that must not go unseen.
    assert cold < 1.5
    assert warm < 0.1
    shutil.rmtree(versions)
