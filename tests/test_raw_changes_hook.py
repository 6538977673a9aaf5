"""The plugin's hook: what changes a database past the tools is denied and the tool named, all else is let through."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from alembic_mcp.tools.table import TOOLS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".claude-plugin" / "hooks"
HOOKS = json.loads((FOLDER / "hooks.json").read_text())
[ENTRY] = HOOKS["hooks"]["PreToolUse"]
SCRIPT = FOLDER / "raw_changes.py"
TOOL_NAMES = {entry.function.__name__ for entry in TOOLS}


def load():
    """The hook's module, which stands in no package."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        spec = importlib.util.spec_from_file_location("raw_changes", SCRIPT)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPT.parent))
    return module


HOOK = load()


def run(given, cwd=None):
    """Run the hook as the plugin's file says, with *given* on stdin."""
    [hook] = ENTRY["hooks"]
    command = [
        os.path.expandvars(part) for part in shlex.split(hook["command"].replace("${CLAUDE_PLUGIN_ROOT}", str(ROOT)))
    ]
    return subprocess.run(
        command, input=given, cwd=cwd, capture_output=True, text=True, timeout=hook["timeout"], check=False
    )


def judged(command, cwd):
    """The reason for which *command* is denied; empty if it is not."""
    return HOOK.Judge(str(cwd)).text(command) or ""


def given(command, cwd="."):
    """What Claude Code hands to the hook."""
    return json.dumps(
        {"hook_event_name": "PreToolUse", "tool_name": "Bash", "cwd": str(cwd), "tool_input": {"command": command}}
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "clean.sql").write_text("SELECT 'DROP TABLE x'; -- drop table y\nCREATE TABLE z (id int);\n")
    (tmp_path / "db" / "harm.sql").write_text("BEGIN;\ndrop   table person;\nCOMMIT;\n")
    return tmp_path


DENIED = {
    "upgrade": [
        "alembic upgrade head",
        "alembic -c backend/alembic.ini -n other -x tenant=acme upgrade +1",
        "alembic --config=a.ini --raiseerr upgrade head 2>&1 | tail -5",
        "python -m alembic upgrade head",
        "./.venv/bin/python3.12 -W ignore -m alembic upgrade head",
        ".venv/bin/alembic upgrade head",
        "uv run alembic upgrade head",
        "uv run --directory backend --with psycopg -- alembic upgrade head",
        "poetry run alembic upgrade head",
        "pdm run python -m alembic upgrade head",
        "uvx --from alembic alembic upgrade head",
        "DATABASE_URL=postgresql://me@db/app alembic upgrade head",
        "env -u FOO A=b alembic upgrade head",
        "sudo -u postgres alembic upgrade head",
        "time timeout 60 nohup alembic upgrade head &",
        "cd backend && alembic upgrade head",
        "cd backend; alembic upgrade head; echo done",
        "ls\nalembic upgrade head",
        "(alembic upgrade head)",
        "{ alembic upgrade head; }",
        "echo $(alembic upgrade head)",
        'echo "done: `alembic upgrade head`"',
        "if alembic upgrade head; then echo ok; fi",
        "for i in 1 2; do alembic upgrade +1; done",
        "! alembic upgrade head",
        "migrate() { alembic upgrade head; }; migrate",
        "true || alembic upgrade head",
        'sh -c "alembic upgrade head"',
        "bash -lc 'cd backend && alembic upgrade head'",
        "bash <<'EOF'\nalembic upgrade head\nEOF",
        "bash <<< 'alembic upgrade head'",
        "echo 'alembic upgrade head' | sh",
        'eval "alembic upgrade head"',
        "echo head | xargs alembic upgrade",
        "echo upgrade head | xargs -n 2 alembic",
        "docker compose exec -T web alembic upgrade head",
        "docker-compose run --rm web python -m alembic upgrade head",
        "docker exec -it app_web_1 sh -c 'alembic upgrade head'",
        "docker compose -f dev.yml exec web uv run alembic upgrade head",
        "kubectl exec deploy/web -- alembic upgrade head",
        "ssh host 'cd app && alembic upgrade head'",
        "tmux send-keys -t 1 'alembic upgrade head' Enter",
        "script -qc 'alembic upgrade head' /dev/null",
        "find . -name alembic.ini -execdir alembic upgrade head \\;",
        "alembic up\\\ngrade head",
        "al'embic' \"up\"grade head",
        "A=alembic; $A upgrade head",
        'RUN="alembic upgrade head"; $RUN',
        "alembic upgrade head # just this once",
        "python -c \"from alembic import command; command.upgrade(config, 'head')\"",
        "python - <<'EOF'\nimport alembic.config\nalembic.config.main(argv=['upgrade', 'head'])\nEOF",
        "alembic upgrade head --sql | psql app",
        "flask db upgrade",
        "flask --app shop db upgrade head",
        "alembic upgrade 'head",
    ],
    "downgrade": ["alembic downgrade -1", "uv run alembic downgrade base"],
    "stamp": ["alembic stamp --purge head", "python3 -m alembic -c a.ini stamp head"],
    "merge_heads": ["alembic merge -m both heads", "alembic merge heads"],
    "generate": [
        "alembic revision --autogenerate -m x",
        "alembic revision -m x --auto",
        'psql -c "DROP TABLE person"',
        "psql postgresql://me@db/app -c 'select 1' -c 'truncate person'",
        'psql -Atc "delete from person"',
        "psql --command='ALTER TABLE person DROP COLUMN email'",
        'psql -h db -U me app -c "update person set email = null"',
        'psql -c "do \\$\\$ begin drop table person; end \\$\\$"',
        "psql -c \"INSERT INTO public.alembic_version VALUES ('b2')\"",
        "psql -f db/harm.sql",
        "psql --fil=db/harm.sql",
        "cd db && psql -f harm.sql",
        "psql -f not/there.sql",
        "psql app < db/harm.sql",
        "cat db/harm.sql | psql app",
        "psql app <<EOF\nDROP TABLE person;\nEOF",
        "echo 'drop table person' | docker compose exec -T db psql -U postgres app",
        "docker compose exec db psql -U postgres -c 'DROP SCHEMA public CASCADE'",
        "PGPASSWORD=x psql -c 'drop index ix'",
        "dropdb app",
        "docker exec db dropdb --if-exists app",
        "pg_restore --clean -d app dump",
        'sqlite3 app.db "DROP TABLE person"',
        "sqlite3 app.db <<< 'DELETE FROM person;'",
        "sqlite3 app.db '.read db/harm.sql'",
        "mysql app -e 'DROP TABLE person'",
        "python -c \"engine.connect().exec_driver_sql('DROP TABLE person')\"",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "command"), [pytest.param(tool, one, id=one) for tool, commands in DENIED.items() for one in commands]
)
def test_what_changes_a_database_past_the_tools_is_denied_and_the_tool_named(tool, command, folder):
    reason = judged(command, folder)
    assert f"`{tool}`" in reason, reason
    assert set(re.findall(r"tool `(\w+)`", reason)) <= TOOL_NAMES


