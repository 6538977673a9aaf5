"""Writes the revision files that ``alembic revision`` and ``alembic merge`` would write, into a folder of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from alembic import util
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, write_hooks

from .. import scripts
from ..compare import autogenerate, revision_context, settle
from ..environment import Environment
from .proposal import Proposal
from .revision_file import finished, marks_wanted
from .staging import titled

__all__ = ["for_revision", "merge", "render", "rendered"]


def render(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answer the call ``render``: ``files`` that were written, or ``questions`` that come before them.

    Raises:
        CallError: as ``compare``; ``alembic`` too where the head is ambiguous or the version path unknown.
    """
    args = request["args"]
    environment = for_revision(args, request)
    if _looks(args, environment):
        settle(environment, args)
    return rendered(environment, args)


def for_revision(args: Dict[str, Any], request: Dict[str, Any]) -> Environment:
    """The environment in which ``alembic revision`` would run with these arguments of ``render``."""
    return Environment(request, "revision", autogenerate=_is_auto(args), **_options(args))


def rendered(
    environment: Environment, args: Dict[str, Any], models: Optional[Callable[[], Any]] = None
) -> Dict[str, Any]:
    """What `render` answers, where it is decided already where *environment* connects to.

    Args:
        environment: the project's.
        args: the call's.
        models: gives those of ``models`` if they are not there yet.

    Raises:
        CallError: as `render`.
    """
    auto = _is_auto(args)
    context = revision_context(environment, autogenerate=auto, **_options(args))
    proposal = Proposal(args)
    output = _Output(environment, args["out"])

    def work(heads: Any, migration: MigrationContext) -> None:
        if not auto:
            context.run_no_autogenerate(heads, migration)
            if args.get("kind") == "data":
                proposal.data(context, migration)
            return
        proposal.prepare(migration)
        autogenerate(context, heads, migration, environment)
        if models is not None:
            args["models"] = models()
        proposal.made(context, migration)

    if _looks(args, environment):
        environment.run(work, dont_mutate=True, template_args=context.template_args, revision_context=context)
    if not auto or (not proposal.found["questions"] and proposal.has_operations(context)):
        output.types = proposal.types
        for script in context.generate_scripts():
            output.written(script, proposal.notes)
    return {"files": output.files, **proposal.found, "warnings": [*proposal.warnings, *output.warnings]}


def _looks(args: Dict[str, Any], environment: Environment) -> bool:
    return args.get("kind") != "empty" or _needs_environment(environment)


def _is_auto(args: Dict[str, Any]) -> bool:
    return bool(args.get("kind", "auto") == "auto")


def _options(args: Dict[str, Any]) -> Dict[str, Any]:
    return {
        "message": args.get("message"),
        "head": args.get("head") or "head",
        "splice": bool(args.get("splice")),
        "branch_label": args.get("branch_label"),
        "version_path": args.get("version_path"),
        "rev_id": args.get("rev_id"),
        "depends_on": list(args.get("depends_on") or ()) or None,
    }


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
        self.types: List[Any] = []
        self._out = Path(out).absolute()
        self._belongs: Dict[str, Path] = {}
        script: Any = environment.script
        self._keep_marks = marks_wanted(script.dir)
        self._hooks = _hooks(script)
        self._longest_slug: int = script.truncate_slug_length
        self._place = script._rev_path
        script._rev_path = self._rev_path
        # It would make the folder in the project.
        script._ensure_directory = lambda path: None  # noqa: ARG005

    def written(self, script: Optional[Script], notes: Optional[Dict[str, List[str]]] = None) -> None:
        """Take note of a file, after its docstring got the revision's *notes*, and the project's hooks their turn."""
        if script is None:
            return
        path = scripts.script_file(script)
        if notes is not None:
            finished(path, notes.get(script.revision, []), types=self.types, keep_marks=self._keep_marks)
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

    def _rev_path(self, folder: Any, rev_id: str, message: Optional[str], *more: Any) -> Any:
        belongs = self._place(folder, rev_id, titled(message, self._longest_slug), *more)
        self._out.mkdir(parents=True, exist_ok=True)
        path, number = self._out / Path(belongs).name, 1
        while str(path) in self._belongs:  # the template names it by its message alone, and cuts that short
            number += 1
            path = self._out / f"{Path(belongs).stem}_{number}{Path(belongs).suffix}"
        self._belongs[str(path)] = Path(belongs).absolute().with_name(path.name)
        return type(belongs)(path)


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
