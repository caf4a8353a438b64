"""`make demo` and `spanloop demo`: start Label Studio and Spanloop, go through the loop once, and show the scores
before and after, the verdict and the report of the new version."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.demo.ending import ending
from examples.demo.loop import Loop, StepFailed
from examples.demo.telling import Found, flips, scores
from examples.servers import settings, start_spanloop
from service.backend.page.terms import PHASES
from service.settings import ROOT
from tests.support import label_studio
from tests.support.label_studio import Client
from tests.support.servers import Server, ServerFailed, free_port

screen = Console(width=None if sys.stdout.isatty() else 160)
"""160 columns wide if the output is no terminal: names of versions must not be cut."""


def main(
    program: Annotated[Path, typer.Option(help="The path of the label-studio program.")],
    keep: Annotated[bool, typer.Option(help="Leave both servers running until Ctrl-C.")] = False,
) -> None:
    """Show the whole loop with a real Label Studio. The exit status is 0 only if every step succeeded."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="spanloop-demo-", ignore_cleanup_errors=True) as folder:
        servers: list[Server] = []
        try:
            _demonstrate(program, Path(folder), servers, keep)
            if keep:
                _stay_up()
        except KeyboardInterrupt as interrupt:
            screen.print("Ended before the demonstration was complete.")
            raise typer.Exit(130) from interrupt
        except (StepFailed, ServerFailed, httpx.HTTPError) as error:
            screen.print(f"[bold red]The demonstration failed:[/] {error}")
            for server in servers:
                screen.print(f"[bold]The end of {server.name}'s log[/]")
                screen.print(server.tail(), markup=False)
            raise typer.Exit(1) from error
        finally:
            for server in servers:
                server.stop()


def _stay_up() -> None:
    screen.print("Both servers run until you press Ctrl-C.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        screen.print("Ended.")


def _demonstrate(program: Path, folder: Path, servers: list[Server], keep: bool) -> None:
    ports = free_port(8080), free_port(9090)
    loop = Loop(Client(f"http://127.0.0.1:{ports[0]}"), f"http://127.0.0.1:{ports[1]}")
    with loop.step("start Label Studio and Spanloop"):
        screen.print("Label Studio and Spanloop start …")
        # A learning curve would take longer than all the rest.
        environment = settings(folder / "spanloop", f"http://127.0.0.1:{ports[0]}", curve=False)
        servers.append(start_spanloop(ports[1], environment))
        servers.append(label_studio.start(program, folder / "label-studio", ports[0]))
        for server in servers:
            server.wait()
    with loop.step("create the project, import, connect"):
        project, model = loop.create()
    with loop.step("retrieve predictions"):
        screen.print(f"A project with five labels has {len(loop.documents)} medical notes. The model marks them …")
        before = loop.predictions(project, model)
    with _bar() as bar:
        detail = f"somebody corrects all but {len(loop.spare)} of them"
        line = bar.add_task("annotate", total=len(loop.annotated), detail=detail)
        with loop.step(f"annotate {len(loop.annotated)} tasks"):
            loop.annotate(project, lambda: bar.advance(line))
        line = bar.add_task("train", total=100, detail="")
        with loop.step("train"):
            run = loop.train(model, lambda r: bar.update(line, completed=r["percent"], detail=PHASES[r["phase"]]))
    with loop.step("swap to the new version"):
        loop.wait_for(run["version"])
    with loop.step("retrieve predictions again"):
        screen.print("The new version is better, so it serves. It marks the notes again …")
        after = loop.predictions(project, model)
    if not after[0].startswith(run["version"]) or after[0] == before[0]:
        raise StepFailed(f"The predictions are from version {after[0]} instead of {run['version']}.")
    _show(loop, before, after, run["message"])
    tasks = f"{loop.label_studio.url}/projects/{project}/data  ({label_studio.USER} / {label_studio.PASSWORD})"
    for line in [
        *ending(folder / "spanloop", run["version"], ROOT),
        f"Page          {loop.backend}/",
        f"Tasks         {tasks}",
        "Notebook      examples/guide.ipynb: the same cell by cell; `make notebook` opens it",
    ]:
        screen.print(line, markup=False, soft_wrap=True, highlight=False)
    if not keep:
        screen.print("Both servers end now. `make demo KEEP=1` leaves them running.")


def _bar() -> Progress:
    detail = TextColumn("{task.fields[detail]}")
    return Progress(TextColumn("{task.description:<8}"), BarColumn(), TimeElapsedColumn(), detail, console=screen)


def _show(loop: Loop, before: tuple[str, Found], after: tuple[str, Found], message: str) -> None:
    parts = {
        f"{len(loop.held_out)} held-out notes": loop.held_out,
        f"{len(loop.spare)} unannotated notes": loop.spare,
    }
    screen.print(scores(parts, before, after))
    screen.print(flips(loop.spare, before[1], after[1]))
    screen.print(message, markup=False)
    times = Table("step", "seconds")
    for name, seconds in loop.seconds.items():
        times.add_row(name, f"{seconds:.1f}")
    times.add_row("[bold]all", f"[bold]{sum(loop.seconds.values()):.1f}")
    screen.print(times)


if __name__ == "__main__":
    os.chdir(ROOT)
    typer.run(main)
