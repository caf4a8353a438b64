"""Serves one of the BentoML services in this process: `python -m service.serve service.backend.main:Backend`.

`bentoml serve` keeps a process beside the one that serves, to start it, watch it and start it again. In a pod
Kubernetes does that, and counts it; the process would cost 70 MB, and a second of every start.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer
import uvicorn


def main(
    service: Annotated[str, typer.Argument(help="The service, as module:name.")],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 9090,
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered first."""
    module, _, name = service.partition(":")
    application = getattr(import_module(module), name).to_asgi()
    uvicorn.run(application, host=host, port=port, log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    typer.run(main)
