"""Enrolling a passkey: begun at a terminal, which shows a code; done in the page, by who can type it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import anyio

from ..approvals import Approver
from ..errors import Refused

__all__ = ["Enrolment"]

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
ATTEMPTS = 5


def _code() -> str:
    """Eight letters and digits in two groups: 40 bits, of which five guesses are nothing."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


@dataclass
class Enrolment:
    """One passkey that may be enrolled, once.

    Attributes:
        name: of the approver to be.
        code: that the terminal shows and the page asks for; five wrong ones end the enrolment.
        challenge: that the new passkey has to answer.
        pending: a passkey that was made and waits for an approver to sign it in.
        approver: the result, when *done* is set; None if it ended otherwise.
    """

    name: str
    code: str = field(default_factory=_code)
    challenge: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    pending: Approver | None = None
    approver: Approver | None = None
    failures: int = 0
    done: anyio.Event = field(default_factory=anyio.Event)

    def check(self, code: str) -> None:
        """Raises Refused for a wrong code, and for any once it has ended."""
        if self.done.is_set():
            raise Refused("This enrolment has ended.", "Start another one at the terminal.")
        given = "".join(letter for letter in code.upper() if letter in ALPHABET)
        if secrets.compare_digest(given.encode(), self.code.replace("-", "").encode()):
            return
        self.wrong()
        raise Refused("This is not the code that the terminal shows.", "Type it as it stands there.")

    def wrong(self) -> None:
        """Count a wrong code or passphrase. Raises Refused when it was the last that is allowed."""
        self.failures += 1
        if self.failures >= ATTEMPTS:
            self.done.set()
            raise Refused("Wrong too often: this enrolment has ended.", "Start another one at the terminal.")

    def finish(self, approver: Approver) -> None:
        """The passkey was enrolled: the terminal is told, and nothing more is."""
        self.approver = approver
        self.done.set()
