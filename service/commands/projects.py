"""The commands on projects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from service import listings
from service.backend.line import ChangeRefused
from service.backend.projects import Projects
from service.commands.release import AsJson, CommandLineSettings, known_projects, refusing, screen

app = typer.Typer(invoke_without_command=True, add_completion=False)


@app.callback()
def list_projects(context: typer.Context, as_json: AsJson = False) -> None:
    """List the known projects, leave one out of runs, take it in again, or forget it."""
    if context.invoked_subcommand:
        return
    with refusing():
        known, threshold = known_projects().all, CommandLineSettings().threshold
    if as_json:
        typer.echo(json.dumps(listings.projects_document(known, threshold)))
    else:
        screen.print(listings.projects(known, threshold))


@app.command()
def forget(project: int) -> None:
    """Exclude a project from runs until Label Studio calls for it again."""
    with _changing(project) as kept:
        kept.forget(project, "forgotten by hand")
    screen.print(
        f"Project {project} is forgotten. It comes back when Label Studio calls for it: disconnect the model there."
    )


@app.command()
def leave_out(project: int) -> None:
    """Let no run learn from a project until `take-in`. Its tasks are pre-annotated as before."""
    with _changing(project) as kept:
        kept.leave_out(project)
    screen.print(f"The next runs do not learn from project {project}. What the live version has learnt stays.")


@app.command()
def take_in(project: int) -> None:
    """Let runs learn from a project again."""
    with _changing(project) as kept:
        kept.take_in(project)
    screen.print(f"The next runs learn from project {project}.")


@contextmanager
def _changing(project: int) -> Iterator[Projects]:
    """The projects, if this one is known; what is changed in them is written at the end."""
    with refusing():
        kept = known_projects()
        if kept.get(project) is None:
            raise ChangeRefused(f"There is no project {project}. `spanloop projects` lists the known ones.")
        yield kept
        kept.flush()
