"""The rule reference is what the rules say (``pytest --update-golden`` rewrites it)."""

import subprocess
import sys
from pathlib import Path

import pytest

from alembic_mcp.review.reference import reference
from alembic_mcp.review.rules import RULES

ROOT = Path(__file__).parents[1]


def test_the_rule_reference_is_up_to_date(golden):
    golden(ROOT / "skills/database-migration/references/rules.md", reference())


def test_it_can_be_written_from_the_command_line():
    command = [sys.executable, "-m", "alembic_mcp.review.reference"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == reference()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_has_its_section(rule):
    _, _, section = reference().partition(f"\n## {rule.name}\n")
    section = section.partition("\n## ")[0]
    assert f"Severity: {rule.severity.value}" in section
    assert f"Instead: {rule.remedy}" in section
