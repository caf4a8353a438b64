"""The entry of the extractor's pods: `bentoml serve service.extractor.main:Extractor`."""

from __future__ import annotations

import bentoml

from service import logs
from service.extractor.app import build
from service.settings import Settings


def application() -> object:
    from service.model import use_threads

    settings = Settings()
    logs.configure(settings.log_json)
    use_threads(settings.compute_threads)
    return build(settings)


@bentoml.service(name="spanloop-extractor", workers=1, metrics={"enabled": False}, traffic={"timeout": 120})
@bentoml.asgi_app(application(), path="/")
class Extractor:
    """The model of one version behind /extract."""
