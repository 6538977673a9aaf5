"""What a call printed, bounded: the beginning and the end are kept, the middle is counted."""

from __future__ import annotations

__all__ = ["Output"]

HEAD = 8 * 1024
TAIL = 56 * 1024


class Output:
    """Collects what was written to a pipe, in at most 64 KB."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._cut = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        room = HEAD - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * TAIL:
            self._drop(len(self._tail) - TAIL)

    def text(self) -> str:
        """The text, with a note in place of what was left out; undecodable bytes are replaced."""
        if len(self._tail) > TAIL:
            self._drop(len(self._tail) - TAIL)
        head, tail, cut = bytes(self._head), bytes(self._tail), self._cut
        if cut:
            # Half a line could be half a secret, which nothing recognises as one.
            whole = head.rfind(b"\n") + 1
            begin = tail.find(b"\n") + 1
            cut += len(head) - whole + begin
            head, tail = head[:whole], tail[begin:]
            head += f"... {cut:,} bytes left out ...\n".encode()
        return (head + tail).decode("utf-8", errors="replace")

    def _drop(self, count: int) -> None:
        del self._tail[:count]
        self._cut += count
