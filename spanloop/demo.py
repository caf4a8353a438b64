"""`spanloop demo`: the demonstration, which is in the project's folder alone."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(add_completion=False)

UNINSTALLED = (
    "The demonstration is not part of this installation, and nothing was started. It is in the project's folder: run "
    "`make demo` there."
)
NO_LABEL_STUDIO = (
    "There is no program {program}, and nothing was started. Run `make demo`, which installs Label Studio, or name its "
    "program with --program."
)


@app.command()
def demo(
    program: Annotated[str, typer.Option(envvar="LABEL_STUDIO", help="Label Studio's program.")] = "label-studio",
    keep: Annotated[bool, typer.Option("--keep", help="Leave both servers running until Ctrl-C.")] = False,
) -> None:
    """Show the whole loop with a real Label Studio and 300 medical notes.

    It takes a few minutes and keeps nothing.
    """
    from service.settings import ROOT  # this takes a third of a second, and the help does not need it

    if not (ROOT / "examples" / "demo").is_dir():
        _refuse(UNINSTALLED)
    found = shutil.which(program)
    if found is None:
        _refuse(NO_LABEL_STUDIO.format(program=program))
    os.chdir(ROOT)
    command = [sys.executable, "-m", "examples.demo", "--program", str(Path(found).absolute())]
    os.execv(sys.executable, [*command, *(["--keep"] if keep else [])])  # noqa: S606 - it takes the signals itself


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
