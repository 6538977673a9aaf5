"""The texts that agents and people read: well formed, and true of the tools that there are."""

import json
import re
from pathlib import Path

import pytest

from alembic_mcp.cli.exits import EXIT_CODES
from alembic_mcp.listener import TOKEN_VARIABLE
from alembic_mcp.project.settings_files import load_settings
from alembic_mcp.review.rules import RULES
from alembic_mcp.tools.table import TOOLS

ROOT = Path(__file__).parents[1]
MAIN = ROOT / "SKILL.md"
SKILLS = [MAIN, *sorted(ROOT.glob("skills/*/SKILL.md"))]
TOOL_NAMES = {entry.function.__name__ for entry in TOOLS}


def parts(path):
    _, front, body = path.read_text().split("---\n", 2)
    return dict(line.split(": ", 1) for line in front.splitlines()), body


def ids(path):
    return str(path.relative_to(ROOT))


def test_there_are_skills():
    assert len(SKILLS) >= 2


@pytest.mark.parametrize("path", SKILLS, ids=ids)
def test_front_matter_is_what_clients_accept(path):
    front, body = parts(path)

    assert front.keys() == {"name", "description"}
    assert front["name"] == ("alembic-mcp" if path == MAIN else path.parent.name)
    assert re.fullmatch(r"[a-z0-9-]{1,64}", front["name"])
    assert 0 < len(front["description"]) <= 1024
    assert ": " not in front["description"], "YAML would take it for a mapping"
    assert len(body.splitlines()) < 500


@pytest.mark.parametrize("path", SKILLS, ids=ids)
def test_every_skill_names_every_tool(path):
    _, body = parts(path)

    assert {name for name in TOOL_NAMES if f"`{name}`" not in body} == set()


@pytest.mark.parametrize("path", [*SKILLS, ROOT / "README.md"], ids=ids)
def test_what_is_to_be_called_is_a_tool(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    called = set(re.findall(r"\b(?:[Cc]all|then|first) `([a-z_]+)`", text))

    assert called <= TOOL_NAMES


def test_the_readme_has_a_line_for_every_tool_and_for_no_other():
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), flags=re.MULTILINE)

    assert sorted(rows) == sorted(TOOL_NAMES)


def test_the_readme_has_every_exit_code():
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), flags=re.MULTILINE)

    assert rows == re.findall(r"^(\d+) ", EXIT_CODES, flags=re.MULTILINE)


def test_the_settings_in_the_readme_are_accepted(tmp_path):
    (example,) = re.findall(r"^```toml\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "pyproject.toml").write_text(example)

    settings = load_settings([tmp_path])

    assert settings.loosening_ignored == ()
    assert settings.databases["staging"].env == {"DATABASE_URL": "STAGING_DATABASE_URL"}


@pytest.mark.parametrize("name", [TOKEN_VARIABLE, "mcp-name: io.github.alembic-mcp/alembic-mcp"])
def test_the_readme_has_the_name(name):
    assert name in (ROOT / "README.md").read_text()


def test_the_plugin_starts_the_server_that_the_readme_tells_to_start():
    plugin = json.loads((ROOT / ".claude-plugin/plugin.json").read_text())
    server = json.loads((ROOT / plugin["mcpServers"]).read_text())["mcpServers"]["alembic"]

    assert (
        f"claude mcp add alembic -- {' '.join([server['command'], *server['args']])}"
        in (ROOT / "README.md").read_text()
    )
    assert [(ROOT / folder / "SKILL.md").is_file() for folder in plugin["skills"]] == [True]


@pytest.mark.parametrize("path", SKILLS, ids=ids)
def test_every_rule_that_a_skill_names_exists(path):
    escalations = {"drops-data"}
    skills = {skill.parent.name for skill in SKILLS}
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", parts(path)[1]))

    assert named <= {rule.name for rule in RULES} | escalations | skills


@pytest.mark.parametrize("path", SKILLS, ids=ids)
def test_the_code_in_a_skill_is_python(path):
    for block in re.findall(r"^```python\n(.*?)^```", parts(path)[1], flags=re.DOTALL | re.MULTILINE):
        compile(block, str(path), "exec")
