"""Re-pointing a revision file: one token and one line of the docstring change, and not a byte more."""

from pathlib import Path

import pytest

from alembic_mcp.errors import Refused
from alembic_mcp.revisions.repointing import repointed

PATH = Path("versions/b2_x.py")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            'revision = "b2"\ndown_revision = "a1"\n', 'revision = "b2"\ndown_revision = "c3"\n', id="double quotes"
        ),
        pytest.param("revision = 'b2'\ndown_revision='a1'", "revision = 'b2'\ndown_revision='c3'", id="single quotes"),
        pytest.param(
            'revision: str = "b2"\ndown_revision: str | None = "a1"  # not "a1"\n',
            'revision: str = "b2"\ndown_revision: str | None = "c3"  # not "a1"\n',
            id="annotated, with a comment",
        ),
        pytest.param(
            'revision = "b2"\ndown_revision = ("a1",)\n',
            'revision = "b2"\ndown_revision = ("c3",)\n',
            id="tuple of one",
        ),
        pytest.param(
            '"""a1 is not meant\n\nRevision ID: b2\nRevises: a1\nCreate Date: a1\n"""\nrevision = "b2"\n'
            'down_revision = "a1"\nA = "a1"\n',
            '"""a1 is not meant\n\nRevision ID: b2\nRevises: c3\nCreate Date: a1\n"""\nrevision = "b2"\n'
            'down_revision = "c3"\nA = "a1"\n',
            id="docstring",
        ),
        pytest.param(
            '"""é\r\n\r\nRevises: a1\r\n"""\r\nrevision = "b2"\r\nÜ = "ü"; down_revision = "a1"\r\n',
            '"""é\r\n\r\nRevises: c3\r\n"""\r\nrevision = "b2"\r\nÜ = "ü"; down_revision = "c3"\r\n',
            id="line ends of Windows and letters of two bytes",
        ),
        pytest.param(
            '\ufeffrevision = "b2"\ndown_revision = "a1"\n', '\ufeffrevision = "b2"\ndown_revision = "c3"\n', id="BOM"
        ),
        pytest.param(
            '"""x\n\nRevises: a1b\n"""\nrevision = "b2"\ndown_revision = "a1"\n',
            '"""x\n\nRevises: a1b\n"""\nrevision = "b2"\ndown_revision = "c3"\n',
            id="a docstring that says something else",
        ),
    ],
)
def test_only_the_parent_changes(before, after):
    assert repointed(PATH, before.encode(), "c3").decode() == after


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param('revision = "b2"\ndown_revision = None\n', "revises nothing", id="base"),
        pytest.param('revision = "b2"\ndown_revision = ("a1", "a2")\n', "revises a1 and a2", id="merge"),
        pytest.param('revision = "b2"\ndown_revision = "a" "1"\n', "", id="pieces on one line"),
        pytest.param('revision = "b2"\ndown_revision = ("a"\n  "1")\n', "plain string", id="pieces on two lines"),
        pytest.param('revision = "b2"\ndown_revision = parent()\n', "plain literal", id="computed"),
        pytest.param('revision = "b2"\ndown_revision =\n', "not valid Python", id="broken"),
    ],
)
def test_what_is_not_plain_is_refused(text, why):
    if not why:
        assert b'"c3"' in repointed(PATH, text.encode(), "c3")
        return
    with pytest.raises(Refused, match=why):
        repointed(PATH, text.encode(), "c3")


def test_another_encoding_is_refused():
    with pytest.raises(Refused, match="UTF-8"):
        repointed(PATH, '# coding: latin-1\nrevision = "b2"\ndown_revision = "a1"  # é\n'.encode("latin-1"), "c3")
