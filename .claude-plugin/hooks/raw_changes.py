"""Claude Code hook: denies shell commands that change a database past the tools, and names the tool to use.

A convenience, not the gate: whoever wants to can write a command that this does not recognise. It reads the hook's
input on stdin and prints a decision only where it denies. Input that it can't read ends with 1, which Claude Code
shows as an error of the hook and lets pass. Standard library alone, Python 3.8 or later.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from shell_text import ASSIGNMENT, Command, Reader

TOOLS = {
    "upgrade": "upgrade",
    "downgrade": "downgrade",
    "stamp": "stamp",
    "merge": "merge_heads",
    "revision": "generate",
    "migrate": "generate",
}
FLASK = ("upgrade", "downgrade", "stamp", "merge", "migrate")
INSTEAD = (
    "Use the alembic-mcp tool `{tool}` instead: it proves the change on a scratch database, counts what would be lost, "
    "and asks the developer where that is needed. `{program} {command}` in a shell does none of that."
)
SQL_INSTEAD = (
    "This would {what} past the revisions, without a rehearsal and without anybody's yes. Write it into a revision "
    '(alembic-mcp tool `generate`, kind="data" or "empty"), look at it with `review`, and run it with `upgrade`. If '
    "the developer wants exactly this command, ask them to run it themselves."
)

DESTROYS = re.compile(
    r"\b(?P<drop>DROP\s+(?:TABLE|SCHEMA|DATABASE|COLUMN|CONSTRAINT|INDEX|(?:MATERIALIZED\s+)?VIEW|SEQUENCE|TYPE|DOMAIN"
    r"|FUNCTION|PROCEDURE|TRIGGER|EXTENSION|POLICY|ROLE|USER|OWNED|EVENT|FOREIGN|PUBLICATION|SUBSCRIPTION)\b)"
    r"|\b(?P<truncate>TRUNCATE)\s+(?:TABLE\s+)?[\w\"`]"
    r"|\b(?P<delete>DELETE\s+FROM)\b"
    r"|\b(?P<alter>ALTER\s+(?:TABLE|TYPE|SCHEMA|DATABASE|DOMAIN|INDEX|VIEW|SEQUENCE|FUNCTION|ROLE|USER|SYSTEM)\b)"
    r"|\b(?P<update>UPDATE)\s+(?:ONLY\s+)?[\w.\"`]+\s+(?:(?:AS\s+)?\w+\s+)?SET\b"
    r"|\b(?P<stamp>INSERT\s+INTO\s+[\w.\"`]*alembic_version)\b",
    re.IGNORECASE,
)
NOT_CODE = re.compile(r"'(?:''|[^'])*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
IN_PYTHON = re.compile(r"\b(upgrade|downgrade|stamp|merge)\b")

PYTHON = re.compile(r"python[\d.]*$|pypy[\d.]*$")
SHELLS = {"sh", "bash", "zsh", "dash", "ksh", "fish"}
RESERVED = {"if", "then", "else", "elif", "while", "until", "do", "!", "{", "}", "coproc"}
# What starts the program that it is given, and how many words of its own stand before that one.
STARTERS = {
    **dict.fromkeys(("env", "sudo", "doas", "command", "exec", "builtin", "nohup", "time", "nice", "ionice"), 0),
    **dict.fromkeys(("stdbuf", "setsid", "unbuffer", "xargs", "uvx", "pipx", "strace", "caffeinate", "dotenv"), 0),
    **dict.fromkeys(("timeout", "chroot", "chronic", "flock", "parallel"), 1),
}
RUNNERS = {"uv": 0, "poetry": 0, "pdm": 0, "pipenv": 0, "hatch": 0, "rye": 0, "pixi": 0, "conda": 0, "mamba": 0}
CONTAINERS = {"docker": 1, "docker-compose": 1, "podman": 1, "podman-compose": 1, "nerdctl": 1, "kubectl": 1, "oc": 1}
LISTENERS = {"ssh", "tmux", "screen", "watch", "script", "su", "runuser", "entr", "expect", "at"}
PSQL_VALUES = "cdfFhLopPRTUv"
SHORTEST = len("--fi")
LONGEST_FILE = 1_000_000
DEEPEST = 8


class Judge:
    """Finds the reason to deny a shell command. Stateful: it follows ``cd``."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def text(self, text: str, depth: int = 0) -> Optional[str]:
        """Why *text* is denied; None if it is not."""
        if depth > DEEPEST:
            return None
        for command in Reader(text, {}).read():
            reason = self.command(command, command.words, depth)
            if reason:
                return reason
        return None

    def command(self, command: Command, words: List[str], depth: int) -> Optional[str]:
        """Why *command*, or what it starts with *words*, is denied."""
        while words and (words[0] in RESERVED or ASSIGNMENT.match(words[0])):
            words = words[1:]
        if not words or depth > DEEPEST:
            return None
        program, rest = os.path.basename(words[0]), words[1:]
        if program == "cd" and rest:
            self.folder = os.path.join(self.folder, os.path.expanduser(rest[-1]))
            return None
        judged = PROGRAMS.get("python" if PYTHON.match(program) else "sh" if program in SHELLS else program)
        if judged is not None:
            return judged(self, command, rest, depth)
        if program in LISTENERS:
            spoken = [word for word in rest if " " in word] + [" ".join(rest)]
            found = next(filter(None, (self.text(word, depth + 1) for word in spoken)), None)
            return found or self._started(command, rest, 1, depth)
        if program in STARTERS:
            return self._started(command, rest, STARTERS[program], depth)
        if program in RUNNERS and {"run", "tool", "x", "exec"} & set(rest):
            return self._started(command, rest[1:], RUNNERS[program], depth)
        if program in CONTAINERS and {"exec", "run"} & set(rest):
            verb = next(number for number, word in enumerate(rest) if word in ("exec", "run"))
            return self._started(command, rest[verb + 1 :], CONTAINERS[program], depth)
        if program == "find":
            starts = [number + 1 for number, word in enumerate(rest) if word in ("-exec", "-execdir", "-ok")]
            return next(filter(None, (self.command(command, rest[start:], depth + 1) for start in starts)), None)
        return None

    def _started(self, command: Command, rest: List[str], own: int, depth: int) -> Optional[str]:
        """The program that a starter starts: behind its options, whose values can't be told from words of its own."""
        option = False
        for number, word in enumerate(rest):
            if word == "--" or word.startswith("-") or ASSIGNMENT.match(word):
                option = word.startswith("-") and word != "--" and "=" not in word
                continue
            program = os.path.basename(word)
            known = program in PROGRAMS or program in SHELLS or PYTHON.match(program)
            if known or program in STARTERS or program in RUNNERS:
                reason = self.command(command, rest[number:], depth + 1)
                if reason or not option:
                    return reason
            if not option:
                if not own:
                    return None
                own -= 1
            option = False
        return None

    def input_of(self, command: Command) -> Tuple[List[str], bool]:
        """What a command reads, as far as that can be told; and whether there is a file that can't be read."""
        texts, unreadable = list(command.given), False
        for file in command.files:
            text = self.file(file)
            unreadable = unreadable or text is None
            texts.append(text or "")
        source = command.source
        if source is not None and source.words:
            program = os.path.basename(source.words[0])
            if program in ("echo", "printf"):
                texts.append(" ".join(source.words[1:]).replace("\\n", "\n"))
            elif program in ("cat", "tee", "envsubst", "sed", "zcat"):
                names = [word for word in source.words[1:] if not word.startswith("-")] if program == "cat" else []
                read = [self.file(name) for name in names]
                unreadable = unreadable or None in read
                more, blind = self.input_of(source)
                texts += [text or "" for text in read] + more
                unreadable = unreadable or blind
        return texts, unreadable

    def file(self, name: str) -> Optional[str]:
        """The text of a file; None if it can't be read."""
        try:
            with open(os.path.join(self.folder, os.path.expanduser(name)), encoding="utf-8", errors="replace") as file:
                return file.read(LONGEST_FILE)
        except (OSError, ValueError):
            return None


