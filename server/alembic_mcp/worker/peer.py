"""Which machine a connection really leads to: what its socket says, whatever name it was asked for by."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any, Optional

__all__ = ["address", "machine"]

_HERE = ("", "localhost", "127.0.0.1", "::1")


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
    transport = getattr(driver, "_transport", None)  # asyncpg
    if transport is not None:
        found = transport.get_extra_info("peername")
    else:
        try:
            with socket.socket(fileno=os.dup(driver.fileno())) as other:  # psycopg, psycopg2
                found = other.getpeername()
        except (AttributeError, OSError):
            return None
    return str(found[0]) if isinstance(found, tuple) else ""


def _is_loopback(text: str) -> bool:
    found = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
