"""The entry of the extractor's pods: `python -m service.web.serve service.extractor.main:Extractor`."""

from __future__ import annotations

import bentoml
from starlette.applications import Starlette

from service.bentoml_options import OPTIONS
from service.web.bentoml_service import deferred


def application() -> Starlette:
    from service import logs
    from service.extractor.app import build
    from service.settings import Settings

    settings = Settings()
    logs.configure(settings.log_json)
    return build(settings)


@bentoml.service(name="spanloop-extractor", **OPTIONS)
@bentoml.asgi_app(deferred(application), path="/")
class Extractor:
    """The model of one version behind /extract."""
