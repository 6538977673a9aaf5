import os
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic_mcp.errors import Refused
from alembic_mcp.project import discover, find, load_settings, user_file
from alembic_mcp.revisions import read
from alembic_mcp.settings import NamedDatabase
from alembic_mcp.target import Environment

PYTHON = Path("bin/python")


@pytest.fixture(autouse=True)
def nobody_elses_settings(tmp_path, monkeypatch):
    """No environment, settings or home folder of whoever runs the tests."""
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT", "ALEMBIC_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    return folder


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def scripts(folder, *revisions, env_py=""):
    write(folder / "env.py", env_py)
    (folder / "versions").mkdir(exist_ok=True)
    for revision in revisions:
        write(folder / "versions" / f"{revision}.py", f"revision = {revision!r}\ndown_revision = None\n")
    return folder


def ini(path, *lines, section="alembic"):
    scripts(path.parent / "migrations")
    return write(path, "\n".join([f"[{section}]", "script_location = migrations", *lines, ""]))


def environment(folder):
    write(folder / "pyvenv.cfg")
    python = write(folder / PYTHON)
    python.chmod(0o755)
    return python


# Finding projects


@pytest.mark.parametrize(
    ("start", "name"),
    [
        pytest.param("backend", "backend/alembic.ini", id="here"),
        pytest.param("backend/app/models", "backend/alembic.ini", id="above"),
        pytest.param(".", "backend/alembic.ini", id="below"),
        pytest.param("frontend/src", "backend/alembic.ini", id="beside"),
        pytest.param("backend/alembic.ini", "backend/alembic.ini", id="the file itself"),
    ],
)
def test_a_project_is_found_from(repository, start, name):
    ini(repository / "backend" / "alembic.ini")
    for folder in ("backend/app/models", "frontend/src"):
        (repository / folder).mkdir(parents=True)

    project = find(repository / start)

    assert (project.name, project.root, project.section) == (name, repository / "backend", "alembic")
    assert project.script_location == repository / "backend" / "migrations"
    assert project.version_locations == (repository / "backend" / "migrations" / "versions",)
    assert project.static
    assert project.as_worker() == {
        "root": str(repository / "backend"),
        "config_file": str(repository / "backend" / "alembic.ini"),
        "toml_file": None,
        "section": "alembic",
        "index": None,
    }


def test_nothing_found_says_what_was_looked_for_and_what_to_do(repository):
    with pytest.raises(Refused, match=r"looked for an alembic\.ini .*\[tool\.alembic\]") as refusal:
        find(repository)

    assert str(repository) in refusal.value.message
    assert any("--project" in step for step in refusal.value.next_steps)
    assert discover(repository) == []


def test_a_path_that_is_not_there_is_refused(repository):
    with pytest.raises(Refused, match="does not exist"):
        find(repository / "nowhere")


def test_a_file_that_says_nothing_about_scripts_is_refused(repository):
    with pytest.raises(Refused, match="no script_location"):
        find(write(repository / "pytest.ini", "[pytest]\n"))


@pytest.mark.parametrize(
    "folder", [".venv/lib", "node_modules/x", "lib/site-packages/x", "env", "a/b/c/d/e/f/g"], ids=lambda one: one
)
def test_folders_that_are_not_the_project_are_skipped(repository, folder):
    write(repository / "env" / "pyvenv.cfg")
    ini(repository / folder / "alembic.ini")

    assert discover(repository) == []


def test_an_environment_can_hold_the_project_that_is_named(repository):
    python = environment(repository / ".venv")
    path = ini(repository / ".venv" / "lib" / "python3" / "site-packages" / "package" / "alembic.ini")

    for start in (path, path.parent):
        project = find(start)

        assert project.root == path.parent
        assert project.interpreter == python


def test_tests_and_examples_count_only_where_there_is_nothing_else(repository):
    ini(repository / "examples" / "alembic.ini")
    assert [one.name for one in discover(repository)] == ["examples/alembic.ini"]

    ini(repository / "app" / "alembic.ini")
    assert [one.name for one in discover(repository)] == ["app/alembic.ini"]


