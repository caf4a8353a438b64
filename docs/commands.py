"""Writes docs/commands.md from the commands themselves: what each does, its options and an example.

python -m docs.commands
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from spanloop.commands import Outline, outlines

PAGE = Path(__file__).parent / "commands.md"

HEAD = """\
# The command line

`spanloop` is one command for all that a person does on a command line. `python -m docs.commands` writes this page from
the commands themselves.

    .venv/bin/spanloop --help                # the list of commands; --help after a command explains it
    .venv/bin/spanloop --install-completion  # lets the shell complete commands and options
    kubectl -n spanloop exec deploy/spanloop-backend -- spanloop versions  # on a cluster: in the backend's pod

The commands read [the settings](settings.md) from environment variables. Those with `--json` print one JSON document on
stdout and nothing else; what went wrong is on stderr. The exit status is 0 only if all was done.

"""


def page() -> str:
    """The text of docs/commands.md."""
    parts = groupby(outlines().values(), key=lambda outline: outline.rich_help_panel)
    found = "\n".join(f"## {panel}\n\n" + "\n".join(map(_section, commands)) for panel, commands in parts)
    return f"{HEAD}{found.rstrip()}\n"


def _section(outline: Outline) -> str:
    command = outline.load()
    context = typer.Context(command, info_name=f"spanloop {outline.name}")
    written = get_docs_for_click(obj=command, ctx=context, indent=2, name=f"spanloop {outline.name}")
    return f"{written.strip()}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