def sql(texts: List[str], *, unreadable: bool = False) -> Optional[str]:
    """Why SQL is denied."""
    for text in texts:
        found = DESTROYS.search(NOT_CODE.sub(lambda quoted: " " if quoted[0][0] != "'" else "''", text))
        if found:
            what = (
                " ".join(found[0].split()[:2]).upper()
                if found["drop"] or found["alter"]
                else found[0].split()[0].upper()
            )
            return SQL_INSTEAD.format(what=f"{what} in the database")
    return SQL_INSTEAD.format(what="run a file of SQL that can't be read here") if unreadable else None


def alembic(judge: Judge, command: Command, rest: List[str], _: int) -> Optional[str]:
    """``alembic [-c FILE] [-n NAME] [-x ARG] COMMAND``; what ``xargs`` hands over counts as its words."""
    if command.words and "xargs" in command.words[:2]:
        rest = rest + " ".join(judge.input_of(command)[0]).split()
    if {"-h", "--help"} & set(rest):
        return None
    verb = next(_positionals(rest, ("-c", "-n", "-x", "--config", "--name")), "")
    if verb == "revision" and not any(word.startswith("--auto") for word in rest):
        return None
    if verb not in TOOLS or verb == "migrate" or ("--sql" in rest and verb != "revision"):
        return None
    return INSTEAD.format(tool=TOOLS[verb], program="alembic", command=verb)


