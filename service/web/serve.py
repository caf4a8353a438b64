"""Serves one of the BentoML services in this process: `python -m service.web.serve service.main:Backend`.

`bentoml serve` keeps a second process that starts, watches and restarts the one that serves. In a pod Kubernetes does
this and counts the restarts. The second process would cost 70 MB and a second of every start.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer
import uvicorn

from service import logs
from service.settings import Settings

GRACEFUL_SECONDS = 100
"""Seconds that running requests may take after the signal to end. Every request ends sooner, and the chart's grace
period is longer."""

PORT = 9090
"""Port that is listened on where no other is named, the one that documents show for the backend."""

program = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@program.command()
def main(
    service: Annotated[str, typer.Argument(help="The service, as module:name.")],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = PORT,
) -> None:
    """Serve until SIGTERM or SIGINT, then answer the running requests and end."""
    logs.configure(Settings().log_json)
    module, _, name = service.partition(":")
    application = getattr(import_module(module), name).to_asgi()
    uvicorn.run(
        application,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


if __name__ == "__main__":
    program()
