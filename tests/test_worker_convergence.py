"""Comparing only the tables that a path concerns tells of new differences what comparing all of them tells."""

from collections import defaultdict

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare
from alembic.migration import MigrationContext
from sqlalchemy.dialects import postgresql as pg

from alembic_mcp.worker import convergence, schema
from alembic_mcp.worker.convergence import Convergence

SCHEMA = [
    "CREATE SCHEMA shop",
    "CREATE TYPE mood AS ENUM ('glad')",
    "CREATE TABLE people (id serial PRIMARY KEY, name varchar(50), mood mood, size integer)",
    "CREATE TABLE keyed (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, x integer REFERENCES people)",
    "CREATE TABLE shop.goods (id integer PRIMARY KEY, name text)",
    "CREATE TABLE drifted (id integer PRIMARY KEY, x integer)",  # the models have no column x
]


def models():
    metadata = sa.MetaData()
    identity = sa.Identity(always=True)
    mood = pg.ENUM("glad", name="mood")
    columns = [sa.Column("name", sa.String(50)), sa.Column("mood", mood), sa.Column("size", sa.Integer)]
    sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    key = sa.Column("id", sa.Integer, identity, primary_key=True)
    sa.Table("keyed", metadata, key, sa.Column("x", sa.ForeignKey("people.id")))
    sa.Table(
        "goods", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text), schema="shop"
    )
    sa.Table("drifted", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


CHANGES = {
    "nothing": "SELECT 1",
    "a column more": "ALTER TABLE people ADD COLUMN age integer",
    "a column less": "ALTER TABLE people DROP COLUMN size",
    "another type": "ALTER TABLE people ALTER COLUMN name TYPE text",
    "a comment": "COMMENT ON TABLE people IS 'all'",
    "a comment on a column": "COMMENT ON COLUMN people.name IS 'all'",
    "an identity's options": "ALTER TABLE keyed ALTER COLUMN id SET INCREMENT 5",
    "the owner of a sequence": "ALTER SEQUENCE people_id_seq OWNED BY people.size",
    "an index": "CREATE INDEX ix ON people (name)",
    "a constraint": "ALTER TABLE people ADD CONSTRAINT uq UNIQUE (name)",
    "a table more": "CREATE TABLE more (id serial PRIMARY KEY)",
    "a table less": "DROP TABLE shop.goods",
    "a table's name": "ALTER TABLE people RENAME TO persons",
    "a type's name": "ALTER TYPE mood RENAME TO temper",
    "a table that others refer to": "DROP TABLE people CASCADE",
    "a value of a type": "ALTER TYPE mood ADD VALUE 'sad'",
    "a table in a schema": "ALTER TABLE shop.goods ADD COLUMN price integer",
    "a schema's name": "ALTER SCHEMA shop RENAME TO store",
    "a view": "CREATE VIEW seen AS SELECT 1",
    "what differed before": "ALTER TABLE drifted ALTER COLUMN x SET NOT NULL",
    "what differs no more": "ALTER TABLE drifted DROP COLUMN x",
    "rows": "INSERT INTO people (name) VALUES ('x')",
}


def told(connection, statement, files, **options):
    """(converged, new differences, all that was found) of a statement."""
    opts = {"target_metadata": models(), "compare_type": True, "compare_server_default": True, "include_schemas": True}
    context = MigrationContext.configure(connection, opts={**opts, **options})
    convergence = Convergence()
    convergence.before(context, schema.snapshot(context), files)
    connection.exec_driver_sql(statement)
    convergence.after(context, schema.snapshot(context))
    return convergence.converged, sorted(map(repr, convergence.new)), convergence.found


@pytest.fixture(scope="module")
def connect(shared_database):
    """Connect to the database; what is done there is undone."""
    shared_database.run(*SCHEMA)
    engine = sa.create_engine(shared_database.url(), poolclass=sa.pool.NullPool)
    return engine.connect


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_some_tables_tell_what_all_tables_tell(connect, tmp_path, monkeypatch, statement):
    file = tmp_path / "r1.py"
    file.write_text(f"def upgrade():\n    op.execute({statement!r})\n")
    with connect() as connection:
        limited = told(connection, statement, [file])
    monkeypatch.setattr(convergence, "_can_limit", lambda _: False)
    with connect() as connection:
        full = told(connection, statement, [file])
    assert limited[:2] == full[:2]
    if "drifted" not in statement:
        assert "drop column drifted.x" in {each["description"] for each in full[2]}
        assert "drop column drifted.x" not in {each["description"] for each in limited[2]}


@pytest.mark.parametrize(
    ("file", "converged"),
    [
        ("def upgrade():\n    op.execute('ALTER TABLE drifted ADD y integer')\n", False),
        ("for name in metadata.tables:\n    op.add_column(name, column)\n", False),
        ("from helpers import tables\n", False),
        ("name = f'{prefix}ted'\n", False),
        ("name = 'drif' + 'ted'\n", False),
        ("caf\xe9".encode("latin-1"), False),
        ("def upgrade(:\n", False),
        ("def upgrade():\n    op.execute('SELECT change_it()')\n", None),
    ],
    ids=["named", "the models'", "a module's", "f-string", "added", "no text", "no Python", "a function"],
)  # fmt: skip
def test_what_the_files_do_not_name_is_not_taken_for_new(connect, tmp_path, file, converged):
    path = tmp_path / "r1.py"
    path.write_bytes(file if isinstance(file, bytes) else file.encode())
    with connect() as connection:
        found, new, _ = told(connection, "ALTER TABLE drifted ADD y integer", [path])
    assert found is converged
    assert [each for each in new if "drifted.x" in each] == []
    assert bool(new) is (converged is False)


def test_comparisons_of_others_are_run_over_all_tables(connect, monkeypatch):
    monkeypatch.setattr(compare.comparators, "_registry", defaultdict(list))
    compare.comparators.dispatch_for("schema")(lambda *_: None)
    with connect() as connection:
        _, _, found = told(connection, "SELECT 1", [])
    assert [each["description"] for each in found] == ["drop column drifted.x"]


def test_without_models_it_is_not_told(connect):
    with connect() as connection:
        assert told(connection, "SELECT 1", [], target_metadata=None)[0] is None


def test_the_project_s_own_filters_are_still_asked(connect, tmp_path):
    file = tmp_path / "r1.py"
    file.write_text("'people'")
    asked = []

    def include(_item, name, kind, *_):
        asked.append((kind, name))
        return kind != "column"

    with connect() as connection:
        converged, _, _ = told(connection, "ALTER TABLE people ADD y integer", [file], include_object=include)
    assert converged
    assert ("table", "people") in asked
    assert ("table", "drifted") not in asked