def test_several_projects_are_named_and_one_of_them_is_chosen(repository):
    for folder in ("accounts", "orders"):
        ini(repository / "services" / folder / "alembic.ini")
    names = ["services/accounts/alembic.ini", "services/orders/alembic.ini"]

    assert [one.name for one in discover(repository)] == names
    with pytest.raises(Refused, match=r"several projects.*accounts.*orders") as refusal:
        find(repository)
    assert refusal.value.next_steps[0] == f"Say which one you mean: project={names[0]!r}."
    for name in ("services/orders/alembic.ini", "orders", "orders/alembic.ini", "services/orders"):
        assert find(repository, name).name == names[1]
    with pytest.raises(Refused, match="no project called 'order'") as refusal:
        find(repository, "order")
    assert "services/orders/alembic.ini" in refusal.value.next_steps[0]
    with pytest.raises(Refused, match="several"):
        find(repository, "alembic.ini")
    assert find(repository / "services" / "orders").name == names[1]


def test_sections_and_files_are_projects_of_their_own(repository):
    scripts(repository / "one")
    scripts(repository / "two")
    write(
        repository / "alembic.ini",
        "[DEFAULT]\nx = y\n[alembic]\nscript_location = one\n[second]\nscript_location = two\n[loggers]\nkeys=\n",
    )
    write(repository / "analytics.ini", "[DEFAULT]\nscript_location = one\n[alembic]\n[loggers]\nkeys=\n")

    assert [one.name for one in discover(repository)] == ["alembic.ini", "alembic.ini#second", "analytics.ini"]
    second = find(repository, "second")
    assert (second.section, second.script_location) == ("second", repository / "two")


def test_a_project_can_be_in_pyproject_toml_alone(repository):
    scripts(repository / "db", "a1aaaa")
    write(
        repository / "pyproject.toml",
        '[tool.alembic]\nscript_location = "%(here)s/db"\nversion_locations = ["%(here)s/db/versions", "more"]\n'
        "recursive_version_locations = true\n",
    )

    project = find(repository)

    assert (project.name, project.config_file) == ("pyproject.toml", None)
    assert project.toml_file == repository / "pyproject.toml"
    assert project.version_locations == (repository / "db" / "versions", repository / "more")
    assert project.recursive
    assert read(project).heads == ("a1aaaa",)


def test_an_ini_and_a_pyproject_toml_are_one_project_and_the_ini_comes_first(repository):
    scripts(repository / "db")
    scripts(repository / "other")
    toml = write(
        repository / "pyproject.toml", '[tool.alembic]\nscript_location = "other"\nversion_locations = ["more"]\n'
    )
    path = write(repository / "alembic.ini", "[alembic]\nsqlalchemy.url = sqlite://\n")

    project = find(repository)
    assert (project.name, project.config_file, project.toml_file) == ("pyproject.toml", path, toml)
    assert project.script_location == repository / "other"

    write(path, "[alembic]\nscript_location = db\n")
    project = find(repository)
    assert (project.name, project.config_file, project.toml_file) == ("alembic.ini", path, toml)
    assert project.script_location == repository / "db"
    assert project.version_locations == (repository / "more",)


def test_relative_locations_of_an_ini_may_start_at_a_folder_above(repository):
    scripts(repository / "app" / "migrations")
    write(repository / "app" / "alembic.ini", "[alembic]\nscript_location = app/migrations\n")

    project = find(repository)

    assert (project.root, project.script_location) == (repository, repository / "app" / "migrations")


@pytest.mark.parametrize("place", [".", "src", "vendored"], ids=lambda one: one)
def test_a_script_location_in_a_package_is_found_in_the_tree(repository, place):
    scripts(repository / place / "app" / "db" / "migrations", "a1aaaa")
    write(
        repository / "alembic.ini",
        "[alembic]\nprepend_sys_path = vendored\nscript_location = app.db:migrations\npath_separator = os\n",
    )

    project = find(repository)

    assert project.script_location == repository / place / "app" / "db" / "migrations"
    assert project.static


