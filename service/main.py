"""The three programs that serve, for `bentoml serve` and `python -m service.web.serve`.

A process imports only the application that it serves (see `service.web.bentoml_service`), and torch only if it holds a
model.
"""

from __future__ import annotations

import os

import bentoml
from starlette.applications import Starlette

from service.web.bentoml_service import OPTIONS, serves


def spanloop() -> Starlette:
    """Backend and extractor of one machine, in one process."""
    from service import logs
    from service.backend.app import build
    from service.backend.local import compose
    from service.backend.local.settings import MachineSettings
    from service.model.computing import use_threads

    settings = MachineSettings()
    # A run has another BentoML store and another working directory, and must find the same base model.
    os.environ["SPANLOOP_MODEL"] = settings.model
    logs.configure(settings.log_json)
    use_threads(settings.compute_threads)
    return build(settings, compose.supervisor)


def backend() -> Starlette:
    """The backend of a cluster, which holds no model."""
    from service import logs
    from service.backend.app import build
    from service.backend.cluster import compose
    from service.backend.cluster.settings import ClusterSettings

    settings = ClusterSettings()
    logs.configure(settings.log_json)
    return build(settings, compose.supervisor)


def extractor() -> Starlette:
    """The extractor of a cluster, which holds the model of one version."""
    from service import logs
    from service.extractor.app import build
    from service.extractor.settings import ExtractorSettings

    settings = ExtractorSettings()
    logs.configure(settings.log_json)
    return build(settings)


@serves(spanloop)
@bentoml.service(name="spanloop", **OPTIONS)
class Spanloop:
    """Backend and extractor as one service, on one machine and in a Bento."""


@serves(backend)
@bentoml.service(name="spanloop-backend", **OPTIONS)
class Backend:
    """The backend of a cluster: answers Label Studio, launches training Jobs and rolls versions out."""


@serves(extractor)
@bentoml.service(name="spanloop-extractor", **OPTIONS)
class Extractor:
    """The extractor of a cluster: answers /extract with the model of one version."""
