"""The revision index: the revision files of a project, read without running them."""

from .index import Revisions
from .reading import read
from .script import Problem, ScriptRevision

__all__ = ["Problem", "Revisions", "ScriptRevision", "read"]
