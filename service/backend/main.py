"""The entry of the backend's pod: `python -m service.web.serve service.backend.main:Backend`. No torch here."""

from __future__ import annotations

import bentoml
from starlette.applications import Starlette

from service.bentoml_options import OPTIONS
from service.web.bentoml_service import deferred


def application() -> Starlette:
    from service import logs
    from service.backend.app import build
    from service.backend.cluster import compose
    from service.settings import Settings

    settings = Settings()
    logs.configure(settings.log_json)
    return build(lambda: compose.supervisor(settings))


@bentoml.service(name="spanloop-backend", **OPTIONS)
@bentoml.asgi_app(deferred(application), path="/")
class Backend:
    """Label Studio's contract, training Jobs and rollouts; the model is elsewhere."""