def test_a_script_location_in_an_installed_package_is_asked_of_the_interpreter(repository):
    write(repository / "alembic.ini", "[alembic]\nscript_location = alembic:templates:generic\n")
    write(repository / "pyproject.toml", f'[tool.alembic-mcp]\ninterpreter = "{sys.executable}"\n')

    project = find(repository)

    assert project.script_location.parts[-3:] == ("alembic", "templates", "generic")
    assert (project.script_location / "env.py").is_file()
    assert project.static


def test_an_ini_inside_its_own_package_needs_no_interpreter_to_be_found(tmp_path):
    package = tmp_path / "site-packages" / "app"
    scripts(package / "db" / "_migrations")
    path = write(package / "db" / "alembic.ini", "[alembic]\nscript_location = app:db:_migrations\n")

    assert find(path).script_location == package / "db" / "_migrations"


def test_a_package_that_is_nowhere_leaves_it_to_the_project(repository):
    write(repository / "alembic.ini", "[alembic]\nscript_location = nowhere_to_be_found:migrations\n")

    project = find(repository)

    assert (project.script_location, project.version_locations, project.static) == (None, (), False)
    assert any("can't be found" in warning for warning in project.warnings)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["path_separator = os", "version_locations = one:two"], id="os"),
        pytest.param(["path_separator = space", "version_locations = one two"], id="space"),
        pytest.param(["path_separator = newline", "version_locations =", "  one", "  # no", "  two"], id="newline"),
        pytest.param(["path_separator = ;", "version_locations = one; two"], id="semicolon"),
        pytest.param(["path_separator = :", "version_locations = %(here)s/one:two"], id="colon and here"),
        pytest.param(["version_path_separator = ;", "version_locations = one;two"], id="old name"),
        pytest.param(["version_locations = one, two"], id="commas of old"),
        pytest.param(["version_locations = one  two"], id="spaces of old"),
        pytest.param(["base = one", "version_locations = %(base)s two"], id="interpolated"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_version_locations_are_split_as_alembic_does(repository, monkeypatch, lines):
    path = ini(repository / "alembic.ini", *lines)
    monkeypatch.chdir(repository)

    theirs = ScriptDirectory.from_config(Config(path))._version_locations  # noqa: SLF001
    ours = find(repository).version_locations

    assert ours == tuple(theirs) == (repository / "one", repository / "two")


def test_a_comment_after_a_separator_is_warned_of(repository):
    ini(repository / "alembic.ini", "version_path_separator = os  # the default", "version_locations = one:two")

    project = find(repository)

    assert project.version_locations == (repository / "one", repository / "two")
    assert any("comment after its value" in warning for warning in project.warnings)


@pytest.mark.parametrize(
    ("env_py", "static"),
    [
        pytest.param("context.configure(version_locations=['x'])", False, id="keyword"),
        pytest.param("config.set_main_option('version_locations', 'x')", False, id="option"),
        pytest.param("context.script.version_locations = ['x']", False, id="attribute"),
        pytest.param("context.script.__dict__.pop('_version_locations')", False, id="memoized attribute"),
        pytest.param("context.script.version_locations.append('x')", False, id="changed in place"),
        pytest.param("config.get_main_option('script_location')", True, id="only read"),
        pytest.param("# version_locations are in the ini\nx = 1", True, id="comment"),
        pytest.param("def (:  # version_locations", True, id="broken: it will speak for itself"),
    ],
)
def test_an_env_py_that_moves_the_revisions_is_noticed(repository, env_py, static):
    ini(repository / "alembic.ini")
    write(repository / "migrations" / "env.py", env_py)

    assert find(repository).static is static


def test_a_missing_env_py_is_warned_of(repository):
    write(repository / "alembic.ini", "[alembic]\nscript_location = migrations\n")

    assert any("no env.py" in warning for warning in find(repository).warnings)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param(
            "alembic.ini", "script_location = x\npassword = s3cret\n", "not a valid ini.* line 1", id="no section"
        ),
        pytest.param("alembic.ini", "[alembic]\nscript_location\n", "not a valid ini.* line 2", id="no value"),
        pytest.param("alembic.ini", "[alembic]\nscript_location=a\n[alembic]\n", "duplicate.* line 3", id="twice"),
        pytest.param("pyproject.toml", "[tool.alembic\n", "not valid TOML.* line 1", id="TOML"),
    ],
)
def test_a_broken_configuration_is_refused_without_quoting_it(repository, name, text, message):
    ini(repository / "below" / "alembic.ini")
    write(repository / name, text)

    with pytest.raises(Refused, match=message) as refusal:
        find(repository)

    assert "s3cret" not in str(refusal.value)
    assert refusal.value.next_steps


