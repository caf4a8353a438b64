"""Loads a model and checks that it does here what it did where it was published."""

from __future__ import annotations

import time
from pathlib import Path

from service import lineage
from service.extractor.loaded import Loaded
from service.lineage import Canary
from service.model import Model, Precision
from service.versions import initial_version

FIRST = "A text of its own, before anybody else's."


class CanaryFailed(RuntimeError):
    """A version does not find what it must find."""


def load(source: str, device: str, precision: Precision = "fp32") -> Loaded:
    """Load a directory, or a model of the hub; a published version must find the spans of its canary texts.

    Raises ModelError, FormatError (published by a newer Spanloop) or CanaryFailed.
    """
    began = time.monotonic()
    folder = Path(source)
    canaries = lineage.read(folder).canaries if (folder / lineage.FILE).exists() else ()
    model = Model.load(source, device)
    model.use(precision)
    for canary in canaries:
        check(model, canary, source)
    if not canaries:
        model.extract([FIRST], ["name"], 0.5)  # it takes several times as long: nobody waits for it here
    return Loaded(initial_version(source), model, time.monotonic() - began)


def check(model: Model, canary: Canary, source: str) -> None:
    """Raises CanaryFailed where a model does not find a canary's spans."""
    found = model.extract([canary.text], canary.labels, canary.threshold)[0].spans
    if [(s.start, s.end, s.label) for s in found] != [tuple(span) for span in canary.spans]:
        raise CanaryFailed(f"The version in {source} does not find the spans that it found when it was published.")
