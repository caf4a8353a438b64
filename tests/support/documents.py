"""The shell blocks of the documents, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = ("make", "docker", "kubectl", "helm", "spanloop", "bentoml", "openssl", "export", "grype")
"""What a block begins with if it is for a shell. Others show layouts, answers or texts."""

BETWEEN = {"&&", "|", ";", "||"}
"""What stands between two commands of a line."""


@dataclass(frozen=True)
class Block:
    """A shell block as it is printed."""

    document: str
    section: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command, without comments and variables before it. Redirections stay."""
        joined = re.sub(r"\\\n\s*", " ", self.text)
        return [command for line in joined.splitlines() for command in _commands(line)]


def blocks(document: str) -> list[Block]:
    """The shell blocks of a document, which is named by its path from the root."""
    found, section = [], ""
    tokens = MarkdownIt().parse((ROOT / document).read_text(encoding="utf-8"))
    for before, token in zip([None, *tokens], tokens, strict=False):
        if before is not None and before.type == "heading_open":
            section = token.content
        if token.type in ("code_block", "fence") and token.map:
            block = Block(document, section, token.map[0] + 1, token.content)
            if _is_for_a_shell(block):
                found.append(block)
    return found


def section(document: str, name: str) -> str:
    """All shell blocks of a section, one after another."""
    found = [block.text for block in blocks(document) if block.section == name]
    assert found, f"{document} has no shell block in {name}"
    return "\n".join(found)


def documents() -> list[str]:
    """What people read. The reference of the command line is made from the commands themselves."""
    return [
        *("README.md", "CONTRIBUTING.md", "helm/spanloop/README.md", "examples/README.md", "starter/README.md"),
        *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if path.name != "commands.md"),
    ]


def program(command: list[str]) -> str:
    """The name of a command's program."""
    return Path(command[0]).name


def _is_for_a_shell(block: Block) -> bool:
    try:
        return bool(block.commands) and program(block.commands[0]) in PROGRAMS
    except ValueError:  # a text with an odd quotation mark
        return False


def _commands(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    for word in [*lexer, "&&"]:
        if word in BETWEEN:
            if command:
                yield command
            command = []
        elif command or not re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", word):
            command.append(word)
