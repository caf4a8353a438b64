"""The commands on runs and pre-labellings."""

from __future__ import annotations

from typing import Annotated

import typer

from service import logs
from service.backend.line import ChangeRefused
from service.commands.release import beside, refusing, runs_and_end, screen
from service.prelabel.program import Program
from service.prelabel.settings import PrelabelSettings
from service.prelabel.watch import watched

app = typer.Typer()


@app.command()
def cancel(
    run: Annotated[str, typer.Argument(help="The id of the run; without it the one that is at work.")] = "",
) -> None:
    """End a training run. The live version is untouched."""
    with refusing():
        runs, end = runs_and_end()
        known = runs.get(run or runs.active() or "")
        if known is None:
            raise ChangeRefused(f"There is no run {run}." if run else "No run is at work. Nothing was changed.")
        end(known)
    screen.print(f"Run {known.id} was asked to end. The status page says when it has.")


@app.command()
def prelabel(
    project: Annotated[int, typer.Option(help="The Label Studio project.")],
    view: Annotated[
        int | None, typer.Option(help="Only the tasks of this Data Manager view, `tab=` in the browser.")
    ] = None,
    shard: Annotated[int, typer.Option(min=0, envvar="JOB_COMPLETION_INDEX", help="Which of the shards to do.")] = 0,
    shards: Annotated[int, typer.Option(min=1, help="Among how many processes the tasks are divided.")] = 1,
) -> None:
    """Write a prediction of the live version for every task of a project that has none.

    It may be killed and started again at any time. Exit status: 0 all tasks are done, 1 it failed and can be tried
    again, 4 another version became live meanwhile, 143 it was asked to end.
    """
    settings = PrelabelSettings()
    logs.configure(settings.log_json)
    if shard >= shards:
        beside.print(f"There is no shard {shard} of {shards}: they are counted from 0.")
        raise typer.Exit(2)
    with refusing():
        program = Program(settings, project, view, shard, shards)
        with watched(settings, lambda: program.stands):
            status = program.run()
    raise typer.Exit(status)
