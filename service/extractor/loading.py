"""Loads a model and checks that it finds the same spans here as where it was published."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from service.extractor.loaded import Loaded
from service.model.computing import Precision
from service.model.model import Model
from service.model.spans import Span
from service.versions import lineage
from service.versions.lineage import Canary
from service.versions.names import initial_version

WARM_UP_TEXT = "A text of its own, before anybody else's."


class CanaryFailed(RuntimeError):
    """A version does not find the spans of its canaries."""


def load(
    source: str, device: str, precision: Precision = "fp32", window_words: int = 0, convert_pickle: bool = False
) -> Loaded:
    """Load a directory or a model of the hub, and check the canaries of a published version.

    `window_words` and `convert_pickle` are the settings of these names for the base model. A version has none: a run
    chose its windows, and its weights are safetensors.
    Raises ModelError, FormatError (a newer Spanloop published the version) or CanaryFailed.

    A thread does this and then ends. OpenMP keeps helper threads for every live thread that has computed. If there are
    more helpers than CPUs, OpenMP lets them sleep between operations, which costs the engine a third of its speed.
    """
    loaded: Future[Loaded] = Future()

    def set_loaded() -> None:
        try:
            loaded.set_result(_load(source, device, precision, window_words, convert_pickle))
        except BaseException as error:  # noqa: BLE001 - every error is raised to the caller
            loaded.set_exception(error)

    # A daemon thread, so that a download does not delay the end of the program.
    loading = Thread(target=set_loaded, name="loading", daemon=True)
    loading.start()
    loading.join()
    return loaded.result()


def _load(source: str, device: str, precision: Precision, window_words: int, convert_pickle: bool) -> Loaded:
    began = time.monotonic()
    folder = Path(source)
    canaries = lineage.read(folder).canaries if (folder / lineage.FILE).exists() else ()
    model = Model.load(source, device, window_words, convert_pickle)
    model.use(precision)
    if canaries:
        check(model, canaries, source)
    else:
        model.extract([WARM_UP_TEXT], ["name"], 0.5)  # the first text takes several times as long as later ones
    return Loaded(initial_version(source, window_words), model, time.monotonic() - began)


def check(model: Model, canaries: Sequence[Canary], source: str) -> None:
    """Raise CanaryFailed if a model does not find the spans that it found in its canaries when it was published.

    The scores of a canary's spans are far from the threshold. But if several spans or labels compete for the same
    words, another precision may choose another one. So the check passes if every expected span overlaps a found span,
    every found span overlaps an expected span, and half of the expected spans are found with their label and their
    start or end.
    """
    alike = 0
    for canary in canaries:
        expected = [Span(*span, score=1.0) for span in canary.spans]
        found = model.extract([canary.text], canary.labels, canary.threshold)[0].spans
        if not (all(_overlaps(span, found) for span in expected) and all(_overlaps(span, expected) for span in found)):
            raise CanaryFailed(f"The version in {source} does not find the spans that it found when it was published.")
        alike += sum(any(_alike(span, other) for other in found) for span in expected)
    if 2 * alike < sum(len(canary.spans) for canary in canaries):
        raise CanaryFailed(f"The version in {source} finds other spans or labels than when it was published.")


def _alike(span: Span, other: Span) -> bool:
    return span.label == other.label and (span.start == other.start or span.end == other.end)


def _overlaps(span: Span, others: Sequence[Span]) -> bool:
    return any(other.start < span.end and span.start < other.end for other in others)
