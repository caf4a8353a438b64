"""The guide as a notebook, with a Label Studio and a Spanloop of its own.

`make notebook` opens it in JupyterLab. `make guide` runs it from the first cell to the last and keeps its outputs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import nbformat
import typer
from nbclient import NotebookClient
from rich.console import Console

from examples.servers import settings, start_spanloop
from tests.support import label_studio
from tests.support.servers import ServerFailed, free_port

NOTEBOOK = Path(__file__).parent / "guide.ipynb"
CELL_SECONDS = 1800
"""A cell may take so long: one waits for a training run and its learning curve."""
LabelStudioProgram = Annotated[Path, typer.Option("--program", help="The path of the label-studio program.")]

app = typer.Typer(add_completion=False)
screen = Console()


@contextmanager
def surroundings(program: Path, folder: Path) -> Iterator[dict[str, str]]:
    """Both servers, with their files in `folder`: the environment that the notebook needs. `program` is label-studio's.

    Raises ServerFailed if one does not start.
    """
    ports = free_port(8080), free_port(9090)
    studio, spanloop = (f"http://127.0.0.1:{port}" for port in ports)
    environment = settings(folder / "spanloop", studio)
    with ExitStack() as servers:
        backend = start_spanloop(ports[1], environment)
        servers.callback(backend.stop)
        annotators = label_studio.start(program, folder / "label-studio", ports[0])
        servers.callback(annotators.stop)
        for server in (backend, annotators):
            server.wait()
        yield {
            **environment,
            "LABEL_STUDIO_URL": studio,
            "LABEL_STUDIO_API_KEY": label_studio.TOKEN,
            "BACKEND_URL": spanloop,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }


def executed(environment: dict[str, str]) -> nbformat.NotebookNode:
    """The notebook with the outputs of a run in these surroundings, without progress bars and warnings (stderr).

    Raises CellExecutionError if a cell fails.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    client.execute(env={**os.environ, **environment})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the times
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_beside(output)]
    return notebook


def _is_beside(output: Any) -> bool:
    return bool(output.output_type == "stream" and output.name == "stderr")


@contextmanager
def _started(program: Path) -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="spanloop-notebook-", ignore_cleanup_errors=True) as folder:
        try:
            with surroundings(program, Path(folder)) as environment:
                screen.print(f"Label Studio  {environment['LABEL_STUDIO_URL']}")
                screen.print(f"              {label_studio.USER} / {label_studio.PASSWORD}")
                screen.print(f"Spanloop      {environment['BACKEND_URL']}/")
                yield environment
        except ServerFailed as error:
            screen.print(str(error), markup=False)
            raise typer.Exit(1) from error


@app.command("open")
def open_it(program: LabelStudioProgram) -> None:
    """Open the notebook in JupyterLab. Both servers run until JupyterLab ends."""
    with _started(program) as environment:
        command = [sys.executable, "-m", "jupyter", "lab", str(NOTEBOOK)]
        subprocess.run(command, env={**os.environ, **environment}, check=False)


@app.command()
def run(program: LabelStudioProgram) -> None:
    """Run the notebook, and keep its outputs in it."""
    with _started(program) as environment:
        nbformat.write(executed(environment), NOTEBOOK)
    screen.print(f"{NOTEBOOK} has the outputs of this run.")


if __name__ == "__main__":
    app()
