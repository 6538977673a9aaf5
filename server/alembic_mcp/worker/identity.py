"""Says which database this is, and what it says about itself, from what a connection to it answers."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional

__all__ = ["MYSQL", "POSTGRESQL", "SYSTEM", "marks", "mysql", "pins", "postgresql", "sqlite", "sqlite_place"]

# The marks of the database itself: what current_setting() says could come from the project's own connection string.
POSTGRESQL = """
SELECT current_database(), current_setting('server_version'),
  (SELECT s.setconfig FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
    WHERE s.setrole = 0 AND d.datname = current_database()),
  r.rolsuper, r.rolcreatedb, r.rolname, has_function_privilege('pg_catalog.pg_control_system()', 'execute')
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
"""
"""Name, version, settings, superuser, may create databases, user, may ask `SYSTEM`."""
SYSTEM = "SELECT system_identifier FROM pg_catalog.pg_control_system()"
MYSQL = (
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN "
    "('server_uuid', 'server_uid', 'hostname', 'datadir', 'lower_case_table_names')"
)
"""What `mysql` takes: each server has some of them."""


def marks(settings: Optional[Iterable[str]]) -> Dict[str, str]:
    """What ALTER DATABASE has set under our name: ``environment``, ``approvers``."""
    found = {}
    for setting in settings or ():
        name, _, value = setting.partition("=")
        family, _, mark = name.lower().partition(".")
        if family == "alembic_mcp":
            found[mark] = value
    return found


def pins(found: Dict[str, str]) -> List[str]:
    """The fingerprints in ``approvers``."""
    return [pin.strip() for pin in found.get("approvers", "").split(",") if pin.strip()]


def postgresql(system: Any, host: Optional[str], port: Any, name: str) -> str:
    """Identity of a PostgreSQL database: by the server's *system* identifier, by address where the role may not ask."""
    return f"postgresql:{system}:{name}" if system else f"postgresql:{host or 'localhost'}:{port or 5432}:{name}"


def mysql(server: Mapping[str, str], host: str, port: Any, name: str) -> str:
    """Identity of a MySQL or MariaDB database: by what the *server* says of itself (see `MYSQL`), else by address.

    MySQL has a number of its own. MariaDB has one of its machine and port, or none at all: several servers may share
    it, but not the folder of their data.
    """
    if str(server.get("lower_case_table_names", "0")) != "0":
        name = name.lower()
    own = server.get("server_uuid")
    if not own:
        said = [server.get("server_uid") or server.get("hostname") or "", server.get("datadir") or ""]
        own = hashlib.sha256("\n".join(said).encode()).hexdigest()[:32] if all(said) else None
    return f"mysql:{own}:{name}" if own else f"mysql:{host}:{port or 3306}:{name}"


def sqlite(path: Optional[str]) -> str:
    """Identity of the SQLite file *path*: its device and inode.

    A file that is not there yet, or has no byte in it, is known by its place instead: nothing in it can be mistaken
    for something else, and it stays the same database when an empty file is put there.
    """
    if not path:
        return "sqlite:memory"
    try:
        status = Path(path).stat()
    except OSError:
        status = None
    return f"sqlite:{status.st_dev}:{status.st_ino}" if status is not None and status.st_size else sqlite_place(path)


def sqlite_place(path: str) -> str:
    """The identity of the SQLite file *path* before there is anything in it: folder and name."""
    real = Path(os.path.realpath(path))
    try:
        status = real.parent.stat()
    except OSError:
        return f"sqlite:new:{real.parent}:{real.name}"
    return f"sqlite:new:{status.st_dev}:{status.st_ino}:{real.name}"
