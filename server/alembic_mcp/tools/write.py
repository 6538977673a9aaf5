"""Tools that write files and leave the database alone: generate, merge_heads, init."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..report import GenerateReport, InitReport, MergeReport
from .context import Call, DatabaseName, ProjectName, Reporter, app_of

__all__ = ["generate", "init", "merge_heads"]


class Rename(BaseModel):
    """A table or a column that got another name."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    table: str | None = Field(default=None, description="The column's table; left out for a table.")
    from_: str = Field(alias="from", description="The name in the database.")
    to: str = Field(description="The name in the models.")


async def generate(
    ctx: Call,
    *,
    message: Annotated[str, Field(description="What the revision does, in a few words: 'add middle name to person'.")],
    kind: Annotated[
        Literal["auto", "empty", "data"],
        Field(description="auto: from the models; data: changes rows of `table`; empty: to be written by hand."),
    ] = "auto",
    style: Annotated[
        Literal["safe", "plain"],
        Field(description="safe: so that nothing fails or blocks on tables in use; plain: as autogenerate has it."),
    ] = "safe",
    renames: Annotated[
        list[Rename] | None,
        Field(description="What was renamed: [{'table': 'persons', 'from': 'name', 'to': 'full_name'}]."),
    ] = None,
    fills: Annotated[
        dict[str, str] | None,
        Field(description="Values for rows that exist, as SQL: {'users.email_verified': 'false'}."),
    ] = None,
    answers: Annotated[
        dict[str, str] | None,
        Field(description="Answers to an earlier call's questions: id -> choice, as the developer said."),
    ] = None,
    keep_data: Annotated[
        bool, Field(description="Park what is dropped in a side table, so that the downgrade can bring it back.")
    ] = False,
    table: Annotated[str | None, Field(description="With kind='data': the table whose rows change.")] = None,
    set: Annotated[dict[str, str] | None, Field(description="With kind='data': column -> SQL expression.")] = None,
    where: Annotated[str | None, Field(description="With kind='data': which rows, as an SQL condition.")] = None,
    undo: Annotated[
        dict[str, str] | None,
        Field(description="With kind='data': column -> SQL expression for the downgrade, over all rows of `table`."),
    ] = None,
    database: DatabaseName = "default",
    project: ProjectName = None,
) -> GenerateReport:
    """Write the revisions for a change of the models in safe form, and prove them on a scratch database.

    Use it after the models were edited; then review. Where only the developer knows (a rename or a drop, a value for
    rows that exist) it returns questions and writes nothing. Never changes a database.
    """
    from ..workflows import generate as workflow

    return await workflow.generate(
        app_of(ctx),
        workflow.Wish(
            message=message,
            kind=kind,
            style=style,
            renames=[rename.model_dump(by_alias=True, exclude_none=True) for rename in renames or ()],
            fills=fills or {},
            answers=answers or {},
            keep_data=keep_data,
            table=table,
            set=set or {},
            where=where,
            undo=undo or {},
        ),
        project=project,
        database=database,
        progress=Reporter(ctx),
    )


async def merge_heads(
    ctx: Call,
    *,
    heads: Annotated[
        list[str] | None,
        Field(description="The heads to join; all of them if left out. For a rebase: what stays, then what moves."),
    ] = None,
    message: Annotated[str | None, Field(description="Message of the merge revision.")] = None,
    style: Annotated[
        Literal["merge", "rebase"],
        Field(
            description="merge: a merge revision; rebase: re-points a branch that no database has yet behind the other "
            "head, for projects that forbid merges."
        ),
    ] = "merge",
    database: DatabaseName = "default",
    project: ProjectName = None,
) -> MergeReport:
    """Join several heads, after rehearsing the branches in every order on scratch databases.

    Use it when current or history shows more than one head. Branches that don't go together are refused with the lines
    of both sides. Writes one file; never changes a database.
    """
    from ..workflows import merge as workflow

    return await workflow.merge_heads(
        app_of(ctx),
        heads=tuple(heads or ()),
        message=message,
        style=style,
        project=project,
        database=database,
        progress=Reporter(ctx),
    )


async def init(
    ctx: Call,
    *,
    template: Annotated[
        Literal["sync", "async", "sqlmodel", "pyproject"] | None,
        Field(description="Chosen from the project's files if left out; pyproject is short for config='pyproject'."),
    ] = None,
    config: Annotated[
        Literal["ini", "pyproject"] | None,
        Field(description="Where the configuration goes: alembic.ini (the default) or pyproject.toml."),
    ] = None,
    models: Annotated[
        str | None,
        Field(description="The declarative base, SQLModel or MetaData: 'app.models:Base'; found if there is only one."),
    ] = None,
    url: Annotated[
        str | None,
        Field(
            description="Where the address comes from: the NAME of an environment variable, or what the application "
            "uses, 'app.config:settings.database_url'. Found if there is only one. Never an address itself."
        ),
    ] = None,
    folder: Annotated[
        str, Field(description="Folder of the application, where the configuration goes; below the server's.")
    ] = ".",
    scripts: Annotated[
        str, Field(description="Folder for env.py and the revisions, relative to the application's.")
    ] = "migrations",
) -> InitReport:
    """Set up Alembic in a project that has none: configuration, an env.py that finds the models, a first revision.

    Use it when no Alembic project is found. A database that has the tables already is to be stamped afterwards. Asks
    where several bases or addresses are possible. Never overwrites a file, never changes a database.
    """
    from ..workflows import init as workflow

    return await workflow.init(
        app_of(ctx),
        template=template,
        config=config,
        models=models,
        url=url,
        folder=folder,
        scripts=scripts,
        progress=Reporter(ctx),
    )
