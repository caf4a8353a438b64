"""The entry that `bentoml serve service.main:Spanloop` starts: backend and extractor in one process."""

from __future__ import annotations

import os

import bentoml
from starlette.applications import Starlette

from service.bentoml_options import OPTIONS
from service.web.bentoml_service import deferred


def application() -> Starlette:
    """The backend of this machine; torch is imported here, in the serving process alone."""
    from service import logs
    from service.backend.app import build
    from service.backend.local import compose
    from service.model.model import use_threads
    from service.settings import Settings

    settings = Settings()
    # A run resolves the same base model, though its store and its working directory are others.
    os.environ["SPANLOOP_MODEL"] = settings.model
    logs.configure(settings.log_json)
    use_threads(settings.compute_threads)
    return build(lambda: compose.supervisor(settings))


@bentoml.service(name="spanloop", **OPTIONS)
@bentoml.asgi_app(deferred(application), path="/")
class Spanloop:
    """Spanloop as one service; all its routes are in the mounted application."""
