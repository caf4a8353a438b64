"""How certain the difference of two models is: a paired bootstrap over the texts (Koehn, Statistical Significance Tests
for Machine Translation Evaluation, 2004).

Each resample draws texts with replacement, and both models are scored on the same ones. Of n texts n − 1 are drawn, so
that few texts do not look more certain than they are (Rao and Wu, Resampling Inference with Complex Survey Data, 1988).
Documents with the same text are drawn together. Counts are whole numbers, so the figures are the same on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import erf, hypot, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.judge.counts import Array, Scores, counts, f1, partial_f1, rounded, scores
from training.judge.sheet import Sheet

Figure = Callable[[Array], Array]
"""A figure of counts [..., labels, KINDS]."""

RESAMPLES = 2000
BLOCKS = 400
"""The most blocks of texts that are drawn: time and memory do not grow with the texts. More texts share blocks by
chance."""
INTERVAL = (2.5, 97.5)
"""Percentiles of the 95 % interval."""


class Difference(msgspec.Struct, frozen=True):
    """One model's figure minus the other's."""

    value: float
    low: float
    high: float
    """The 95 % interval."""
    deviation: float
    """The standard deviation of the resamples."""
    higher: float
    """The probability that the first model is better: the share of resamples in which it is. Ties count against it."""
    lower: float
    """The probability that it is worse; ties count against that, too."""


class Bootstrap:
    """The resampled counts of some models on the documents of a sheet, all of which they have read."""

    def __init__(self, sheet: Sheet, models: Sequence[str], seed: int = 0) -> None:
        self.labels = sheet.labels
        self.annotated = sorted({label for spans in sheet.annotated for _, _, label in spans})
        """The labels with annotated spans."""
        self.documents = len(sheet.documents)
        random = np.random.default_rng(seed)
        block = _blocks([document.mark for document in sheet.documents], random)
        self._counts = {model: _summed(counts(sheet, model), block) for model in models}
        weights = _drawn(int(block.max(initial=-1)) + 1, random)
        self._resampled = {
            model: np.tensordot(weights, counted, axes=1).astype(float, copy=False)
            for model, counted in self._counts.items()
        }

    def scores(self, model: str) -> Scores:
        """What a model is worth on the documents."""
        return scores(self._counts[model].sum(axis=0), self.labels, self.documents)

    def margin(self, model: str) -> float:
        """Half the length of the 95 % interval of a model's strict micro F1."""
        low, high = np.percentile(f1(self._resampled[model].sum(axis=-2)), INTERVAL)
        return rounded((high - low) / 2)

    def micro(self, first: str, second: str) -> Difference:
        """The difference of strict micro F1."""
        return self._difference(first, second, lambda counted: f1(counted.sum(axis=-2)))

    def partial(self, first: str, second: str) -> Difference:
        """The difference of partial micro F1."""
        return self._difference(first, second, lambda counted: partial_f1(counted.sum(axis=-2)))

    def macro(self, first: str, second: str) -> Difference:
        """The difference of strict macro F1, over the labels that are annotated."""
        places = [self.labels.index(label) for label in self.annotated]

        def mean(counted: Array) -> Array:
            of_labels: Array = f1(counted[..., places, :]).sum(axis=-1) / max(len(places), 1)
            return of_labels

        return self._difference(first, second, mean)

    def label(self, label: str, first: str, second: str, margin: float = 0.0) -> Difference:
        """The difference of a label's strict F1, with `margin` added: `lower` is then the probability that the first
        model is worse by more than the margin."""
        place = self.labels.index(label)
        return self._difference(first, second, lambda counted: f1(counted[..., place, :]), margin, place)

    def _difference(
        self, first: str, second: str, figure: Figure, margin: float = 0.0, place: int | None = None
    ) -> Difference:
        one, other = self._counts[first], self._counts[second]
        value = float(figure(one.sum(axis=0)) - figure(other.sum(axis=0))) + margin
        draws = figure(self._resampled[first]) - figure(self._resampled[second]) + margin
        differ = (one != other).any(axis=2)
        return _told(value, draws, int((differ.any(axis=1) if place is None else differ[:, place]).sum()))


def apart(own: Difference, value: float, deviation: float) -> Difference:
    """The difference to a model that was measured on other texts: `value`, whose second term has this deviation.

    `own` is the difference of the first model to one that was read beside it. Both deviations are taken to be normal
    and independent.
    """
    both = hypot(own.deviation, deviation)
    higher = _normal(value / both) if both else float(value > 0)
    return Difference(
        value=rounded(value),
        low=rounded(value - 1.96 * both),
        high=rounded(value + 1.96 * both),
        deviation=rounded(both),
        higher=rounded(higher),
        lower=rounded(1 - higher if value or both else 0.0),
    )


def _told(value: float, draws: Array, differ: int) -> Difference:
    """The difference, from its resamples; `differ` is the number of blocks in which the models differ."""
    low, high = np.percentile(draws, INTERVAL)
    deviation = float(draws.std())
    return Difference(
        value=rounded(value),
        low=rounded(low),
        high=rounded(high),
        deviation=rounded(deviation),
        higher=rounded(1 - _doubt(value, draws, deviation, differ)),
        lower=rounded(1 - _doubt(-value, -draws, deviation, differ)),
    )


def _doubt(value: float, draws: Array, deviation: float, differ: int) -> float:
    """The probability that the difference is not above zero.

    A bootstrap of few texts is too sure of itself: where the models differ in m texts, chance puts all of them on one
    side with a probability of 2^-m, so there is at least that doubt. Where no resample speaks against the difference,
    the tail of a normal distribution tells how far it is from that.
    """
    against = int((draws <= 0).sum())
    doubt = (against + 1) / (RESAMPLES + 1)
    if not against and deviation:
        doubt = min(doubt, _normal(-value / deviation))
    return min(max(doubt, 0.5**differ), 1.0)


def _normal(z: float) -> float:
    """The distribution function of the normal distribution."""
    return (1 + erf(z / sqrt(2))) / 2


def _blocks(marks: Sequence[str], random: np.random.Generator) -> NDArray[np.intp]:
    """The block of each document: documents with the same text are in the same one."""
    texts = {mark: place for place, mark in enumerate(dict.fromkeys(marks))}
    of_text: NDArray[np.intp] = np.arange(len(texts))
    if len(texts) > BLOCKS:
        of_text = random.permutation(len(texts)) % BLOCKS
    return of_text[[texts[mark] for mark in marks]] if marks else of_text


def _summed(counted: Array, block: NDArray[np.intp]) -> Array:
    """The counts [blocks, labels, KINDS]."""
    summed = np.zeros((int(block.max(initial=-1)) + 1, *counted.shape[1:]))
    np.add.at(summed, block, counted)
    return summed


def _drawn(blocks: int, random: np.random.Generator) -> Array:
    """How often each resample draws each block: [RESAMPLES, blocks]."""
    if not blocks:
        return np.zeros((RESAMPLES, 0))
    drawn = random.integers(blocks, size=(RESAMPLES, max(blocks - 1, 1)))
    cells = (drawn + np.arange(RESAMPLES)[:, None] * blocks).ravel()
    weights: Array = np.bincount(cells, minlength=RESAMPLES * blocks).reshape(RESAMPLES, blocks).astype(float)
    return weights