def flask(_: Judge, __: Command, rest: List[str], ___: int) -> Optional[str]:
    """``flask [--app APP] db COMMAND``, of Flask-Migrate."""
    words = list(_positionals(rest, ("--app", "-A", "--env-file", "-e")))
    if words[:1] != ["db"] or len(words) == 1 or words[1] not in FLASK or {"--help", "--sql"} & set(rest):
        return None
    return INSTEAD.format(tool=TOOLS[words[1]], program="flask db", command=words[1])


def python(judge: Judge, command: Command, rest: List[str], depth: int) -> Optional[str]:
    """``python -m alembic ...``, ``python -c "..."``, and a program on standard input."""
    number = 0
    while number < len(rest) and rest[number].startswith("-") and rest[number] != "-":
        word = rest[number]
        if word.endswith("m") and not word.startswith("--"):
            module = rest[number + 1 : number + 2]
            if module and module[0].split(".")[0] in ("alembic", "flask"):
                return judge.command(command, [module[0].split(".")[0], *rest[number + 2 :]], depth + 1)
            return None
        if word.endswith("c") and not word.startswith("--"):
            return _python_text(rest[number + 1 : number + 2])
        number += 2 if word in ("-W", "-X") else 1
    return _python_text(judge.input_of(command)[0]) if rest[number:] in ([], ["-"]) else None


def _python_text(texts: List[str]) -> Optional[str]:
    for text in texts:
        found = IN_PYTHON.search(text)
        if found and re.search(r"\balembic\b", text):
            return INSTEAD.format(tool=TOOLS[found[0]], program="alembic", command=found[0])
        if re.search(r"\bexec\w*\(", text):
            # Its literals are what it executes.
            return sql([text.translate({ord(quote): " " for quote in "'\""})])
    return None


def shell(judge: Judge, command: Command, rest: List[str], depth: int) -> Optional[str]:
    """``sh -c TEXT``, and text on standard input."""
    for number, word in enumerate(rest):
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            after = [more for more in rest[number + 1 :] if not more.startswith("-")]
            return judge.text(after[0], depth + 1) if after else None
        if not word.startswith(("-", "+")):
            return None
    return next(filter(None, (judge.text(text, depth + 1) for text in judge.input_of(command)[0])), None)


