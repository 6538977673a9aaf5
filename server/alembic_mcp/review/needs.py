"""What an operation needs to be there before it: types, schemas, extensions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..operations import AddColumn, AlterColumn, Column, CreateIndex, CreateObject, CreateTable, Operation
from .column_types import parse

__all__ = ["extensions", "schema", "types"]

_BUILT_IN = frozenset(
    {
        "bigint", "bit", "bit varying", "boolean", "box", "bytea", "char", "cid", "cidr", "circle", "date",
        "datemultirange", "daterange", "double precision", "inet", "int2vector", "int4multirange", "int4range",
        "int8multirange", "int8range", "integer", "interval", "json", "jsonb", "jsonpath", "line", "lseg",
        "macaddr", "macaddr8", "money", "name", "null", "numeric", "nummultirange", "numrange", "oid",
        "oidvector", "path", "pg_lsn", "point", "polygon", "real", "refcursor", "regclass", "regcollation",
        "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc", "regprocedure",
        "regrole", "regtype", "smallint", "text", "tid", "time with time zone", "time without time zone",
        "timestamp with time zone", "timestamp without time zone", "tsmultirange", "tsquery", "tsrange",
        "tstzmultirange", "tstzrange", "tsvector", "txid_snapshot", "uuid", "varchar", "xid", "xid8", "xml",
    }
)  # fmt: skip
_TYPES = {
    "citext": "citext", "hstore": "hstore", "geometry": "postgis", "geography": "postgis", "raster": "postgis_raster",
    "vector": "vector", "halfvec": "vector", "sparsevec": "vector", "ltree": "ltree", "lquery": "ltree",
    "ltxtquery": "ltree", "cube": "cube", "isbn": "isn", "isbn13": "isn", "ean13": "isn", "issn": "isn", "seg": "seg",
}  # fmt: skip
_FUNCTIONS = {
    **dict.fromkeys(("uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v3", "uuid_generate_v4",
                     "uuid_generate_v5", "uuid_nil"), "uuid-ossp"),
    **dict.fromkeys(("crypt", "gen_salt", "digest", "hmac", "gen_random_bytes", "pgp_sym_encrypt",
                     "pgp_sym_decrypt"), "pgcrypto"),
    **dict.fromkeys(("word_similarity", "show_trgm"), "pg_trgm"), "unaccent": "unaccent",
    **dict.fromkeys(("levenshtein", "soundex", "metaphone", "dmetaphone"), "fuzzystrmatch"),
}  # fmt: skip
_CLASSES = {
    "gin_trgm_ops": "pg_trgm", "gist_trgm_ops": "pg_trgm", "vector_cosine_ops": "vector", "vector_l2_ops": "vector",
    "vector_ip_ops": "vector", "gin_hstore_ops": "hstore", "gist_ltree_ops": "ltree",
}  # fmt: skip
_CALL = re.compile(r"\b([a-z_]\w*)\s*\(", re.IGNORECASE)
_WORD = re.compile(r"\b[a-z]+_\w*ops\b", re.IGNORECASE)
_STRING = re.compile(r"'(?:[^']|'')*'")
_NAME = re.compile(r"[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)?")


def types(op: Operation) -> Iterator[str]:
    """Types that somebody must have made: no built-in ones, and none that come with a known extension."""
    for column in _columns(op):
        name = _type(column.type)
        if name and _base(name) not in _BUILT_IN and _base(name).rpartition(".")[2] not in _TYPES:
            yield name


def _type(text: str) -> str:
    found = parse(text)
    if found is None or found.name in _BUILT_IN:
        return ""
    spelled = text.replace("[]", "").partition("(")[0].replace('"', "").strip()
    return spelled if _NAME.fullmatch(spelled) else ""


def _base(name: str) -> str:
    found = parse(name)
    return found.name if found else name.lower()


def schema(op: Operation) -> str | None:
    """The schema that something is made in; None for the default one."""
    match op:
        case CreateTable():
            name = op.table
        case CreateObject(kind="view" | "materialized view" | "sequence" | "type" | "domain" | "function"):
            name = op.name
        case _:
            return None
    return name.rpartition(".")[0].rpartition(".")[2] or None


def extensions(op: Operation) -> Iterator[tuple[str, str]]:
    """(extension, what needs it) pairs."""
    for column in _columns(op):
        name = _base(column.type).rpartition(".")[2] if column.type else ""
        if name in _TYPES:
            yield _TYPES[name], f"the type {name}"
        for function in _CALL.findall(_STRING.sub("''", column.server_default or "")):
            if function.lower() in _FUNCTIONS:
                yield _FUNCTIONS[function.lower()], f"{function}()"
    if isinstance(op, CreateIndex):
        text = " ".join((*op.columns, *(statement.sql for statement in op.statements)))
        for word in _WORD.findall(text):
            if word.lower() in _CLASSES:
                yield _CLASSES[word.lower()], f"the operator class {word}"


def _columns(op: Operation) -> tuple[Column, ...]:
    match op:
        case CreateTable():
            return op.columns
        case AddColumn():
            return (op.column,)
        case AlterColumn(type=str(kind)):
            return (Column(op.column, kind),)
        case AlterColumn(default=str(default)):
            return (Column(op.column, "text", server_default=default),)
    return ()
