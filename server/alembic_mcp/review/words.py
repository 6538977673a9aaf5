"""Cuts SQL into statements and words, so that what is in a comment or a literal is never taken for SQL.

The tokenizer is sqlglot's, for the dialect of the database; this module only walks over what it gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import TokenType
from sqlglot.tokens import Tokenizer

__all__ = ["Naming", "Unreadable", "Word", "Words", "split"]

_DIALECTS = {"postgresql": "postgres", "sqlite": "sqlite", "mysql": "mysql", "mariadb": "mysql"}
_LITERALS = frozenset(
    {
        TokenType.STRING,
        TokenType.NUMBER,
        TokenType.HEREDOC_STRING,
        TokenType.BYTE_STRING,
        TokenType.NATIONAL_STRING,
        TokenType.RAW_STRING,
        TokenType.UNICODE_STRING,
        TokenType.HEX_STRING,
        TokenType.BIT_STRING,
    }
)


class Unreadable(Exception):
    """The text is not SQL that we can read; nothing may be concluded from it."""


@dataclass(frozen=True)
class Naming:
    """How a database reads names.

    Attributes:
        dialect: SQLAlchemy's name of the dialect.
        default_schema: the schema that is left out of names.
    """

    dialect: str
    default_schema: str | None = None

    @property
    def sqlglot(self) -> str:
        """Sqlglot's name of the dialect; PostgreSQL's for those that it is not told about."""
        return _DIALECTS.get(self.dialect, "postgres")

    def part(self, text: str, *, quoted: bool) -> str:
        """One part of a name, as the database stores it."""
        return text if quoted or self.sqlglot != "postgres" else text.lower()

    def join(self, parts: list[str]) -> str:
        """The name as operations spell it: without the default schema, and without the database."""
        parts = parts[-2:]
        default = self.default_schema or {"postgres": "public", "sqlite": "main"}.get(self.sqlglot)
        return parts[-1] if len(parts) == 1 or parts[0] == default else ".".join(parts)


@dataclass(frozen=True)
class Word:
    """A keyword, name, literal or sign; ``upper`` is empty for what can't be a keyword."""

    text: str
    upper: str
    start: int
    end: int
    quoted: bool = False
    literal: bool = False


def split(sql: str, naming: Naming) -> list[Words]:
    """Cut *sql* into its statements. Raises Unreadable."""
    try:
        tokens = _tokenizer(naming.sqlglot).tokenize(sql)
    except TokenError as error:
        raise Unreadable(str(error)) from error
    statements: list[list[Word]] = [[]]
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            statements.append([])
            continue
        quoted, literal = token.token_type is TokenType.IDENTIFIER, token.token_type in _LITERALS
        if quoted or literal:
            word = Word(token.text, "", token.start, token.end + 1, quoted=quoted, literal=literal)
            statements[-1].append(word)
            continue
        # sqlglot reads PRIMARY KEY, ORDER BY and the like as one token.
        statements[-1].extend(Word(text, text.upper(), token.start, token.end + 1) for text in token.text.split())
    return [Words(sql, statement, naming) for statement in statements if statement]


def _tokenizer(name: str) -> Tokenizer:
    dialect = Dialect.get_or_raise(name)
    tokenizer: Tokenizer = _plain(dialect.tokenizer_class)(dialect=dialect)
    return tokenizer


@cache
def _plain(tokenizer: type[Tokenizer]) -> type[Tokenizer]:
    """By default everything after EXPLAIN, DO, CALL and others is one opaque string."""
    return type("PlainTokenizer", (tokenizer,), {"COMMANDS": set()})


class Words:
    """A statement, read from left to right."""

    def __init__(self, sql: str, words: list[Word], naming: Naming) -> None:
        self.sql, self.words, self.naming, self.at = sql, words, naming, 0

    @property
    def text(self) -> str:
        """The whole statement, comments inside included."""
        return self.sql[self.words[0].start : self.words[-1].end] if self.words else ""

    @property
    def done(self) -> bool:
        """True if nothing is left to read."""
        return self.at >= len(self.words)

    @property
    def rest(self) -> str:
        """What is left to read."""
        return "" if self.done else self.sql[self.words[self.at].start : self.words[-1].end]

    def sees(self, *keywords: str) -> bool:
        """True if the next words are these."""
        following = self.words[self.at : self.at + len(keywords)]
        return [word.upper for word in following] == list(keywords)

    def sees_any(self, *keywords: str) -> bool:
        """True if the next word is one of these."""
        return not self.done and self.words[self.at].upper in keywords

    def take(self, *keywords: str) -> bool:
        """Read these words if they are next; says whether they were."""
        if self.sees(*keywords):
            self.at += len(keywords)
            return True
        return False

    def take_any(self, *keywords: str) -> str:
        """Read the next word if it is one of these, and return it; else an empty text."""
        return self.next().upper if self.sees_any(*keywords) else ""

    def expect(self, *keywords: str) -> None:
        """Read these words. Raises Unreadable if something else is there."""
        if not self.take(*keywords):
            raise Unreadable(f"expected {' '.join(keywords)}, found {self.rest[:40]!r}")

    def next(self) -> Word:
        """Read one word. Raises Unreadable at the end."""
        if self.done:
            raise Unreadable("the statement ends too early")
        self.at += 1
        return self.words[self.at - 1]

    def end(self) -> None:
        """Raises Unreadable unless everything was read."""
        if not self.done:
            raise Unreadable(f"not understood: {self.rest[:40]!r}")

    def identifier(self) -> str:
        """Read a name of one part. Raises Unreadable."""
        word = self.next()
        if word.literal or not (word.quoted or word.text[0].isalpha() or word.text[0] == "_"):
            raise Unreadable(f"expected a name, found {word.text[:40]!r}")
        return self.naming.part(word.text, quoted=word.quoted)

    def name(self) -> str:
        """Read a name that may have a schema. Raises Unreadable."""
        parts = [self.identifier()]
        while self.take("."):
            parts.append(self.identifier())
        return self.naming.join(parts)

    def names(self) -> list[str]:
        """Read names with commas between them. Raises Unreadable."""
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        return found

    def group(self) -> Words:
        """Read what is in parentheses, and return it without them. Raises Unreadable."""
        self.expect("(")
        start, depth = self.at, 1
        while depth:
            word = self.next()
            depth += {"(": 1, ")": -1}.get(word.upper, 0)
        return Words(self.sql, self.words[start : self.at - 1], self.naming)

    def parts(self) -> list[Words]:
        """Cut what is left at the commas that are not in parentheses or brackets."""
        parts: list[list[Word]] = [[]]
        depth = 0
        for word in self.words[self.at :]:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(word.upper, 0)
            if word.upper == "," and depth == 0:
                parts.append([])
            else:
                parts[-1].append(word)
        self.at = len(self.words)
        return [Words(self.sql, part, self.naming) for part in parts if part]

    def until(self, *keywords: str) -> Words:
        """Read up to one of these keywords outside parentheses, or to the end; may be empty."""
        start, depth = self.at, 0
        while not self.done and not (depth == 0 and self.sees_any(*keywords)):
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(self.next().upper, 0)
        return Words(self.sql, self.words[start : self.at], self.naming)

    def has(self, *keywords: str) -> bool:
        """True if these words stand next to each other anywhere in the statement."""
        uppers = [word.upper for word in self.words]
        size = len(keywords)
        return any(uppers[index : index + size] == list(keywords) for index in range(len(uppers) - size + 1))
