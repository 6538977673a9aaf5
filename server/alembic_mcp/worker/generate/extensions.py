"""What comes with an extension of PostgreSQL, and which extensions a model needs for it."""

from __future__ import annotations

import re
from typing import Any, Iterable, List, Set

from sqlalchemy.exc import CompileError

__all__ = ["needed", "of_column", "of_index"]

_TYPES = {
    "citext": "citext",
    "cube": "cube",
    "ean13": "isn",
    "geography": "postgis",
    "geometry": "postgis",
    "halfvec": "vector",
    "hstore": "hstore",
    "isbn": "isn",
    "isbn13": "isn",
    "issn": "isn",
    "lquery": "ltree",
    "ltree": "ltree",
    "ltxtquery": "ltree",
    "raster": "postgis_raster",
    "seg": "seg",
    "sparsevec": "vector",
    "vector": "vector",
}
_FUNCTIONS = {
    "crypt": "pgcrypto",
    "digest": "pgcrypto",
    "gen_random_bytes": "pgcrypto",
    "gen_salt": "pgcrypto",
    "unaccent": "unaccent",
    "uuid_generate_v1": "uuid-ossp",
    "uuid_generate_v1mc": "uuid-ossp",
    "uuid_generate_v4": "uuid-ossp",
}
_CLASSES = {
    "gin_trgm_ops": "pg_trgm",
    "gist_trgm_ops": "pg_trgm",
    "vector_cosine_ops": "vector",
    "vector_ip_ops": "vector",
    "vector_l2_ops": "vector",
    "halfvec_cosine_ops": "vector",
    "halfvec_l2_ops": "vector",
}
_WORD = re.compile(r"[a-z_]\w*", re.IGNORECASE)
_CALL = re.compile(r"\b([a-z_]\w*)\s*\(", re.IGNORECASE)


def needed(tables: Iterable[Any], dialect: Any) -> List[str]:
    """The extensions that *tables* need, in order of their names."""
    found: Set[str] = set()
    for table in tables:
        for column in table.columns:
            found |= of_column(column, dialect)
        for index in table.indexes:
            found |= of_index(index)
    return sorted(found)


def of_column(column: Any, dialect: Any) -> Set[str]:
    """The extensions that a column needs for its type and its server default."""
    try:
        words = _WORD.findall(column.type.compile(dialect=dialect))
    except CompileError:
        words = []
    found = {_TYPES[word.lower()] for word in words[:1] if word.lower() in _TYPES}
    default = getattr(column.server_default, "arg", None)
    if default is not None and not isinstance(default, str):
        found |= {_FUNCTIONS[name.lower()] for name in _CALL.findall(str(default)) if name.lower() in _FUNCTIONS}
    return found


def of_index(index: Any) -> Set[str]:
    """The extensions that an index needs for its operator classes."""
    classes = (index.dialect_kwargs.get("postgresql_ops") or {}).values()
    return {_CLASSES[str(name).lower()] for name in classes if str(name).lower() in _CLASSES}