def test_a_broken_configuration_elsewhere_does_not_hide_the_others(repository):
    write(repository / "broken" / "alembic.ini", "script_location = x\n")
    ini(repository / "app" / "alembic.ini")

    assert [one.name for one in discover(repository)] == ["app/alembic.ini"]


def test_the_environment_names_the_configuration_as_for_alembic(repository, monkeypatch):
    ini(repository / "alembic.ini")
    ini(repository / "deploy" / "production.ini")
    monkeypatch.setenv("ALEMBIC_CONFIG", "deploy/production.ini")

    assert find(repository).name == "deploy/production.ini"


def test_many_folders_are_looked_through_quickly(repository):
    for number in range(300):
        (repository / "frontend" / f"package{number}" / "src").mkdir(parents=True)
    ini(repository / "services" / "backend" / "alembic.ini")

    assert find(repository).name == "services/backend/alembic.ini"


# The interpreter


@pytest.mark.parametrize("place", ["backend/.venv", "backend/venv", ".venv", "backend/env"], ids=lambda one: one)
def test_the_projects_own_environment_is_used(repository, place):
    ini(repository / "backend" / "alembic.ini")
    python = environment(repository / place)

    project = find(repository)

    assert (project.interpreter, project.warnings) == (python, ())


def test_the_nearest_environment_wins_over_the_active_one(repository, tmp_path, monkeypatch):
    ini(repository / "backend" / "alembic.ini")
    active = environment(tmp_path / "active")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "active"))
    assert find(repository).interpreter == active

    above = environment(repository / ".venv")
    assert find(repository).interpreter == above

    near = environment(repository / "backend" / ".venv")
    assert find(repository).interpreter == near


def test_pdm_and_uv_say_where_their_environment_is(repository, tmp_path, monkeypatch):
    ini(repository / "alembic.ini")
    pdm = environment(tmp_path / "pdm")
    write(repository / ".pdm-python", f"{pdm}\n")
    assert find(repository).interpreter == pdm

    uv = environment(tmp_path / "uv")
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", str(tmp_path / "uv"))
    assert find(repository).interpreter == uv


@pytest.mark.parametrize("answers", [True, False], ids=["poetry answers", "poetry fails"])
def test_poetry_is_asked_where_it_is_used(repository, tmp_path, monkeypatch, answers):
    ini(repository / "alembic.ini")
    write(repository / "poetry.lock")
    python = environment(tmp_path / "poetry env")
    poetry = write(tmp_path / "bin" / "poetry", f"#!/bin/sh\necho '{python.parent.parent}'\nexit {int(not answers)}\n")
    poetry.chmod(0o755)
    monkeypatch.setenv("PATH", str(poetry.parent), prepend=os.pathsep)

    assert (find(repository).interpreter == python) is answers


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        pytest.param(
            "pyproject.toml", "[project]\ndependencies = ['alembic>=1.11', 'SQLAlchemy']", None, id="all here"
        ),
        pytest.param(
            "pyproject.toml", "[project]\ndependencies = ['none-such[x]>=2']", "lacks none-such;", id="missing"
        ),
        pytest.param(
            "pyproject.toml",
            "[project]\ndependencies = ['none-such; sys_platform == \"win32\"']",
            None,
            id="only on some platforms",
        ),
        pytest.param(
            "pyproject.toml",
            "[tool.poetry.dependencies]\npython = '^3.11'\nnone-such = '*'\nother = { version = '*', optional = true }",
            "lacks none-such;",
            id="poetry",
        ),
        pytest.param(
            "requirements.txt",
            "-r more.txt\n# all\ngit+https://example.org/none\n./none\n" + "".join(f"none-{n}\n" for n in range(7)),
            "none-4 and 2 more;",
            id="requirements",
        ),
        pytest.param("README.md", "", None, id="nothing named"),
    ],
)
def test_without_an_environment_ours_is_used_and_what_it_lacks_is_said(repository, monkeypatch, file, text, said):
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    ini(repository / "alembic.ini")
    write(repository / file, text)

    project = find(repository)

    assert project.interpreter == Path(sys.executable)
    assert [said in warning for warning in project.warnings] == ([True] if said else [])


