"""The registry of versions: does it answer, may versions be pulled, and may they be pushed?"""

from __future__ import annotations

from collections.abc import Callable

from service.backend.cluster.settings import ReleaseSettings
from service.versions.oci.bentos import Bentos
from service.versions.oci.errors import RegistryError
from spanloop.doctor.finding import Finding, State, look, ok, unchecked, wrong

PULL, PUSH = "The registry", "Publishing to the registry"
NO_PUSH = "Runs cannot publish what they have learnt, and stop when they begin."
PATIENCE_SECONDS = 5.0
"""Seconds for which a failure that may pass is tried again."""


def checks(settings: ReleaseSettings) -> list[Finding]:
    """What the registry allows. Nothing is uploaded."""
    if not settings.registry:
        if settings.namespace:
            return [
                look(PULL, "None is set.", NO_PUSH, "Set registry.url in the chart to a repository of this release.")
            ]
        return [ok(PULL, "None is set: versions are kept on this machine.")]
    try:
        bentos = Bentos.connect(settings.registry, settings.registry_plain_http, PATIENCE_SECONDS)
    except ValueError as error:
        set_it = "Set SPANLOOP_REGISTRY (registry.url in the chart)."
        return [wrong(PULL, str(error), "No version can be read.", set_it), _not_pushed()]
    try:
        return _asked(bentos, settings.registry)
    finally:
        bentos.close()


def _asked(bentos: Bentos, name: str) -> list[Finding]:
    pulled = _done(PULL, lambda: f"{name} answers, and has {len(bentos.tags())} tags.", "No version can be read.")
    if pulled.state is not State.OK:
        return [pulled, _not_pushed()]

    def pushed() -> str:
        bentos.require_push()
        return f"{name} takes uploads."

    return [pulled, _done(PUSH, pushed, NO_PUSH)]


def _done(check: str, ask: Callable[[], str], meaning: str) -> Finding:
    """What came of a request. A registry's errors name their cure."""
    try:
        return ok(check, ask())
    except RegistryError as error:
        cure = (
            "See that the registry runs, that SPANLOOP_REGISTRY names it, and that DOCKER_CONFIG has its credentials."
        )
        return wrong(check, str(error), meaning, cure)


def _not_pushed() -> Finding:
    return unchecked(PUSH, "the registry cannot be read")
