"""Kinds of change, each with models before and after, and what stock Alembic makes of them."""

from dataclasses import dataclass, field

__all__ = ["BOTH", "CASES", "POSTGRESQL", "SQLITE", "Case"]

POSTGRESQL = ("postgresql",)
SQLITE = ("sqlite",)
BOTH = (*POSTGRESQL, *SQLITE)


@dataclass(frozen=True)
class Case:
    """A change.

    Attributes:
        name: what changes, in a few words.
        before: models, as Python source.
        after: models.
        rows: SQL that fills the tables before.
        args: what `generate` is told: renames, fills, answers, ...
        asks: ids of the questions that it asks if it is not told.
        holds: SQL -> rows, true after the upgrade, about the data or the schema.
        back: SQL -> rows, true after the downgrade; by default what the data must be again.
        stock: what stock autogenerate and upgrade come to, by database: ``works``, ``fails``: an error,
            ``wrong``: *holds* does not, ``stays different``: what the models say is not there and nothing tells,
            ``loses data``: *back* does not hold after the downgrade,
            ``no way back``: the downgrade fails, or the upgrade after it;
            ``blocks``: it works while nobody can write, or read.
        on: databases.
        naming: naming convention of the metadata.
        options: of ``context.configure``.
        revisions: how many revisions are written, by database.
    """

    name: str
    before: str
    after: str
    rows: tuple[str, ...] = ()
    args: dict = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    holds: dict = field(default_factory=dict)
    back: dict = field(default_factory=dict)
    stock: dict = field(default_factory=dict)
    on: tuple[str, ...] = BOTH
    naming: dict | None = None
    options: dict | None = None
    revisions: dict = field(default_factory=dict)


def users(*columns, name='Column("name", String(50), nullable=False)', email='Column("email", String(80))', more=()):
    """The table of most cases; *columns* are added to id, name and email."""
    parts = ['"users"', "metadata", 'Column("id", Integer, primary_key=True)', name, email, *columns, *more]
    return f"users = Table({', '.join(part for part in parts if part)})\n"


ROWS = ("INSERT INTO users (id, name, email) VALUES (1, 'Ada', 'ada@x.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@x.org')",)
FULL = ("INSERT INTO users (id, name, email) VALUES (1, 'Ada', 'ada@x.org'), (2, 'Bob', 'b@x.org')",)
KEPT = {"SELECT id, name FROM users ORDER BY id": [(1, "Ada"), (2, "Bob"), (3, "Cy")]}
KEPT_FULL = {"SELECT id, name, email FROM users ORDER BY id": [(1, "Ada", "ada@x.org"), (2, "Bob", "b@x.org")]}

TEAMS = 'teams = Table("teams", metadata, Column("id", Integer, primary_key=True), Column("name", String(40)))\n'
TEAM_ROWS = ("INSERT INTO teams (id, name) VALUES (10, 'red'), (20, 'blue')",)


def typed(before, after, values, *, more_before="", more_after="", **fields):
    """A column ``v`` of table ``t`` that changes from one type (Column arguments) to another."""
    table = 't = Table("t", metadata, Column("id", Integer, primary_key=True), Column("v", {}))\n'
    rows = tuple(f"INSERT INTO t (id, v) VALUES ({n}, {value})" for n, value in enumerate(values, 1))
    return {
        "before": more_before + table.format(before),
        "after": more_after + table.format(after),
        "rows": rows,
        **fields,
    }


def column(field, name, table="users"):
    """What pg_attribute says about a column."""
    return f"SELECT {field} FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attname = '{name}'"


DEFAULT = "SELECT column_default FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'email'"


def constraint(kind, name, table="users"):
    """How many constraints of that kind (a letter of pg_constraint) and name there are."""
    where = f"conrelid = '{table}'::regclass AND contype = '{kind}'" + (f" AND conname = '{name}'" if name else "")
    return f"SELECT count(*) FROM pg_constraint WHERE {where} AND convalidated"


CHECKED = 'CheckConstraint("length(name) > 1", name="name_is_long")'
MOOD = 'Enum("happy", "sad", name="mood")'

