"""`spanloop`, and `python -m spanloop`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from service import __version__
from spanloop.commands import Outline, outlines


class Roof(TyperGroup):
    """A group that lists outlines and loads the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": outlines()})

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, found, rest = super().resolve_command(ctx, args)
        return name, found.load() if isinstance(found, Outline) else found, rest


app = typer.Typer(cls=Roof, no_args_is_help=True)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"spanloop {__version__}")
        raise typer.Exit


@app.callback(epilog="`spanloop COMMAND --help` explains a command. docs/commands.md has all of them.")
def spanloop(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Spanloop pre-annotates texts in Label Studio, learns from what people correct, and serves the better model."""


def main() -> None:
    """The program of `[project.scripts]`."""
    app(prog_name="spanloop")


if __name__ == "__main__":
    main()
