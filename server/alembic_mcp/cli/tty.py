"""The person's own terminal: /dev/tty, and nothing that could be piped, passed or set instead."""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from ..errors import Refused

__all__ = ["Terminal", "open_terminal"]

LONGEST = 4096


@dataclass(frozen=True)
class Terminal:
    """A terminal that is open for reading and writing."""

    descriptor: int

    def say(self, text: str) -> None:
        """Show *text* and a line break; what could steer the terminal, or turn the reading direction, is spelt out."""
        self._write(f"{plain(text)}\n")

    async def ask(self, question: str) -> str:
        """The line that is typed in answer. Raises Refused at the end of input."""
        self._write(plain(question))
        return await self._line()

    async def secret(self, question: str) -> str:
        """Likewise, without showing what is typed."""
        with self._unseen():
            self._write(plain(question))
            try:
                return await self._line()
            finally:
                self._write("\n")

    async def _line(self) -> str:
        await anyio.wait_readable(self.descriptor)
        line = os.read(self.descriptor, LONGEST)
        if not line:
            raise Refused("Nothing was typed, and nothing was done.", "Run the command again.")
        return line.decode(errors="replace").rstrip("\r\n")

    def _write(self, text: str) -> None:
        left = text.encode()
        while left:
            left = left[os.write(self.descriptor, left) :]

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        before = termios.tcgetattr(self.descriptor)
        unseen = before[:]
        unseen[3] &= ~(termios.ECHO | termios.ECHONL)
        termios.tcsetattr(self.descriptor, termios.TCSAFLUSH, unseen)
        try:
            yield
        finally:
            termios.tcsetattr(self.descriptor, termios.TCSAFLUSH, before)


@contextmanager
def open_terminal() -> Iterator[Terminal]:
    """The terminal of this process. Raises Refused if it has none."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        raise Refused(
            "This needs a person at a terminal, and there is none. Nothing was done.",
            "Run it yourself, in a terminal of your own.",
        ) from error
    try:
        yield Terminal(descriptor)
    finally:
        os.close(descriptor)


def plain(text: str) -> str:
    """*text* with everything that is not shown as it stands spelt out."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else f"<U+{ord(letter):04X}>" for letter in text)
