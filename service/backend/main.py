"""The entry of the backend's pod: `bentoml serve service.backend.main:Backend`. No torch here."""

from __future__ import annotations

import bentoml

from service import logs
from service.backend.app import build
from service.backend.cluster import release
from service.backend.supervisor import Supervisor
from service.bentoml_options import OPTIONS
from service.settings import Settings


def supervisor() -> Supervisor:
    settings = Settings()
    logs.configure(settings.log_json)
    return release.supervisor(settings)


@bentoml.service(name="spanloop-backend", **OPTIONS)
@bentoml.asgi_app(build(supervisor), path="/")
class Backend:
    """Label Studio's contract, training Jobs and rollouts; the model is elsewhere."""