def evaluate(judge: Judge, _: Command, rest: List[str], depth: int) -> Optional[str]:
    """``eval``."""
    return judge.text(" ".join(rest), depth + 1)


def psql(judge: Judge, command: Command, rest: List[str], _: int) -> Optional[str]:
    """``psql -c SQL``, ``-f FILE``, and SQL on standard input."""
    texts: List[str] = []
    files: List[str] = []
    long = (("--command", texts), ("--file", files))
    words = iter(rest)
    for word in words:
        if word.startswith("--"):
            name, _equals, value = word.partition("=")
            kept = next((kept for whole, kept in long if len(name) > SHORTEST and whole.startswith(name)), None)
            if kept is not None:
                kept.append(value or next(words, ""))
        elif word.startswith("-"):
            found = next((number for number, letter in enumerate(word) if letter in PSQL_VALUES), None)
            if found is not None:
                value = word[found + 1 :] or next(words, "")
                if word[found] in "cf":
                    (texts if word[found] == "c" else files).append(value)
    read = [judge.file(name) for name in files if name != "-"]
    unreadable = None in read
    if not texts and not read:
        texts, unreadable = judge.input_of(command)
        source = command.source
        if source is not None and any(os.path.basename(word) == "alembic" for word in source.words):
            return INSTEAD.format(tool="upgrade", program="alembic", command="--sql | psql")
    return sql(texts + [text or "" for text in read], unreadable=unreadable)


def client(judge: Judge, command: Command, rest: List[str], _: int) -> Optional[str]:
    """``sqlite3 FILE SQL``, ``mysql -e SQL``: any of their words may be SQL; and standard input."""
    if ":memory:" in rest:
        return None
    named = re.compile(r"\.read\s+(\S+)")
    texts, unreadable = judge.input_of(command)
    files = [judge.file(found[1]) for found in map(named.search, rest) if found]
    return sql([*rest, *texts, *(text or "" for text in files)], unreadable=unreadable or None in files)


def drops(program: str, what: str, needs: Tuple[str, ...] = ()) -> Callable[..., Optional[str]]:
    """A program that drops things; with *needs*, only if one of these words is there."""

    def judged(_: Judge, __: Command, rest: List[str], ___: int) -> Optional[str]:
        harmless = {"--help", "--version", "-?", "-V"} & set(rest) or not rest
        return None if harmless or (needs and not set(needs) & set(rest)) else SQL_INSTEAD.format(what=what)

    judged.__doc__ = f"``{program}``."
    return judged


def _positionals(words: List[str], valued: Tuple[str, ...]) -> Iterator[str]:
    following = iter(words)
    for word in following:
        if word in valued:
            next(following, None)
        elif not word.startswith("-"):
            yield word


PROGRAMS: Dict[str, Callable[..., Optional[str]]] = {
    "alembic": alembic,
    "flask": flask,
    "python": python,
    "sh": shell,
    "eval": evaluate,
    "psql": psql,
    "pgcli": psql,
    "sqlite3": client,
    "mysql": client,
    "mariadb": client,
    "dropdb": drops("dropdb", "drop a database"),
    "pg_restore": drops("pg_restore", "drop objects of the database", ("-c", "--clean")),
    "mysqladmin": drops("mysqladmin", "drop a database", ("drop",)),
}


def main() -> int:
    """Judge the command on stdin. Returns the exit status: 0, or 1 for input that is none of a hook."""
    try:
        given = json.load(sys.stdin)
        command = given["tool_input"]["command"] if given["tool_name"] == "Bash" else ""
        reason = Judge(str(given.get("cwd") or ".")).text(str(command))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        sys.stderr.write(f"alembic-mcp's hook could not read its input ({type(error).__name__}), and denied nothing.\n")
        return 1
    if reason:
        decision = {"permissionDecision": "deny", "permissionDecisionReason": reason}
        sys.stdout.write(json.dumps({"hookSpecificOutput": {"hookEventName": "PreToolUse", **decision}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
