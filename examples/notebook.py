"""`make notebook`: start Label Studio and Spanloop, and open examples/guide.ipynb in JupyterLab with both at hand."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from examples.servers import settings, start_spanloop
from tests.support import label_studio
from tests.support.servers import ServerFailed, free_port

NOTEBOOK = Path(__file__).parent / "guide.ipynb"


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


def main(program: Annotated[Path, typer.Option(help="The path of the label-studio program.")]) -> None:
    """Open the notebook. Both servers run until JupyterLab ends."""
    screen = Console()
    with tempfile.TemporaryDirectory(prefix="spanloop-notebook-", ignore_cleanup_errors=True) as folder:
        try:
            with surroundings(program, Path(folder)) as environment:
                screen.print(f"Label Studio  {environment['LABEL_STUDIO_URL']}")
                screen.print(f"              {label_studio.USER} / {label_studio.PASSWORD}")
                screen.print(f"Spanloop      {environment['BACKEND_URL']}/")
                command = [sys.executable, "-m", "jupyter", "lab", str(NOTEBOOK)]
                subprocess.run(command, env={**os.environ, **environment}, check=False)
        except ServerFailed as error:
            screen.print(str(error), markup=False)
            raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
