"""What of the project was really run and read: bytes are hashed as they are loaded, and run as they were hashed.

A file that is changed while it is rehearsed, and back, leaves the hash of what ran. Byte code that lies around is not
used: it stands for its source only as far as times and sizes say so.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, Dict, Iterable, Optional, Set, Tuple

from .environment import Environment
from .errors import CallError, is_user_file

__all__ = ["Loaded"]

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Loaded:
    """Installed for the rest of the process, before any code of the project runs.

    Covered are the configuration, Python files of the project that are imported or run by Alembic, and whatever a
    revision reads.

    Attributes:
        files: real path -> SHA-256 of the bytes that were loaded first.

    Args:
        environment: the project's; its ``refused`` gets every refusal, for the code that loads may swallow it.
        request: the call.
        expected: real path -> SHA-256 of all that may be loaded; anything else is refused, before it runs.
            None: everything may.
        only: refuse files that *expected* does not name; False: only those that it has another hash of.
    """

    def __init__(
        self,
        environment: Environment,
        request: Dict[str, Any],
        expected: Optional[Dict[str, str]] = None,
        *,
        only: bool = False,
    ) -> None:
        self.files: Dict[str, str] = {}
        self._root = environment.root
        # Without an index only env.py knows where they are; they are told by their content when they are loaded.
        self._revisions: Set[str] = set()
        self.revisions(request["project"].get("index") or ())
        self._expected = expected
        self._only = only
        self._refused = environment.refused
        self._busy = threading.local()
        for key in ("config_file", "toml_file"):
            if request["project"].get(key):
                path = Path(os.path.realpath(request["project"][key]))
                self.note(str(path), path.read_bytes())
        self._install()
        # Neither can be removed: a process that rehearses or runs does nothing else afterwards.
        sys.addaudithook(self._audit)

    def revisions(self, entries: Iterable[Dict[str, Any]]) -> None:
        """Their files are revisions, wherever they are."""
        self._revisions.update(os.path.realpath(entry["path"]) for entry in entries)

    def note(self, path: str, data: bytes) -> None:
        """The bytes of a file are about to be used. Raises CallError (``drift``) if they are not what is expected."""
        found = hashlib.sha256(data).hexdigest()
        known = self.files.setdefault(path, found)
        if known != found:
            raise self._refuse(f"{path} changed while it was in use")
        if self._expected is None:
            return
        expected = self._expected.get(path)
        if expected is not None and expected != found:
            raise self._refuse(f"{path} is not what it was when the plan was made")
        if expected is None and self._only:
            raise self._refuse(f"{path} is loaded now, and was not in the rehearsal")

    def _refuse(self, what: str) -> CallError:
        steps = [
            "Call again when nobody is writing to the project's files; what env.py needs, it should always import."
        ]
        error = CallError("drift", f"{what}, so it was stopped.", next_steps=steps)
        self._refused.append(error)
        return error

    def _install(self) -> None:
        get_code = SourceFileLoader.get_code

        def code(loader: Any, fullname: str) -> Any:
            path = os.path.realpath(loader.get_filename(fullname))
            if not self._covers(path):
                return get_code(loader, fullname)
            self._busy.reading = True
            try:
                data = loader.get_data(loader.path)
            finally:
                self._busy.reading = False
            self.note(path, data)
            if b"down_revision" in data:
                self._revisions.add(path)
            return loader.source_to_code(data, loader.path)

        SourceFileLoader.get_code = code  # type: ignore[assignment]

    def _covers(self, path: str) -> bool:
        return path in self._revisions or is_user_file(path, self._root)

    def _audit(self, name: str, args: Tuple[Any, ...]) -> None:
        if name != "open" or getattr(self._busy, "reading", False) or not _reads(args):
            return
        self._busy.reading = True
        try:
            path = os.path.realpath(os.fsdecode(args[0]))
            if path.startswith(self._root + os.sep) and "__pycache__" not in path and self._by_revision():
                file = Path(path)
                if file.is_file():
                    self.note(path, file.read_bytes())
        finally:
            self._busy.reading = False

    def _by_revision(self) -> bool:
        """Whether a revision's code is being executed."""
        frame: Any = sys._getframe(1)
        while frame is not None:
            if os.path.realpath(frame.f_code.co_filename) in self._revisions:
                return True
            frame = frame.f_back
        return False


def _reads(args: Tuple[Any, ...]) -> bool:
    name, mode, flags = args[0], args[1], args[2] or 0
    if not isinstance(name, (str, bytes, os.PathLike)):
        return False  # an open file
    return not (any(letter in mode for letter in "wax+") if isinstance(mode, str) else flags & _WRITES)
