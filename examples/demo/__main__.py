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

from examples.demo import gold
from examples.demo.ending import ending
from examples.demo.loop import Loop, StepFailed
from examples.servers import settings, start_spanloop
from service.settings import ROOT
from tests.support import label_studio
from tests.support.label_studio import Client
from tests.support.servers import Server, ServerFailed, free_port

screen = Console()

Found = dict[str, set[tuple[int, int, str]]]


def main(
    program: Annotated[Path, typer.Option(help="The path of the label-studio program.")],
    keep: Annotated[bool, typer.Option(help="Leave both servers running until Ctrl-C.")] = False,
) -> None:
    """Show the whole loop with a real Label Studio. The exit status is 0 only if every step succeeded."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="spanloop-demo-", ignore_cleanup_errors=True) as folder:
        servers: list[Server] = []
        try:
            _demonstrate(program, Path(folder), servers)
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


def _demonstrate(program: Path, folder: Path, servers: list[Server]) -> None:
    ports = free_port(8080), free_port(9090)
    loop = Loop(Client(f"http://127.0.0.1:{ports[0]}"), f"http://127.0.0.1:{ports[1]}")
    with loop.step("start Label Studio and Spanloop"):
        screen.print("Starting Label Studio and Spanloop …")
        # A learning curve would take longer than all the rest.
        environment = settings(folder / "spanloop", f"http://127.0.0.1:{ports[0]}", curve=False)
        servers.append(start_spanloop(ports[1], environment))
        servers.append(label_studio.start(program, folder / "label-studio", ports[0]))
        for server in servers:
            server.wait()
    with loop.step("create the project, import, connect"):
        project, model = loop.create()
    with loop.step("retrieve predictions"):
        screen.print(f"Retrieving predictions for {len(loop.documents)} tasks …")
        before = loop.predictions(project, model)
    with _bar() as bar:
        line = bar.add_task("annotate", total=len(loop.annotated), detail="submitting annotations")
        with loop.step(f"annotate {len(loop.annotated)} tasks"):
            loop.annotate(project, lambda: bar.advance(line))
        line = bar.add_task("train", total=100, detail="")
        with loop.step("train"):
            run = loop.train(
                model, lambda r: bar.update(line, completed=r["percent"], detail=f"{r['phase']} {r['detail']}")
            )
    with loop.step("swap to the new version"):
        loop.wait_for(run["version"])
    with loop.step("retrieve predictions again"):
        screen.print("Retrieving predictions under the new version …")
        after = loop.predictions(project, model)
    if not after[0].startswith(run["version"]) or after[0] == before[0]:
        raise StepFailed(f"The predictions are from version {after[0]} instead of {run['version']}.")
    _show(loop, before, after, run["message"], project)
    for line in ending(folder / "spanloop", run["version"], ROOT):
        screen.print(line, markup=False, soft_wrap=True)


def _bar() -> Progress:
    detail = TextColumn("{task.fields[detail]}")
    return Progress(TextColumn("{task.description:<8}"), BarColumn(), TimeElapsedColumn(), detail, console=screen)


def _show(loop: Loop, before: tuple[str, Found], after: tuple[str, Found], message: str, project: int) -> None:
    table = Table("", before[0], after[0], title="F1 of the stored predictions against the gold annotations")
    parts = {
        f"{len(loop.held_out)} held-out tasks": loop.held_out,
        f"{len(loop.spare)} unannotated tasks": loop.spare,
    }
    for name, documents in parts.items():
        for label in ("", *documents[0].labels):
            scores = [gold.f1([found[d.text] for d in documents], documents, label) for _, found in (before, after)]
            table.add_row(f"[bold]{name}" if not label else f"  {label}", *(f"{score:.3f}" for score in scores))
    screen.print(table)
    screen.print(message, markup=False)
    times = Table("step", "seconds")
    for name, seconds in loop.seconds.items():
        times.add_row(name, f"{seconds:.1f}")
    times.add_row("[bold]all", f"[bold]{sum(loop.seconds.values()):.1f}")
    screen.print(times)
    url = str(loop.label_studio.url)
    screen.print(f"Label Studio  {url}/projects/{project}/data  ({label_studio.USER} / {label_studio.PASSWORD})")
    screen.print(f"Spanloop      {loop.backend}/")


if __name__ == "__main__":
    os.chdir(ROOT)
    typer.run(main)
