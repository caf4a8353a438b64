"""How finely a run lets its version cut texts: as coarsely as the annotated spans allow, script by script.

A coarse rung gives the model words that it knows and spans of few words. A fine rung represents spans that end inside a
word, but has more words a span than the model's max_width may allow.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, get_args

from service.model.reading import Reading, Rung
from service.model.scripts import COMMON, script_of
from service.model.splitter import default_rung, words
from service.model.words import Splitting, Words
from training.dataset import Document, align

if TYPE_CHECKING:  # what reads annotations needs no torch
    from service.model.model import Model

RUNGS: tuple[Rung, ...] = get_args(Rung)
ENOUGH = 0.99
"""The share of a script's spans that a rung must represent."""


def choose(documents: Iterable[Document], model: Model) -> Reading:
    """The model's reading, with the coarsest rung for each script that represents 99 % of the script's spans.

    Every script that has a span is named, so that a release with other defaults reads the version alike. A span counts
    for the scripts of its first and of its last word: inside these it may begin and end. No rung is coarser than the
    one that the model has. If none of these is fine enough, the rung that represents the most spans is taken, the
    coarser one of two alike. A model with a splitter of its own keeps its reading.
    """
    marked = [document for document in documents if document.spans]
    if model.has_own_splitter:
        return model.reading
    scripts = [_scripts(document) for document in marked]
    wanted = Counter(script for of_document in scripts for of_span in of_document for script in of_span)
    before = {script: model.reading.rungs.get(script) or default_rung(script) for script in sorted(wanted)}

    def represented(rungs: Mapping[str, Rung]) -> Counter[str]:
        """The number of spans of each script that these rungs represent."""
        splitter = model.with_reading(_with(model.reading, rungs)).splitter
        return Counter(
            script
            for document, of_document in zip(marked, scripts, strict=True)
            for of_span, fits in zip(of_document, _fit(document, splitter, model.max_width), strict=True)
            if fits
            for script in of_span
        )

    now = represented(before)
    lacking = sorted(script for script in wanted if now[script] < ENOUGH * wanted[script])
    if not lacking:
        return _with(model.reading, before)
    by_rung = {
        rung: represented({**before, **{script: _finer(before[script], rung) for script in lacking}}) for rung in RUNGS
    }
    chosen = {
        script: _coarsest({rung: by_rung[rung][script] / wanted[script] for rung in RUNGS}, before[script])
        for script in lacking
    }
    return _with(model.reading, {**before, **chosen})


def _with(reading: Reading, rungs: Mapping[str, Rung]) -> Reading:
    return reading.model_copy(update={"rungs": {**reading.rungs, **rungs}})


def _fit(document: Document, splitter: Splitting, max_width: int) -> list[bool]:
    """Whether each span of a document is a span of the splitter's words."""
    placed = list(splitter(document.text))
    cut = Words([], [start for _, start, _ in placed], [end for _, _, end in placed], [], [], [], document.text)
    return [not align([span], cut, max_width)[1] for span in document.spans]


def _coarsest(shares: Mapping[Rung, float], before: Rung) -> Rung:
    """The coarsest rung from `before` on that represents enough of the spans; else the best of all."""
    finer: Sequence[Rung] = RUNGS[RUNGS.index(before) :]
    enough = [rung for rung in finer if shares[rung] >= ENOUGH]
    return enough[0] if enough else max(finer, key=lambda rung: shares[rung])


def _finer(one: Rung, other: Rung) -> Rung:
    return max(one, other, key=RUNGS.index)


def _scripts(document: Document) -> list[set[str]]:
    """The scripts of the first and the last word that each span of a document touches."""
    placed = words(document.text)
    starts, ends = [start for start, _ in placed], [end for _, end in placed]
    found = []
    for span in document.spans:
        first, last = bisect_right(ends, span.start), bisect_left(starts, span.end) - 1
        touched = [placed[at] for at in (first, max(first, last)) if at < len(placed)]
        found.append({script_of(document.text[start:end]) for start, end in touched} or {COMMON})
    return found