CASES = [
    # Columns
    Case(
        "add a nullable column",
        users(),
        users('Column("middle_name", String(50))'),
        ROWS,
        holds={**KEPT, "SELECT count(*) FROM users WHERE middle_name IS NULL": [(3,)]},
        stock={"postgresql": "works", "sqlite": "works"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "add a column with a constant default",
        users(),
        users('Column("age", Integer, nullable=False, server_default="7")'),
        ROWS,
        holds={**KEPT, "SELECT sum(age) FROM users": [(21,)]},
        stock={"postgresql": "works", "sqlite": "works"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "add a required column",
        users(),
        users('Column("verified", Boolean, nullable=False)'),
        ROWS,
        args={"fills": {"users.verified": "false"}},
        asks=("fill:users.verified",),
        holds={**KEPT, "SELECT count(*) FROM users WHERE NOT verified": [(3,)]},
        stock={"postgresql": "fails", "sqlite": "fails"},
        revisions={"postgresql": 3, "sqlite": 1},
    ),
    Case(
        "add a required column to an empty table",
        users(),
        users('Column("verified", Boolean, nullable=False)'),
        holds={"SELECT count(*) FROM users": [(0,)]},
        stock={"postgresql": "works", "sqlite": "works"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "add a required column with a volatile default",
        users(),
        users('Column("token", Uuid, nullable=False, server_default=text("gen_random_uuid()"))'),
        ROWS,
        holds={**KEPT, "SELECT count(DISTINCT token) FROM users": [(3,)]},
        stock={"postgresql": "blocks"},
        on=POSTGRESQL,
    ),
    Case(
        "add a required column that is filled from another",
        users(),
        users('Column("initial", String(1), nullable=False)'),
        ROWS,
        args={"fills": {"users.initial": "substr(name, 1, 1)"}},
        asks=("fill:users.initial",),
        holds={"SELECT initial FROM users ORDER BY id": [("A",), ("B",), ("C",)]},
        stock={"postgresql": "fails", "sqlite": "fails"},
        revisions={"postgresql": 3, "sqlite": 1},
    ),
    Case(
        "add an array column",
        users(),
        users('Column("tags", postgresql.ARRAY(String(20)), nullable=False, server_default="{}")'),
        ROWS,
        holds={**KEPT, "SELECT count(*) FROM users WHERE tags = '{}'": [(3,)]},
        stock={"postgresql": "works"},
        on=POSTGRESQL,
    ),
    Case(
        "add a generated column",
        users(),
        users('Column("length", Integer, Computed("length(name)", persisted=True))'),
        ROWS,
        holds={"SELECT length FROM users ORDER BY id": [(3,), (3,), (2,)]},
        stock={"postgresql": "blocks"},
        on=POSTGRESQL,
    ),
    Case(
        "require a column that has no nulls",
        users(),
        users(email='Column("email", String(80), nullable=False)'),
        FULL,
        holds={
            **KEPT_FULL,
            column("attnotnull", "email"): [(True,)],
        },
        stock={"postgresql": "blocks"},
        on=POSTGRESQL,
    ),
    Case(
        "require a column that has nulls",
        users(),
        users(email='Column("email", String(80), nullable=False)'),
        ROWS,
        args={"fills": {"users.email": "'unknown'"}},
        asks=("fill:users.email",),
        holds={**KEPT, "SELECT email FROM users ORDER BY id": [("ada@x.org",), ("unknown",), ("cy@x.org",)]},
        stock={"postgresql": "fails", "sqlite": "fails"},
    ),
    Case(
        "no longer require a column",
        users(),
        users(name='Column("name", String(50))'),
        ROWS,
        holds=KEPT,
        stock={"postgresql": "works", "sqlite": "fails"},
    ),
    Case(
        "add a server default",
        users(),
        users(email='Column("email", String(80), server_default="none")'),
        ROWS,
        holds={
            **KEPT,
            DEFAULT: [("'none'::character varying",)],
        },
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
        options={"compare_server_default": False},
    ),
    Case(
        "change a server default",
        users(email='Column("email", String(80), server_default="none")'),
        users(email='Column("email", String(80), server_default="new")'),
        ROWS,
        holds={
            **KEPT,
            DEFAULT: [("'new'::character varying",)],
        },
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
        options={"compare_server_default": False},
    ),
    Case(
        "remove a server default",
        users(email='Column("email", String(80), server_default="none")'),
        users(),
        ROWS,
        holds={
            **KEPT,
            DEFAULT: [(None,)],
        },
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
        options={"compare_server_default": False},
    ),
    Case(
        "change a generated column",
        users('Column("length", Integer, Computed("length(name)", persisted=True))'),
        users('Column("length", Integer, Computed("length(name) * 2", persisted=True))'),
        ROWS,
        holds={"SELECT length FROM users ORDER BY id": [(6,), (6,), (4,)]},
        back={"SELECT length FROM users ORDER BY id": [(3,), (3,), (2,)]},
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "make a key an identity column",
        'users = Table("users", metadata, Column("id", Integer, primary_key=True, autoincrement=False), '
        'Column("name", String(50)))\n',
        'users = Table("users", metadata, Column("id", Integer, Identity(), primary_key=True), '
        'Column("name", String(50)))\n',
        ("INSERT INTO users (id, name) VALUES (1, 'Ada'), (2, 'Bob'), (3, 'Cy')",),
        holds={
            **KEPT,
            column("attidentity::text", "id"): [("d",)],
        },
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "make an identity column ALWAYS",
        't = Table("t", metadata, Column("id", Integer, Identity(), primary_key=True))\n',
        't = Table("t", metadata, Column("id", Integer, Identity(always=True), primary_key=True))\n',
        ("INSERT INTO t DEFAULT VALUES",),
        holds={column("attidentity", "id", "t"): [("a",)]},
        back={column("attidentity", "id", "t"): [("d",)]},
        stock={"postgresql": "fails"},
        on=POSTGRESQL,
        options={"compare_server_default": True},
    ),
    Case(
        "change a collation",
        users(),
        users(name='Column("name", String(50, collation="C"), nullable=False)'),
        ROWS,
        holds={
            **KEPT,
            column("attcollation::regcollation::text", "name"): [('"C"',)],
        },
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "comment on a table and a column",
        users(),
        users('Column("age", Integer, comment="in years")', more=('comment="people"',)),
        ROWS,
        holds={**KEPT, "SELECT obj_description('users'::regclass)": [("people",)]},
        stock={"postgresql": "works"},
        on=POSTGRESQL,
    ),
    # Renames and drops
    Case(
        "rename a column",
        users(),
        users(name='Column("full_name", String(50), nullable=False)'),
        ROWS,
        args={"renames": [{"table": "users", "from": "name", "to": "full_name"}]},
        asks=("rename:users.name",),
        holds={"SELECT full_name FROM users ORDER BY id": [("Ada",), ("Bob",), ("Cy",)]},
        back=KEPT,
        stock={"postgresql": "fails", "sqlite": "fails"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "rename a column that may be null",
        users(),
        users(email='Column("mail", String(80))'),
        FULL,
        args={"renames": [{"table": "users", "from": "email", "to": "mail"}]},
        asks=("rename:users.email",),
        holds={"SELECT mail FROM users ORDER BY id": [("ada@x.org",), ("b@x.org",)]},
        back=KEPT_FULL,
        stock={"postgresql": "wrong", "sqlite": "wrong"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "rename a column with an index",
        users(email='Column("email", String(80), index=True)'),
        users(email='Column("mail", String(80), index=True)'),
        FULL,
        args={"renames": [{"table": "users", "from": "email", "to": "mail"}]},
        asks=("rename:users.email",),
        holds={"SELECT mail FROM users ORDER BY id": [("ada@x.org",), ("b@x.org",)]},
        back=KEPT_FULL,
        stock={"postgresql": "wrong", "sqlite": "wrong"},
    ),
    Case(
        "rename a column that a partial index speaks of",
        users(more=('Index("users_email", "id", postgresql_where=text("email IS NOT NULL"))',)),
        users(
            email='Column("mail", String(80))',
            more=('Index("users_email", "id", postgresql_where=text("mail IS NOT NULL"))',),
        ),
        FULL,
        args={"renames": [{"table": "users", "from": "email", "to": "mail"}]},
        asks=("rename:users.email",),
        holds={
            "SELECT mail FROM users ORDER BY id": [("ada@x.org",), ("b@x.org",)],
            "SELECT count(*) FROM pg_index WHERE indrelid = 'users'::regclass AND indpred IS NOT NULL": [(1,)],
        },
        back=KEPT_FULL,
        stock={"postgresql": "wrong"},
        on=POSTGRESQL,
    ),
    Case(
        "rename a table and a column that a partial index speaks of",
        users(more=('Index("users_email", "id", postgresql_where=text("email = \'x\'"))',)),
        users(
            email='Column("mail", String(80))',
            more=('Index("users_email", "id", postgresql_where=text("mail = \'x\'"))',),
        ).replace('"users"', '"people"'),
        FULL,
        args={"renames": [{"from": "users", "to": "people"}, {"table": "people", "from": "email", "to": "mail"}]},
        holds={
            "SELECT mail FROM people ORDER BY id": [("ada@x.org",), ("b@x.org",)],
            "SELECT count(*) FROM pg_index WHERE indrelid = 'people'::regclass AND indpred IS NOT NULL": [(1,)],
        },
        back=KEPT_FULL,
        stock={"postgresql": "fails"},
        on=POSTGRESQL,
    ),
    Case(
        "rename a column and widen its type",
        users(),
        users(email='Column("mail", String(120))'),
        FULL,
        args={"renames": [{"table": "users", "from": "email", "to": "mail"}]},
        asks=("rename:users.email",),
        holds={"SELECT mail FROM users ORDER BY id": [("ada@x.org",), ("b@x.org",)]},
        back=KEPT_FULL,
        stock={"postgresql": "wrong", "sqlite": "wrong"},
    ),
    Case(
        "rename a table",
        users(),
        users().replace('"users"', '"people"'),
        ROWS,
        args={"renames": [{"from": "users", "to": "people"}]},
        asks=("rename:users",),
        holds={"SELECT name FROM people ORDER BY id": [("Ada",), ("Bob",), ("Cy",)]},
        back=KEPT,
        stock={"postgresql": "wrong", "sqlite": "wrong"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "drop a column",
        users(),
        users(email=""),
        ROWS,
        args={"answers": {"drop-column:users.email": "drop"}},
        asks=("drop-column:users.email",),
        holds=KEPT,
        back=KEPT,
        stock={"postgresql": "works", "sqlite": "works"},
    ),
    Case(
        "drop a required column",
        users(),
        users(name=""),
        ROWS,
        args={"answers": {"drop-column:users.name": "drop"}},
        asks=("drop-column:users.name",),
        holds={"SELECT count(*) FROM users": [(3,)]},
        back={"SELECT count(*) FROM users": [(3,)]},
        stock={"postgresql": "no way back", "sqlite": "no way back"},
    ),
    Case(
        "drop a column and keep its values",
        users(),
        users(email=""),
        ROWS,
        args={"answers": {"drop-column:users.email": "drop"}, "keep_data": True},
        holds=KEPT,
        back={"SELECT email FROM users ORDER BY id": [("ada@x.org",), (None,), ("cy@x.org",)]},
        stock={"postgresql": "loses data", "sqlite": "loses data"},
    ),
    Case(
        "drop a table",
        TEAMS + users(),
        users(),
        (*TEAM_ROWS, *ROWS),
        args={"answers": {"drop-table:teams": "drop"}},
        asks=("drop-table:teams",),
        holds=KEPT,
        back={"SELECT count(*) FROM teams": [(0,)]},
        stock={"postgresql": "works", "sqlite": "works"},
    ),
    Case(
        "drop a table and keep its rows",
        TEAMS + users(),
        users(),
        (*TEAM_ROWS, *ROWS),
        args={"answers": {"drop-table:teams": "drop"}, "keep_data": True},
        holds=KEPT,
        back={"SELECT id, name FROM teams ORDER BY id": [(10, "red"), (20, "blue")]},
        stock={"postgresql": "loses data", "sqlite": "loses data"},
    ),
    Case(
        "drop a table without rows",
        TEAMS + users(),
        users(),
        ROWS,
        holds=KEPT,
        back={"SELECT count(*) FROM teams": [(0,)]},
        stock={"postgresql": "works", "sqlite": "works"},
    ),
    # Tables
    Case(
        "replace a table by one whose index has the same name",
        users(more=('Index("by_name", "name")',)),
        TEAMS + 'Index("by_name", teams.c.name)\n',
        ROWS,
        args={"answers": {"drop-table:users": "drop"}},
        holds={"SELECT tbl_name FROM sqlite_master WHERE name = 'by_name'": [("teams",)]},
        back={"SELECT tbl_name FROM sqlite_master WHERE name = 'by_name'": [("users",)]},
        stock={"sqlite": "fails"},
        on=SQLITE,
    ),
    Case(
        "add a table",
        users(),
        users() + TEAMS,
        ROWS,
        holds={**KEPT, "SELECT count(*) FROM teams": [(0,)]},
        stock={"postgresql": "works", "sqlite": "works"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "add a table that refers to one in use",
        users(),
        users() + 'notes = Table("notes", metadata, Column("id", Integer, primary_key=True), '
        'Column("user_id", ForeignKey("users.id"), nullable=False, index=True), Column("text", Text))\n',
        ROWS,
        holds={**KEPT, "SELECT count(*) FROM notes": [(0,)]},
        stock={"postgresql": "works", "sqlite": "works"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "add a table that refers to itself",
        users(),
        users() + 'parts = Table("parts", metadata, Column("id", Integer, primary_key=True), '
        'Column("part_of", ForeignKey("parts.id")))\n',
        ROWS,
        holds={**KEPT, "SELECT count(*) FROM parts": [(0,)]},
        stock={"postgresql": "works", "sqlite": "works"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "add a table in a new schema",
        users(),
        users() + 'logins = Table("logins", metadata, Column("id", Integer, primary_key=True), schema="audit")\n',
        ROWS,
        holds={**KEPT, "SELECT count(*) FROM audit.logins": [(0,)]},
        stock={"postgresql": "fails"},
        on=POSTGRESQL,
        options={"include_schemas": True},
    ),
    Case(
        "add a table with an enum column",
        users(),
        users()
        + f'cards = Table("cards", metadata, Column("id", Integer, primary_key=True), Column("mood", {MOOD}))\n',
        ROWS,
        holds={**KEPT, "SELECT count(*) FROM cards": [(0,)]},
        stock={"postgresql": "no way back", "sqlite": "works"},
    ),
    Case(
        "drop the table that used an enum",
        users()
        + f'cards = Table("cards", metadata, Column("id", Integer, primary_key=True), Column("mood", {MOOD}))\n',
        users(),
        ROWS,
        holds={**KEPT, "SELECT count(*) FROM pg_type WHERE typname = 'mood'": [(0,)]},
        back={"SELECT count(*) FROM cards": [(0,)]},
        stock={"postgresql": "wrong"},
        on=POSTGRESQL,
    ),
    # Indexes
    Case(
        "add an index",
        users(),
        users(email='Column("email", String(80), index=True)'),
        ROWS,
        holds=KEPT,
        stock={"postgresql": "blocks", "sqlite": "works"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "add a unique index",
        users(),
        users(more=('Index("users_email_once", "email", unique=True)',)),
        ROWS,
        holds=KEPT,
        stock={"postgresql": "blocks", "sqlite": "works"},
    ),
    Case(
        "add an index on an expression",
        users(),
        users(more=('Index("users_lower_name", text("lower(name)"))',)),
        ROWS,
        holds=KEPT,
        stock={"postgresql": "blocks", "sqlite": "works"},
    ),
    Case(
        "make an index partial",
        users(more=('Index("users_email", "email")',)),
        users(more=('Index("users_email", "email", postgresql_where=text("email IS NOT NULL"))',)),
        ROWS,
        holds={
            **KEPT,
            "SELECT count(*) FROM pg_index WHERE indrelid = 'users'::regclass AND indpred IS NOT NULL": [(1,)],
        },
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "make an index cover a column",
        users(more=('Index("users_email", "email")',)),
        users(more=('Index("users_email", "email", postgresql_include=["name"])',)),
        ROWS,
        holds={**KEPT, "SELECT indnatts::int FROM pg_index WHERE indexrelid = 'users_email'::regclass": [(2,)]},
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "change the method of an index",
        users(more=('Index("users_email", "email")',)),
        users(more=('Index("users_email", "email", postgresql_using="hash")',)),
        ROWS,
        holds={
            **KEPT,
            "SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE relname = 'users_email'": [("hash",)],
        },
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "drop an index",
        users(email='Column("email", String(80), index=True)'),
        users(),
        ROWS,
        holds=KEPT,
        stock={"postgresql": "blocks", "sqlite": "works"},
    ),
    # Constraints
    Case(
        "add a unique constraint",
        users(),
        users(more=('UniqueConstraint("email", name="users_email_once")',)),
        ROWS,
        holds=KEPT,
        stock={"postgresql": "blocks", "sqlite": "fails"},
    ),
    Case(
        "add a unique constraint without a name",
        users(),
        users(email='Column("email", String(80), unique=True)'),
        ROWS,
        holds=KEPT,
        stock={"postgresql": "no way back", "sqlite": "fails"},
    ),
    Case(
        "drop a unique constraint",
        users(more=('UniqueConstraint("email", name="users_email_once")',)),
        users(),
        ROWS,
        holds=KEPT,
        stock={"postgresql": "works", "sqlite": "fails"},
    ),
    Case(
        "make a unique constraint deferrable",
        users(more=('UniqueConstraint("email", name="users_email_once")',)),
        users(more=('UniqueConstraint("email", name="users_email_once", deferrable=True, initially="DEFERRED")',)),
        ROWS,
        holds={**KEPT, "SELECT condeferrable FROM pg_constraint WHERE conname = 'users_email_once'": [(True,)]},
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "add a foreign key to a column in use",
        TEAMS + users('Column("team_id", Integer)'),
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id", name="users_team"))'),
        (*TEAM_ROWS, "INSERT INTO users (id, name, team_id) VALUES (1, 'Ada', 10), (2, 'Bob', NULL), (3, 'Cy', 20)"),
        holds=KEPT,
        stock={"postgresql": "blocks", "sqlite": "fails"},
    ),
    Case(
        "add a foreign key without a name",
        TEAMS + users('Column("team_id", Integer)'),
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id"))'),
        (*TEAM_ROWS, "INSERT INTO users (id, name, team_id) VALUES (1, 'Ada', 10), (2, 'Bob', NULL), (3, 'Cy', 20)"),
        holds=KEPT,
        stock={"postgresql": "no way back", "sqlite": "fails"},
    ),
    Case(
        "add a column with a foreign key",
        TEAMS + users(),
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id"))'),
        (*TEAM_ROWS, *ROWS),
        holds=KEPT,
        stock={"postgresql": "no way back", "sqlite": "fails"},
    ),
    Case(
        "add a required column with a foreign key",
        TEAMS + users(),
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id"), nullable=False)'),
        (*TEAM_ROWS, *ROWS),
        args={"fills": {"users.team_id": "10"}},
        asks=("fill:users.team_id",),
        holds={**KEPT, "SELECT sum(team_id) FROM users": [(30,)]},
        stock={"postgresql": "fails", "sqlite": "fails"},
    ),
    Case(
        "replace a name by a foreign key",
        TEAMS + users('Column("team", String(40))'),
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id"), nullable=False)'),
        (
            *TEAM_ROWS,
            "INSERT INTO users (id, name, team) VALUES (1, 'Ada', 'red'), (2, 'Bob', 'blue'), (3, 'Cy', 'red')",
        ),
        args={
            "fills": {"users.team_id": "(SELECT t.id FROM teams t WHERE t.name = users.team)"},
            "answers": {"drop-column:users.team": "drop"},
        },
        holds={**KEPT, "SELECT team_id FROM users ORDER BY id": [(10,), (20,), (10,)]},
        stock={"postgresql": "fails", "sqlite": "fails"},
    ),
    Case(
        "change what a foreign key does on delete",
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id", name="users_team"))'),
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id", name="users_team", ondelete="CASCADE"))'),
        (*TEAM_ROWS, "INSERT INTO users (id, name, team_id) VALUES (1, 'Ada', 10), (2, 'Bob', NULL), (3, 'Cy', 20)"),
        holds=KEPT,
        stock={"postgresql": "blocks", "sqlite": "fails"},
    ),
    Case(
        "drop a foreign key",
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id", name="users_team"))'),
        TEAMS + users('Column("team_id", Integer)'),
        (*TEAM_ROWS, "INSERT INTO users (id, name, team_id) VALUES (1, 'Ada', 10), (2, 'Bob', NULL), (3, 'Cy', 20)"),
        holds=KEPT,
        stock={"postgresql": "works", "sqlite": "fails"},
    ),
    Case(
        "add a check constraint",
        users(),
        users(more=(CHECKED,)),
        ROWS,
        holds={**KEPT, constraint("c", "name_is_long"): [(1,)]},
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "change a check constraint",
        users(more=(CHECKED,)),
        users(more=(CHECKED.replace("> 1", "> 0"),)),
        ROWS,
        holds={
            **KEPT,
            "SELECT pg_get_constraintdef(oid) LIKE '%> 0%' FROM pg_constraint WHERE conname = 'name_is_long'": [
                (True,)
            ],
        },
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "change what a foreign key without a name does on delete",
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id"))'),
        TEAMS + users('Column("team_id", Integer, ForeignKey("teams.id", ondelete="CASCADE"))'),
        (*TEAM_ROWS, "INSERT INTO users (id, name, team_id) VALUES (1, 'Ada', 10), (2, 'Bob', NULL), (3, 'Cy', 20)"),
        holds={**KEPT, "SELECT on_delete FROM pragma_foreign_key_list('users')": [("CASCADE",)]},
        stock={"sqlite": "fails"},
        on=SQLITE,
    ),
    Case(
        "drop a column with a unique constraint without a name",
        users(email='Column("email", String(80), unique=True)'),
        users(email=None),
        ROWS,
        args={"answers": {"drop-column:users.email": "drop"}},
        holds=KEPT,
        back={"SELECT count(*) FROM pragma_index_list('users') WHERE origin = 'u'": [(1,)]},
        stock={"sqlite": "fails"},
        on=SQLITE,
    ),
    Case(
        "drop a column with a check constraint",
        users('Column("age", Integer)', more=('CheckConstraint("age > 0", name="age_is_known")',)),
        users(),
        ROWS,
        args={"answers": {"drop-column:users.age": "drop"}},
        holds=KEPT,
        back={constraint("c", "age_is_known"): [(1,)]},
        stock={"postgresql": "loses data"},
        on=POSTGRESQL,
    ),
    Case(
        "add a check constraint that a convention names",
        users(),
        users(more=('CheckConstraint("length(name) > 1", name="long")',)),
        ROWS,
        naming={"ck": "ck_%(table_name)s_%(constraint_name)s"},
        holds={**KEPT, constraint("c", "ck_users_long"): [(1,)]},
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "change a primary key that a convention names",
        't = Table("t", metadata, Column("a", Integer, primary_key=True), Column("b", Integer, nullable=False))\n',
        't = Table("t", metadata, Column("a", Integer, primary_key=True), Column("b", Integer, primary_key=True))\n',
        ("INSERT INTO t VALUES (1, 1), (2, 1)",),
        naming={"pk": "pk_%(table_name)s"},
        holds={"SELECT count(*) FROM pragma_table_info('t') WHERE pk": [(2,)]},
        back={"SELECT count(*) FROM pragma_table_info('t') WHERE pk": [(1,)]},
        stock={"sqlite": "stays different"},
        on=SQLITE,
    ),
    Case(
        "add an exclusion constraint",
        't = Table("t", metadata, Column("id", Integer, primary_key=True), Column("span", postgresql.INT4RANGE))\n',
        't = Table("t", metadata, Column("id", Integer, primary_key=True), Column("span", postgresql.INT4RANGE), '
        'postgresql.ExcludeConstraint(("span", "&&"), name="t_apart", using="gist"))\n',
        ("INSERT INTO t VALUES (1, '[1,3)'), (2, '[5,9)')",),
        holds={constraint("x", "t_apart", "t"): [(1,)]},
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "change the primary key",
        't = Table("t", metadata, Column("a", Integer, primary_key=True, autoincrement=False), '
        'Column("b", Integer, nullable=False))\n',
        't = Table("t", metadata, Column("a", Integer, primary_key=True, autoincrement=False), '
        'Column("b", Integer, primary_key=True))\n',
        ("INSERT INTO t VALUES (1, 1), (2, 1)",),
        holds={
            "SELECT array_length(conkey, 1) FROM pg_constraint WHERE conrelid = 't'::regclass AND contype = 'p'": [(2,)]
        },
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    # Types
    Case(
        "widen a string",
        **typed("String(10)", "String(20)", ["'abc'"], holds={"SELECT v FROM t": [("abc",)]}),
        stock={"postgresql": "works", "sqlite": "fails"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "string to text",
        **typed("String(10)", "Text", ["'abc'"], holds={"SELECT v FROM t": [("abc",)]}),
        stock={"postgresql": "works", "sqlite": "fails"},
        revisions={"postgresql": 1, "sqlite": 1},
    ),
    Case(
        "narrow a string whose values fit",
        **typed("String(20)", "String(5)", ["'abc'"], holds={"SELECT v FROM t": [("abc",)]}),
        args={"answers": {"narrow:t.v": "narrow"}},
        stock={"postgresql": "blocks"},
        on=POSTGRESQL,
    ),
    Case(
        "widen a number",
        **typed("Numeric(8, 2)", "Numeric(12, 2)", ["1.25"], holds={"SELECT v = 1.25 FROM t": [(True,)]}),
        stock={"postgresql": "works"},
        on=POSTGRESQL,
    ),
    Case(
        "integer to bigint",
        **typed("Integer", "BigInteger", ["7"], holds={"SELECT v FROM t": [(7,)]}),
        stock={"postgresql": "blocks"},
        on=POSTGRESQL,
    ),
    Case(
        "string to integer",
        **typed("String(10)", "Integer", ["'42'"], holds={"SELECT v + 1 FROM t": [(43,)]}),
        args={"answers": {"narrow:t.v": "narrow"}},
        stock={"postgresql": "fails", "sqlite": "fails"},
    ),
    Case(
        "string to boolean",
        **typed("String(10)", "Boolean", ["'true'"], holds={"SELECT v FROM t": [(True,)]}),
        stock={"postgresql": "fails"},
        on=POSTGRESQL,
    ),
    Case(
        "text to jsonb",
        **typed("Text", "postgresql.JSONB", ["'{\"a\": 1}'"], holds={"SELECT v ->> 'a' FROM t": [("1",)]}),
        stock={"postgresql": "fails"},
        on=POSTGRESQL,
    ),
    Case(
        "json to jsonb",
        **typed("JSON", "postgresql.JSONB", ["'{\"a\": 1}'"], holds={"SELECT v ->> 'a' FROM t": [("1",)]}),
        stock={"postgresql": "blocks"},
        on=POSTGRESQL,
    ),
    Case(
        "string to date",
        **typed("String(10)", "Date", ["'2026-01-02'"], holds={"SELECT v::text FROM t": [("2026-01-02",)]}),
        stock={"postgresql": "fails"},
        on=POSTGRESQL,
    ),
    Case(
        "timestamp to timestamp with time zone",
        **typed(
            "DateTime", "DateTime(timezone=True)", ["'2026-01-02 03:04:05'"], holds={"SELECT count(v) FROM t": [(1,)]}
        ),
        stock={"postgresql": "blocks"},
        on=POSTGRESQL,
    ),
    # Enums
    Case(
        "add an enum column to a table in use",
        users(),
        users(f'Column("mood", {MOOD})'),
        ROWS,
        holds=KEPT,
        stock={"postgresql": "fails", "sqlite": "works"},
    ),
    Case(
        "string to enum",
        **typed("String(10)", MOOD, ["'sad'"], holds={"SELECT v::text FROM t": [("sad",)]}),
        args={"answers": {"narrow:t.v": "narrow"}},
        stock={"postgresql": "fails"},
        on=POSTGRESQL,
    ),
    Case(
        "add an enum value",
        **typed(
            MOOD,
            MOOD.replace('"sad"', '"sad", "calm"'),
            ["'sad'"],
            holds={
                "SELECT v::text FROM t": [("sad",)],
                "SELECT count(*) FROM pg_enum WHERE enumlabel = 'calm'": [(1,)],
            },
        ),
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "add an enum value and make it the default",
        **typed(
            MOOD,
            MOOD.replace('"sad"', '"sad", "calm"') + ', server_default="calm"',
            ["'sad'"],
            holds={
                "SELECT v::text FROM t": [("sad",)],
                "SELECT count(*) FROM pg_enum WHERE enumlabel = 'calm'": [(1,)],
            },
        ),
        options={"compare_server_default": True},
        stock={"postgresql": "fails"},
        on=POSTGRESQL,
    ),
    Case(
        "remove an enum value that rows have",
        **typed(
            MOOD.replace('"sad"', '"sad", "calm"'),
            MOOD,
            ["'sad'", "'calm'"],
            holds={
                "SELECT v::text FROM t ORDER BY id": [("sad",), ("happy",)],
                "SELECT count(*) FROM pg_enum WHERE enumlabel = 'calm'": [(0,)],
            },
        ),
        args={"answers": {"enum-value:mood.calm": "change to happy"}},
        asks=("enum-value:mood.calm",),
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "add a value to an enum that is text with a check",
        **typed(
            'Enum("x", "y", name="kind", native_enum=False, create_constraint=True, length=9)',
            'Enum("x", "y", "z", name="kind", native_enum=False, create_constraint=True, length=9)',
            ("'x'", "'y'"),
        ),
        holds={"SELECT sql LIKE '%''z''%' FROM sqlite_master WHERE name = 't'": [(1,)]},
        back={"SELECT sql LIKE '%''x'', ''y'')%' FROM sqlite_master WHERE name = 't'": [(1,)]},
        stock={"sqlite": "stays different"},
        on=SQLITE,
    ),
    Case(
        "rename an enum value",
        **typed(
            MOOD,
            MOOD.replace('"sad"', '"blue"'),
            ["'sad'", "'happy'"],
            holds={"SELECT v::text FROM t ORDER BY id": [("blue",), ("happy",)]},
            back={"SELECT v::text FROM t ORDER BY id": [("sad",), ("happy",)]},
        ),
        args={"answers": {"enum-value:mood.sad": "rename to blue"}},
        asks=("enum-value:mood.sad",),
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    # What else the models say
    Case(
        "add a sequence",
        users(),
        users() + 'Sequence("order_number", start=100, metadata=metadata)\n',
        ROWS,
        holds={**KEPT, "SELECT nextval('order_number')": [(100,)]},
        stock={"postgresql": "stays different"},
        on=POSTGRESQL,
    ),
    Case(
        "names that need quotes",
        'orders = Table("Order Line", metadata, Column("Id", Integer, primary_key=True), '
        'Column("select", String(10)))\n',
        'orders = Table("Order Line", metadata, Column("Id", Integer, primary_key=True), '
        'Column("select", String(10), index=True), '
        'Column("group", Integer, nullable=False))\n',
        ("INSERT INTO \"Order Line\" VALUES (1, 'a'), (2, 'b')",),
        args={"fills": {"Order Line.group": "5"}},
        asks=("fill:Order Line.group",),
        holds={'SELECT sum("group") FROM "Order Line"': [(10,)]},
        stock={"postgresql": "fails", "sqlite": "fails"},
    ),
    Case(
        "a table in another schema",
        'x = Table("users", metadata, Column("id", Integer, primary_key=True), schema="app")\n'
        'event.listen(metadata, "before_create", DDL("CREATE SCHEMA IF NOT EXISTS app"))\n',
        'x = Table("users", metadata, Column("id", Integer, primary_key=True), '
        'Column("age", Integer, nullable=False, index=True), schema="app")\n',
        ("INSERT INTO app.users VALUES (1), (2)",),
        args={"fills": {"app.users.age": "30"}},
        asks=("fill:app.users.age",),
        holds={"SELECT sum(age) FROM app.users": [(60,)]},
        stock={"postgresql": "fails"},
        on=POSTGRESQL,
        options={"include_schemas": True},
    ),
    Case(
        "several changes at once",
        TEAMS + users(email='Column("email", String(80), index=True)'),
        TEAMS.replace("String(40)", "String(60)")
        + users(
            'Column("age", Integer)',
            'Column("team_id", Integer, ForeignKey("teams.id", name="users_team"))',
            more=('UniqueConstraint("name", name="users_name_once")',),
        ),
        (*TEAM_ROWS, *ROWS),
        holds=KEPT,
        stock={"postgresql": "blocks", "sqlite": "fails"},
    ),
]
