"""The user's Alembic projects: which there are, where their scripts are, and what runs them."""

from .discovery import repository_root
from .project import Project, discover, find
from .settings_files import load_settings, user_file

__all__ = ["Project", "discover", "find", "load_settings", "repository_root", "user_file"]
