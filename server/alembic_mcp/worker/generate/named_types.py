"""The types that models have PostgreSQL make by name: enums and domains, with the columns that use them."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from sqlalchemy.dialects import postgresql
from sqlalchemy.types import ARRAY, Enum, TypeDecorator

from ..describe import qualified
from . import quoting

__all__ = ["NamedType", "literal", "named_type", "named_types", "quoted", "values_in"]


class NamedType(NamedTuple):
    """An enum or a domain of the models.

    Attributes:
        name: as it is spelt in SQL without quotes.
        schema: None for the default one.
        values: those of an enum in their order; None for a domain.
        array: how many ARRAY types are around it.
        plain: the column has it as it stands, with no type of the project's around it.
    """

    name: str
    schema: Optional[str]
    values: Optional[Tuple[str, ...]]
    array: bool = False
    plain: bool = True

    def key(self, dialect: Any) -> str:
        """As reports and snapshots spell it: ``status``, ``shop.status``."""
        return qualified(self.name, self.schema, dialect) or ""

    def sql(self, dialect: Any) -> str:
        """As it is spelt in SQL."""
        return quoted(self.name, self.schema, dialect)


def quoted(name: str, schema: Optional[str], dialect: Any) -> str:
    """A name in SQL, with its schema where it is given and not the default one, in quotes where it needs them."""
    own = schema if schema and schema != getattr(dialect, "default_schema_name", None) else None
    found = quoting.quoted(dialect, name)
    return f"{quoting.quoted(dialect, own)}.{found}" if own else found


def literal(value: str) -> str:
    """A string in SQL."""
    return "'" + value.replace("'", "''") + "'"


def named_type(kind: Any, dialect: Any) -> Optional[NamedType]:
    """What *kind*, the type of a column, has PostgreSQL make; None if nothing."""
    array, plain = False, True
    for _ in range(10):  # a type around a type: no project has that many
        variants = getattr(kind, "_variant_mapping", None) or {}
        if dialect.name in variants:
            kind = variants[dialect.name]
        elif isinstance(kind, TypeDecorator):
            kind, plain = kind.load_dialect_impl(dialect), type(kind).__name__ == "Variant"
        elif isinstance(kind, ARRAY):
            kind, array = kind.item_type, True
        else:
            break
    if isinstance(kind, Enum):
        if not kind.name or not (isinstance(kind, postgresql.ENUM) or kind.native_enum):
            return None
        return NamedType(str(kind.name), kind.schema, tuple(kind.enums), array, plain)
    domain = getattr(postgresql, "DOMAIN", None)
    if domain is not None and isinstance(kind, domain):
        return NamedType(str(kind.name), kind.schema, None, array, plain)
    return None


def named_types(metadata: Iterable[Any], dialect: Any) -> Dict[str, List[Tuple[Any, NamedType]]]:
    """Type, as ``key`` spells it -> the columns that use it, each with what it makes of the type."""
    found: Dict[str, List[Tuple[Any, NamedType]]] = {}
    for each in metadata:
        for table in each.tables.values():
            for column in table.columns:
                made = named_type(column.type, dialect)
                if made is not None:
                    found.setdefault(made.key(dialect), []).append((column, made))
    return found


def values_in(definition: str) -> Optional[List[str]]:
    """The values of an enum, of its definition in a snapshot; None if it is no enum's."""
    if not definition.startswith("enum"):
        return None
    found, text = [], definition[len("enum") :].strip()
    while text.startswith("'"):
        end = 1
        while text[end] != "'" or text[end + 1 : end + 2] == "'":
            end += 2 if text[end] == "'" else 1
        found.append(text[1:end].replace("''", "'"))
        text = text[end + 1 :].lstrip(", ")
    return None if text else found