ALLOWED = [
    "",
    "alembic current",
    "alembic history --verbose",
    "alembic heads && alembic branches",
    "alembic check",
    "alembic show head",
    "alembic --help",
    "alembic upgrade --help",
    "alembic revision -m 'by hand'",
    "alembic upgrade head --sql > up.sql",
    "alembic-mcp upgrade head",
    "uvx alembic-mcp upgrade head",
    "uvx --from ./alembic-mcp alembic-mcp upgrade head",
    "python -m alembic_mcp downgrade -1",
    'git commit -m "alembic upgrade head"',
    "git commit -m \"$(cat <<'EOF'\nDon't alembic upgrade head\n\npsql -c 'DROP TABLE x' (neither)\nEOF\n)\"",
    'grep -rn "alembic upgrade" docs',
    "rg 'DROP TABLE' migrations | head",
    "echo alembic upgrade head",
    "echo 'run: alembic upgrade head' >> README.md",
    "cat > deploy.sh <<'EOF'\nalembic upgrade head\nEOF",
    "ls # alembic upgrade head",
    "uv run pytest -k upgrade tests/test_alembic.py",
    "docker compose logs alembic",
    "docker compose up -d db",
    "docker compose exec db pg_dump -s app",
    "which alembic",
    "pip install alembic psycopg",
    "cat alembic/versions/upgrade.py",
    "vim alembic.ini",
    'psql -c "select 1"',
    "psql -c \"select 'drop table person'\"",
    "psql -Atc 'select count(*) from person where note = $$x$$'",
    'psql -c "select * from person for update"',
    'psql -c "create table note (id int)"',
    "psql -f db/clean.sql",
    "psql < db/clean.sql",
    "psql -l",
    "psql --field-separator=, --csv -c 'select 1'",
    "psql",
    "dropdb --help",
    "pg_restore -l dump",
    "sqlite3 app.db .tables",
    "sqlite3 app.db 'select * from person'",
    "sqlite3 :memory: 'create table t (a); drop table t'",
    "mysql -e 'show tables'",
    "python manage.py migrate",
    "python -c 'import alembic; print(alembic.__version__)'",
    "flask run",
    "sh -c 'echo hello'",
    "make upgrade",
    'x=$((1 + 2)); echo ${x} ${#x} "$(( x ))" \'',
    "$(",
    "<<",
    "`" * 99,
    "(" * 5000,
]


@pytest.mark.parametrize("command", [pytest.param(one, id=one[:60] or "nothing") for one in ALLOWED])
def test_what_is_harmless_or_only_spoken_about_is_let_through(command, folder):
    assert judged(command, folder) == ""


def test_the_decision_is_said_as_claude_code_reads_it(folder):
    ran = run(given("cd db && psql -f harm.sql", folder), cwd="/")
    assert (ran.returncode, ran.stderr) == (0, "")
    said = json.loads(ran.stdout)["hookSpecificOutput"]
    assert (said["hookEventName"], said["permissionDecision"]) == ("PreToolUse", "deny")
    assert "`generate`" in said["permissionDecisionReason"]


def test_what_is_not_denied_is_left_to_the_usual_permissions(folder):
    ran = run(given("alembic current", folder))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), "an allow would skip the question to the developer"


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '"alembic upgrade head"', "{}", '{"tool_name": "Bash"}',
        '{"tool_name": "Bash", "tool_input": 3}',
    ],
    ids=str,
)  # fmt: skip
def test_input_that_is_none_of_a_hook_is_an_error_that_does_not_block(text):
    ran = run(text)
    assert ran.returncode == 1, "Claude Code shows it and goes on; 2 would block"
    assert ran.stdout == ""
    assert "denied nothing" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_another_tool_is_none_of_its_business():
    ran = run(json.dumps({"tool_name": "Write", "tool_input": {"file_path": "x", "content": "alembic upgrade head"}}))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_a_plugin_loads_it_for_the_shell_alone():
    plugin = json.loads((ROOT / ".claude-plugin" / "plugin.json").read_text())
    assert (ROOT / plugin["hooks"]).resolve() == FOLDER / "hooks.json"
    assert re.fullmatch(ENTRY["matcher"], "Bash")
    assert not re.fullmatch(ENTRY["matcher"], "Write")
