"""`spanloop serve`: backend and extractor of one machine, by BentoML's server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0: all of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 9090,
) -> None:
    """Serve the backend that Label Studio connects to, until Ctrl-C.

    The model is in the same process, and versions and runs are kept in SPANLOOP_HOME, by default ~/.spanloop.
    Set SPANLOOP_LABEL_STUDIO_URL and SPANLOOP_LABEL_STUDIO_API_KEY first: runs read the annotations with them.
    """
    from service.settings import ROOT, HomeSettings  # these take a third of a second, and the help does not need them

    store = HomeSettings().folder / "bentoml"
    store.mkdir(exist_ok=True)
    program = str(Path(sys.executable).parent / "bentoml")
    options = ["--host", host, "--port", str(port), "--working-dir", str(ROOT)]
    environment = {**os.environ, "BENTOML_HOME": str(store), "BENTOML_DO_NOT_TRACK": "True"}
    os.execve(program, [program, "serve", "service.main:Spanloop", *options], environment)  # noqa: S606 - it takes the signals itself
