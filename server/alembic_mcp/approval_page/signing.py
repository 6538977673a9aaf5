"""A signature that a terminal has begun to ask for, and that a passkey gives in the page."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from ..approvals import Approver, Evidence

__all__ = ["Signing"]


@dataclass
class Signing:
    """One statement that one of several passkeys may sign, once.

    Attributes:
        title: what is signed, in a few words; *lines* say it in full.
        statement: see `approvals`.
        signers: whose passkeys can sign.
        signed: by whom, and the evidence, when *done* is set.
    """

    title: str
    lines: tuple[str, ...]
    statement: bytes
    signers: tuple[Approver, ...]
    signed: tuple[Approver, Evidence] | None = None
    done: anyio.Event = field(default_factory=anyio.Event)
