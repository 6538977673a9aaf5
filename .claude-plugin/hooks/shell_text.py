"""Reads shell text into the commands that it would run, as far as that can be told without running anything."""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Tuple

__all__ = ["ASSIGNMENT", "Command", "Reader"]

ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
NAME = re.compile(r"[A-Za-z_]\w*")


class Command:
    """A simple command: its words without quotes, what is written to its standard input, and what is piped into it."""

    def __init__(self, source: Optional[Command]) -> None:
        self.words: List[str] = []
        self.given: List[str] = []
        self.files: List[str] = []
        self.source = source


class Reader:
    """Reads shell text into commands, those of substitutions and subshells included; never fails."""

    def __init__(self, text: str, variables: Dict[str, str], at: int = 0) -> None:
        self.text, self.at, self.variables = text, at, variables
        self.commands: List[Command] = []
        self.current = Command(None)
        self.word: Optional[str] = None
        self.quoted = False
        self.redirect = ""
        self.documents: List[Tuple[str, bool, Command]] = []

    def read(self, until: str = "") -> List[Command]:
        """The commands up to *until*, or to the end."""
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == until and until:
                self.at += 1
                break
            self._letter(letter)
        self._end_command(None)
        return self.commands

    def _letter(self, letter: str) -> None:  # noqa: C901 - a branch for each kind of letter
        text = self.text
        if letter in " \t\r":
            self._end_word()
            self.at += 1
        elif letter == "\n":
            self._end_command(None)
            self.at += 1
            self._documents()
        elif letter == "\\":
            if text[self.at + 1 : self.at + 2] != "\n":
                self._add(text[self.at + 1 : self.at + 2])
            self.at += 2
        elif letter == "'":
            end = text.find("'", self.at + 1)
            end = len(text) if end < 0 else end
            self._add(text[self.at + 1 : end], quoted=True)
            self.at = end + 1
        elif letter == '"':
            self._double()
        elif letter in "$`":
            self._expand(quoted=False)
        elif letter == "#" and self.word is None:
            end = text.find("\n", self.at)
            self.at = len(text) if end < 0 else end
        elif letter in ";&|()":
            self._operator(letter)
        elif letter in "<>":
            self._redirection(letter)
        else:
            self._add(letter)
            self.at += 1

    def _operator(self, letter: str) -> None:
        if letter == "&" and self.text[self.at + 1 : self.at + 2] == ">":
            self.at += 1
            return
        doubled = self.text[self.at + 1 : self.at + 2] == letter
        piped = letter == "|" and not doubled
        finished = self.current
        self._end_command(finished if piped else None)
        self.at += 2 if doubled or (piped and self.text[self.at + 1 : self.at + 2] == "&") else 1

    def _redirection(self, letter: str) -> None:
        text = self.text
        if self.word is not None and self.word.isdigit() and not self.quoted:
            self.word = None
        self._end_word()
        if text.startswith(("<(", ">("), self.at):
            self.at += 2
            self._nested(")")
            return
        for mark, kind in (("<<<", "text"), ("<<-", "document-"), ("<<", "document"), ("<&", ""), ("<>", "")):
            if text.startswith(mark, self.at):
                self.at, self.redirect = self.at + len(mark), kind or "skip"
                return
        if letter == "<":
            self.at, self.redirect = self.at + 1, "file"
            return
        while self.at < len(text) and text[self.at] in ">|&":
            self.at += 1
        self.redirect = "skip"

    def _double(self) -> None:
        self._add("", quoted=True)
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != '"':
            letter = self.text[self.at]
            if letter == "\\":
                self._add(self.text[self.at + 1 : self.at + 2])
                self.at += 2
            elif letter in "$`":
                self._expand(quoted=True)
            else:
                self._add(letter)
                self.at += 1
        self.at += 1

    def _expand(self, *, quoted: bool) -> None:
        text = self.text
        if text[self.at] == "`":
            end = text.find("`", self.at + 1)
            end = len(text) if end < 0 else end
            self.commands += Reader(text[self.at + 1 : end], self.variables).read()
            self._add("")
            self.at = end + 1
            return
        if text.startswith("$(", self.at):
            self.at += 2
            self._nested(")")
            self._add("")
            return
        if text.startswith("$'", self.at) and not quoted:
            self.at += 1
            return
        braced = text.startswith("${", self.at)
        found = NAME.match(text, self.at + (2 if braced else 1))
        if found is None:
            self._add("$")
            self.at += 1
            return
        value = self.variables.get(found[0], f"${found[0]}")
        self.at = found.end()
        if braced:
            end = text.find("}", self.at)
            self.at = len(text) if end < 0 else end + 1
        parts = [value] if quoted else value.split() or [""]
        for number, part in enumerate(parts):
            if number:
                self._end_word()
            self._add(part)

    def _nested(self, until: str) -> None:
        inner = Reader(self.text, self.variables, self.at)
        self.commands += inner.read(until)
        self.at = inner.at

    def _documents(self) -> None:
        for mark, stripped, command in self.documents:
            lines: List[str] = []
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                self.at = end + 1
                if (line.lstrip("\t") if stripped else line) == mark:
                    break
                lines.append(line)
            command.given.append("\n".join(lines))
        self.documents = []

    def _add(self, text: str, *, quoted: bool = False) -> None:
        self.word = (self.word or "") + text
        self.quoted = self.quoted or quoted

    def _end_word(self) -> None:
        word, kind = self.word, self.redirect
        self.word, self.quoted = None, False
        if word is None:
            return
        self.redirect = ""
        if not kind:
            self.current.words.append(word)
        elif kind == "text":
            self.current.given.append(word)
        elif kind == "file":
            self.current.files.append(word)
        elif kind.startswith("document"):
            self.documents.append((word, kind.endswith("-"), self.current))

    def _end_command(self, source: Optional[Command]) -> None:
        self._end_word()
        words = [word for word in self.current.words if word not in ("export", "declare", "local")]
        if words and all(ASSIGNMENT.match(word) for word in words):
            self.variables.update(
                (name.rstrip("+"), value) for name, _, value in (word.partition("=") for word in words)
            )
        if self.current.words:
            self.commands.append(self.current)
        self.current = Command(source)