def test_a_given_interpreter_takes_the_place_of_all_others(repository, tmp_path):
    ini(repository / "alembic.ini")
    environment(repository / ".venv")
    write(repository / "pyproject.toml", '[tool.alembic-mcp]\ninterpreter = "none"\n')
    python = environment(tmp_path / "given")
    assert find(repository, interpreter=python).interpreter == python
    assert [one.interpreter for one in discover(repository, interpreter=python)] == [python]


@pytest.mark.parametrize("value", ["envs/app", f"envs/app/{PYTHON.as_posix()}"], ids=["folder", "file"])
def test_a_configured_interpreter_wins_and_must_exist(repository, value):
    ini(repository / "backend" / "alembic.ini")
    environment(repository / "backend" / ".venv")
    write(repository / "pyproject.toml", f'[tool.alembic-mcp]\ninterpreter = "{value}"\n')

    with pytest.raises(Refused, match=r"configured interpreter .*envs/app.* does not exist") as refusal:
        find(repository)
    assert "interpreter" in refusal.value.next_steps[0]

    python = environment(repository / "envs" / "app")
    assert find(repository).interpreter == python


# Settings


def test_settings_of_the_project_are_read(repository):
    ini(repository / "backend" / "alembic.ini")
    ini(repository / "other" / "alembic.ini")
    write(
        repository / "pyproject.toml",
        """
        [tool.alembic-mcp]
        config = "backend/alembic.ini"
        protected_tables = ["acgme_*"]
        audit_tables = ["*audit*"]
        large_rows = 5_000
        x = ["a=b"]

        [tool.alembic-mcp.databases.production]
        environment = "production"
        env = { DATABASE_URL = "PRODUCTION_DATABASE_URL" }
        x = ["tenant=acme"]
        """,
    )

    project = find(repository)

    assert project.name == "backend/alembic.ini"
    assert project.settings.protected_tables == ("acgme_*",)
    assert project.settings.audit_tables == ("*audit*",)
    assert project.settings.large_rows == 5_000
    assert project.settings.x == ("a=b",)
    assert project.settings.databases == {
        "production": NamedDatabase(
            "production",
            environment=Environment.PRODUCTION,
            env={"DATABASE_URL": "PRODUCTION_DATABASE_URL"},
            x=("tenant=acme",),
        )
    }


def test_a_configuration_that_the_settings_name_must_be_there(repository):
    ini(repository / "alembic.ini")
    write(repository / "pyproject.toml", '[tool.alembic-mcp]\nconfig = "gone/alembic.ini"\n')

    with pytest.raises(Refused, match=r"gone/alembic\.ini does not exist"):
        find(repository)


