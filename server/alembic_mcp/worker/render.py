"""Writes the revision files that ``alembic revision`` and ``alembic merge`` would write, into a folder of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from alembic import util
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, write_hooks

from . import scripts
from .compare import counted, revision_context, settle
from .differences import flat, listed
from .environment import Environment

__all__ = ["merge", "render"]


def render(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer the call ``render``.

    Raises:
        CallError: as ``compare``; ``alembic`` too where the head is ambiguous or the version path unknown.
    """
    args = request["args"]
    auto = args.get("kind", "auto") == "auto"
    options = {
        "message": args.get("message"),
        "head": args.get("head") or "head",
        "splice": bool(args.get("splice")),
        "branch_label": args.get("branch_label"),
        "version_path": args.get("version_path"),
        "rev_id": args.get("rev_id"),
        "depends_on": list(args.get("depends_on") or ()) or None,
    }
    environment = Environment(request, "revision", autogenerate=auto, **options)
    context = revision_context(environment, autogenerate=auto, **options)
    found: Dict[str, Any] = {"differences": [], "metadata_tables": None, "database_tables": None, "drops": []}
    output = _Output(environment, args["out"])

    def work(heads: Any, migration: MigrationContext) -> None:
        if not auto:
            context.run_no_autogenerate(heads, migration)
            return
        counts = counted(migration)
        found.update({key: counts[key] for key in ("metadata_tables", "database_tables")})
        context.run_autogenerate(heads, migration)
        for revision in context.generated_revisions:
            found["differences"] += listed(revision.upgrade_ops_list, migration.dialect)
            for container in revision.upgrade_ops_list:
                found["drops"] += [
                    f"{op.schema}.{op.table_name}" if op.schema else op.table_name
                    for op in flat(container)
                    if type(op).__name__ == "DropTableOp"
                ]

    if auto or _needs_environment(environment):
        settle(environment, args)
        environment.run(work, dont_mutate=True, template_args=context.template_args, revision_context=context)
    if not auto or any(_has_operations(revision) for revision in context.generated_revisions):
        for script in context.generate_scripts():
            output.written(script)
    return {"files": output.files, **found, "warnings": output.warnings}


def merge(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer the call ``merge``; the result has the shape of ``render``'s."""
    args = request["args"]
    revisions = list(args["revisions"])
    environment = Environment(request, "merge", revisions=revisions, message=args.get("message"))
    output = _Output(environment, args["out"])
    template: Dict[str, Any] = {"config": environment.config}
    if _needs_environment(environment):
        settle(environment, args)
        environment.run(lambda _heads, _context: None, dont_mutate=True, template_args=template)
    script = environment.script.generate_revision(
        args.get("rev_id") or util.rev_id(),
        args.get("message"),
        refresh=True,
        head=revisions,
        branch_labels=args.get("branch_label"),
        **template,
    )
    output.written(script)
    return {
        "files": output.files,
        "differences": [],
        "metadata_tables": None,
        "database_tables": None,
        "drops": [],
        "warnings": output.warnings,
    }


class _Output:
    """Makes a ScriptDirectory write into another folder, and remembers where each file belongs.

    Args:
        environment: its script folder is changed for the rest of the process.
        out: the folder that is written to.
    """

    def __init__(self, environment: Environment, out: str) -> None:
        self.files: List[Dict[str, Any]] = []
        self.warnings: List[str] = []
        self._out = Path(out).absolute()
        self._belongs: Dict[str, Path] = {}
        script: Any = environment.script
        self._hooks = _hooks(script)
        self._place = script._rev_path
        script._rev_path = self._rev_path
        # It would make the folder in the project.
        script._ensure_directory = lambda path: None  # noqa: ARG005

    def written(self, script: Optional[Script]) -> None:
        """Take note of a file, after the project's hooks have gone over it."""
        if script is None:
            return
        path = scripts.script_file(script)
        for name, call in self._hooks:
            try:
                call(path)
            except (OSError, util.CommandError, ImportError) as error:  # noqa: PERF203 - one hook must not stop the next
                self.warnings.append(f"The post-write hook {name} did not run: {' '.join(str(error).split())}")
        belongs = self._belongs[path]
        self.files.append(
            {
                "name": Path(path).name,
                "written": path,
                "directory": str(belongs.parent),
                "revision": script.revision,
                "down_revisions": list(script._versioned_down_revisions),
                "message": script.doc,
            }
        )

    def _rev_path(self, *args: Any, **kw: Any) -> Any:
        belongs = self._place(*args, **kw)
        self._out.mkdir(parents=True, exist_ok=True)
        path = self._out / Path(belongs).name
        self._belongs[str(path)] = Path(belongs).absolute()
        return type(belongs)(path)


def _has_operations(revision: Any) -> bool:
    return any(not container.is_empty() for container in revision.upgrade_ops_list)


def _hooks(script: Any) -> List[Any]:
    """The project's post-write hooks, each as (name, function of a path); Alembic is kept from running them itself."""
    if hasattr(script, "hook_config"):  # before Alembic 1.13: the section of the ini as it stands
        section = dict(script.hook_config or {})
        script.hook_config = {}
        names = [name for name in section.pop("hooks", "").replace(",", " ").split() if name]
        return [(name, _running({**section, "hooks": name})) for name in names]
    hooks, script.hooks = list(script.hooks or ()), []
    return [(hook.get("_hook_name", "?"), _running([hook])) for hook in hooks]


def _running(configuration: Any) -> Callable[[str], None]:
    return lambda path: write_hooks._run_hooks(path, configuration)


def _needs_environment(environment: Environment) -> bool:
    config: Any = environment.config
    read = getattr(config, "get_alembic_option", config.get_main_option)
    return util.asbool(read("revision_environment"))
