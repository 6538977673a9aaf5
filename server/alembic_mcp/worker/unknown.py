"""A value that only the database could give, where a revision's source is read without one."""

from __future__ import annotations

from typing import Any, Iterator

from .source import ACTS

__all__ = ["Unknown"]


class Unknown:
    """It can be passed on, but not be written into SQL, nor be asked to do anything."""

    def __getattr__(self, name: str) -> Unknown:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ACTS:
            raise ValueError(f"not known without the database: what it is that is asked to {name}")
        return self

    def __getitem__(self, _key: Any) -> Unknown:
        return self

    def __call__(self, *_args: Any, **_kw: Any) -> Unknown:
        """What it returns nobody knows either."""
        return self

    def __str__(self) -> str:
        raise ValueError("not known without the database")

    def __format__(self, _spec: str) -> str:
        return str(self)

    def __iter__(self) -> Iterator[Any]:
        raise ValueError("not known without the database")
