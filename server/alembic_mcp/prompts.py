"""Prompts: the text of each skill that comes with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.prompts import Prompt

if TYPE_CHECKING:
    from mcp.server import MCPServer

__all__ = ["Skill", "offer_prompts", "skills"]

PACKAGED = Path(__file__).parent / "skills"
SOURCE_TREE = Path(__file__).parents[2] / "skills"


@dataclass(frozen=True)
class Skill:
    """A skill: its name and description stand in the front matter of its SKILL.md."""

    name: str
    description: str
    text: str


def skills() -> list[Skill]:
    """The skills of the installed package or, in an editable installation, of the source tree."""
    folder = PACKAGED if PACKAGED.is_dir() else SOURCE_TREE
    return [_read(path) for path in sorted(folder.glob("*/SKILL.md"))]


def offer_prompts(server: MCPServer[Any]) -> None:
    """Add a prompt per skill to *server*."""
    for skill in skills():
        title = skill.name.replace("-", " ").capitalize()
        server.add_prompt(
            Prompt.from_function(_text_of(skill), name=skill.name, title=title, description=skill.description)
        )


def _text_of(skill: Skill) -> Any:
    def text() -> str:
        return skill.text

    return text


def _read(path: Path) -> Skill:
    _, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(":", 1) for line in front.splitlines() if ":" in line and not line.startswith(" "))
    return Skill(path.parent.name, fields.get("description", "").strip(), text.strip())
