"""Which machine a connection really leads to: what its socket says, whatever name it was asked for by."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any, Mapping, Optional

__all__ = ["address", "machine", "mysql"]

_HERE = ("", "localhost", "127.0.0.1", "::1")
# Arguments of MySQL's drivers that name files, in which another host may stand.
_OPTION_FILES = ("read_default_file", "read_default_group", "option_files", "option_groups", "default_file")


def machine(asked: str, peer: Optional[str]) -> str:
    """The host to judge a connection by.

    A name that stands for this machine does so only where the other end is on it: ``hostaddr``, ``PGHOSTADDR`` and
    the hosts file lead elsewhere under the same name. A tunnel cannot be told from what is at its end.

    Args:
        asked: the host as the project gives it; empty, a folder or ``@...`` for a socket file.
        peer: see `address`.
    """
    by_file = not asked or asked.startswith(("/", "@"))
    if not by_file and asked not in _HERE:
        return asked
    return "localhost" if by_file and not peer else peer if peer and not _is_loopback(peer) else asked or "localhost"


def address(driver: Any) -> Optional[str]:
    """The IP address at the other end of a driver's connection; "" for a socket file, None where it doesn't tell."""
    # asyncpg; aiomysql and asyncmy
    transport = getattr(driver, "_transport", None) or getattr(getattr(driver, "_writer", None), "transport", None)
    plain = getattr(driver, "_sock", None)  # PyMySQL
    if transport is not None:
        found = transport.get_extra_info("peername")
    elif plain is not None:
        found = plain.getpeername()
    else:
        try:
            with socket.socket(fileno=os.dup(driver.fileno())) as other:  # psycopg, psycopg2
                found = other.getpeername()
        except (AttributeError, OSError):
            return None
    return str(found[0]) if isinstance(found, tuple) else ""


def mysql(driver: Any, params: Mapping[str, Any]) -> Optional[str]:
    """The host of a connection to MySQL as its driver knows it, ``localhost`` for a socket file; None if it is told.

    Args:
        driver: the driver's own connection.
        params: what the driver was called with. Where it does not say the host, and they name a file with options, the
            host is nobody's: it may be any.
    """
    said = str(driver.get_host_info()) if hasattr(driver, "get_host_info") else ""  # PyMySQL, mysqlclient
    by, _, how = said.partition(" via ")
    if how:
        return "localhost" if "socket" in how.lower() else by
    if getattr(driver, "unix_socket", None):
        return "localhost"
    known = getattr(driver, "host", None) or getattr(driver, "server_host", None)
    if isinstance(known, str) and known:
        return known
    if not params.get("host") and any(params.get(name) for name in _OPTION_FILES):
        return "a host that a file with options names"
    return None


def _is_loopback(text: str) -> bool:
    found = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
