"""Loads a model and checks that it does here what it did where it was published."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from service.extractor.loaded import Loaded
from service.model.model import Model, Precision
from service.model.spans import Span
from service.versions import lineage
from service.versions.lineage import Canary
from service.versions.names import initial_version

WARM_UP_TEXT = "A text of its own, before anybody else's."


class CanaryFailed(RuntimeError):
    """A version does not find what it must find."""


def load(source: str, device: str, precision: Precision = "fp32") -> Loaded:
    """Load a directory, or a model of the hub; a published version must find in its canary texts what it found.

    Raises ModelError, FormatError (published by a newer Spanloop) or CanaryFailed.

    A thread of its own does it and ends: every thread that has computed keeps helpers, and where those of all threads
    are more than the processors, OpenMP lets them sleep between operations. The engine then lost a third of its speed.
    """
    loaded: Future[Loaded] = Future()

    def told() -> None:
        try:
            loaded.set_result(_load(source, device, precision))
        except BaseException as error:  # noqa: BLE001 - whatever it was, it is raised to who asked
            loaded.set_exception(error)

    # A daemon: a download does not keep a program that is to end.
    loading = Thread(target=told, name="loading", daemon=True)
    loading.start()
    loading.join()
    return loaded.result()


def _load(source: str, device: str, precision: Precision) -> Loaded:
    began = time.monotonic()
    folder = Path(source)
    canaries = lineage.read(folder).canaries if (folder / lineage.FILE).exists() else ()
    model = Model.load(source, device)
    model.use(precision)
    if canaries:
        check(model, canaries, source)
    else:
        model.extract([WARM_UP_TEXT], ["name"], 0.5)  # it takes several times as long: nobody waits for it here
    return Loaded(initial_version(source), model, time.monotonic() - began)


def check(model: Model, canaries: Sequence[Canary], source: str) -> None:
    """Raises CanaryFailed where a model does not find in its canaries what it found where it was published.

    Canaries are texts without doubts whether there is something; but where several spans or labels compete for the same
    words, another precision may choose another one. So everything must be met by something, and half by its own label
    from the same start or to the same end.
    """
    alike = 0
    for canary in canaries:
        expected = [Span(*span, score=1.0) for span in canary.spans]
        found = model.extract([canary.text], canary.labels, canary.threshold)[0].spans
        if not (all(_meets(span, found) for span in expected) and all(_meets(span, expected) for span in found)):
            raise CanaryFailed(f"The version in {source} does not find the spans that it found when it was published.")
        alike += sum(any(_alike(span, one) for one in found) for span in expected)
    if 2 * alike < sum(len(canary.spans) for canary in canaries):
        raise CanaryFailed(f"The version in {source} finds other spans or labels than when it was published.")


def _alike(one: Span, other: Span) -> bool:
    return one.label == other.label and (one.start == other.start or one.end == other.end)


def _meets(span: Span, others: Sequence[Span]) -> bool:
    return any(other.start < span.end and span.start < other.end for other in others)