def test_a_section_can_be_named_in_the_settings(repository):
    scripts(repository / "one")
    write(repository / "alembic.ini", "[alembic]\nscript_location = one\n[second]\nscript_location = one\n")
    write(repository / "pyproject.toml", '[tool.alembic-mcp]\nconfig = "alembic.ini#second"\n')

    assert find(repository).section == "second"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            'protected_table = ["x"]', "Unknown key 'protected_table'.*Did you mean 'protected_tables'", id="key"
        ),
        pytest.param(
            "databases.p.enviroment = 'production'", "'enviroment'.*Did you mean 'environment'", id="inner key"
        ),
        pytest.param(
            "protected_tables = 'x'", "protected_tables.* must be a list of strings; write it in brackets", id="list"
        ),
        pytest.param("large_rows = '5'", "large_rows.* must be a whole number", id="number"),
        pytest.param("large_rows = true", "large_rows.* must be a whole number", id="true is no number"),
        pytest.param("large_rows = 0", "at least 1", id="zero"),
        pytest.param("config = 3", "config.* must be a string", id="string"),
        pytest.param(
            "databases.p.environment = 'prod'", "must be one of .*did you mean 'production'", id="environment"
        ),
        pytest.param("databases.p = 'x'", "must be tables, one per database", id="database"),
        pytest.param("databases.p.env = ['X']", "env .*must be a table", id="env"),
        pytest.param("databases.p.env.U = 'postgresql://me:s3cret@h/d'", "NAME .*gives it a URL", id="URL for a name"),
        pytest.param("databases.p.env.U = 's3cret!'", "NAME .*gives it something else", id="value for a name"),
        pytest.param("databases.p.x = ['url=postgresql://me:s3cret@h/d']", "a URL with a password", id="URL in x"),
    ],
)
def test_wrong_settings_are_refused_in_plain_words(repository, text, message):
    ini(repository / "alembic.ini")
    write(repository / "pyproject.toml", f"[tool.alembic-mcp]\n{text}\n")

    with pytest.raises(Refused, match=message) as refusal:
        find(repository)

    assert "s3cret" not in str(refusal.value)
    assert refusal.value.next_steps


def test_a_project_cannot_loosen_anything(repository):
    ini(repository / "backend" / "alembic.ini")
    write(
        repository / "pyproject.toml",
        '[tool.alembic-mcp]\nlarge_rows = 1_000\nprotected_tables = ["a"]\ndatabases.d.environment = "production"\n',
    )
    write(
        repository / "backend" / "pyproject.toml",
        '[tool.alembic-mcp]\nlarge_rows = 200_000\nprotected_tables = []\ndatabases.d.environment = "development"\n',
    )

    project = find(repository)

    assert project.settings.large_rows == 1_000
    assert project.settings.protected_tables == ("a",)
    assert project.settings.databases["d"].environment is Environment.PRODUCTION
    [ignored] = project.settings.loosening_ignored
    assert "large_rows = 200000" in ignored
    assert str(user_file()) in ignored
    assert ignored in project.warnings


def test_the_users_own_file_may_loosen(repository):
    write(repository / "pyproject.toml", '[tool.alembic-mcp]\nlarge_rows = 1_000\nprotected_tables = ["a"]\n')
    write(
        user_file(),
        f"""
        protected_tables = ["b"]
        databases.default.environment = "staging"

        [projects."{repository}"]
        large_rows = 2_000_000
        databases.dev = {{ environment = "development", env = {{ DATABASE_URL = "DEV_URL" }} }}

        [projects."/some/other/place"]
        large_rows = 7
        """,
    )

    settings = load_settings([repository])

    assert settings.large_rows == 2_000_000
    assert settings.protected_tables == ("a", "b")
    assert settings.loosening_ignored == ()
    assert settings.databases["default"].trusted_environment is Environment.STAGING
    assert settings.databases["dev"].trusted_environment is Environment.DEVELOPMENT
    assert settings.databases["dev"].environment is None
    assert settings.databases["dev"].env == {"DATABASE_URL": "DEV_URL"}


def test_only_the_users_own_file_shows_code_what_a_variable_holds(repository):
    write(repository / "pyproject.toml", '[tool.alembic-mcp]\nshown_to_code = ["PRODUCTION_DATABASE_URL"]\n')
    write(user_file(), 'shown_to_code = ["DEV_DATABASE_URL"]\n')

    settings = load_settings([repository])

    assert settings.shown_to_code == ("DEV_DATABASE_URL",)
    [ignored] = settings.loosening_ignored
    assert "shown_to_code" in ignored
    assert str(user_file()) in ignored


def test_a_mistake_in_the_users_own_file_is_refused_too(repository):
    write(user_file(), f'[projects."{repository}"]\nlarge_row = 1\n')

    with pytest.raises(Refused, match="Unknown key 'large_row'"):
        load_settings([repository])
