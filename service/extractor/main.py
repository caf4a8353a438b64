"""The entry of the extractor's pods: `bentoml serve service.extractor.main:Extractor`."""

from __future__ import annotations

import bentoml

from service import logs
from service.extractor.app import build
from service.settings import Settings


def application() -> object:
    settings = Settings()
    logs.configure(settings.log_json)
    return build(settings)


@bentoml.service(
    name="spanloop-extractor",
    workers=1,
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},  # every probe would be a line
    traffic={"timeout": 120},
)
@bentoml.asgi_app(application(), path="/")
class Extractor:
    """The model of one version behind /extract."""
