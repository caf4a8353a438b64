"""What more annotated tasks would bring: a curve through the scores of models that learnt from parts of the tasks.

The curve starts at the base model's F1, which costs no tuning, and rises as A·(1 − (1 + n/h)^−c), a power law that
saturates, or as A·log(1 + n/h), which does not. (Power laws describe how errors fall with data: Hestness et al., Deep
Learning Scaling is Predictable, Empirically, 2017.) Four points cannot tell h and c, so all pairs of a grid are fitted
by least squares and averaged by their likelihood. The interval is a bootstrap over the documents that score (blocks of
them, where they are many), with the noise of tuning and the choice of h and c drawn along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.runs.curve import CurvePoint, Gain, LearningCurve
from training.judge.scores import Tally, total

Array = NDArray[np.float64]

AHEAD = (50, 200)
"""Numbers of further annotated tasks whose gain is told."""
NOISE = 0.01
"""Standard deviation of F1 over seeds and choices of the same number of tasks (benchmarks/results/learning.json)."""
SCALES = (10, 30, 100, 300)
"""The values of h, in tasks. Larger ones are nearly straight lines, and promise too much far ahead."""
EXPONENTS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""The values of c; 0 stands for the logarithm."""
DRAWS = 400
"""Draws of the bootstrap."""
BLOCKS = 200
"""The most blocks of documents that the bootstrap draws: its time and memory do not grow with the documents."""
INTERVAL = (5, 95)
"""Percentiles of the draws."""
FEWEST_SPANS = 10
"""A label with fewer held-out spans gets no gain of its own."""
SHRINKAGE = 50
"""A label with this many held-out spans gets the mean of its own gain and that of all labels."""
STANDS_OUT = 0.8
"""A label is named if it gains more than all labels together in this share of the draws."""


class Point(NamedTuple):
    """A model's counts on the documents that score, and the annotated tasks it stands for; 0: the base model."""

    tasks: int
    tallies: Sequence[Tally]


class Fit(NamedTuple):
    """Fitted curves: [draws, shapes], and F1 where it was asked for [draws, shapes, sizes]."""

    weights: Array
    """The likelihood of each shape, summing to 1."""
    f1: Array


def estimate(points: Sequence[Point], annotated: int) -> LearningCurve:
    """Fit the curve through the points, of which the first is the base model's, and read it beyond the tasks that are
    annotated."""
    tasks = [point.tasks for point in points]
    labels = sorted({label for point in points for tally in point.tallies for label in tally})
    counts = _counts(points, labels)
    sizes = [annotated, *(annotated + more for more in AHEAD)]
    random = np.random.default_rng(0)
    blocks = counts.shape[1]
    drawn = random.multinomial(blocks, np.full(blocks, 1 / blocks), DRAWS).astype(float)
    shapes = random.random(DRAWS)
    spans = counts[0, :, :, 2].sum()

    def gains(of: Array, support: float) -> tuple[Array, Array]:
        """The gains expected [sizes] and drawn [draws, sizes], from counts [points, blocks, 3]."""
        noise = NOISE * (spans / support) ** 0.5
        seen = _f1(of.sum(axis=1))
        again = _f1(np.einsum("bd,pdk->bpk", drawn, of))
        again[:, 1:] += random.normal(0, noise, again[:, 1:].shape)
        expected = _expected(fit(tasks, seen[None], sizes, noise))[0]
        told = _drawn(fit(tasks, again, sizes, noise), shapes)
        return expected[1:] - expected[:1], told[:, 1:] - told[:, :1]

    expected, draws = gains(counts.sum(axis=2), spans)
    of_labels = {}
    ahead = {}
    for place, label in enumerate(labels):
        support = counts[0, :, place, 2].sum()
        if support >= FEWEST_SPANS:
            own, own_draws = gains(counts[:, :, place], support)
            share = support / (support + SHRINKAGE)
            mixed = share * own_draws[:, 0] + (1 - share) * draws[:, 0]
            of_labels[label] = _gain(share * own[0] + (1 - share) * expected[0], mixed)
            ahead[label] = float((mixed > draws[:, 0]).mean())
    told = {more: _gain(expected[place], draws[:, place]) for place, more in enumerate(AHEAD)}
    measured = tuple(CurvePoint(tasks=point.tasks, f1=total(point.tallies).f1) for point in points)
    wanted = _wanted(of_labels, ahead)
    return LearningCurve(
        points=measured,
        annotated=annotated,
        now=round(predict(tasks, [point.f1 for point in measured], annotated), 4),
        gains=told,
        labels=of_labels,
        wanted=wanted,
        message=" ".join([_in_words(told), _label_in_words(of_labels, wanted)]),
    )


def fit(tasks: Sequence[int], f1: Array, sizes: Sequence[int], noise: float = NOISE) -> Fit:
    """Fit all shapes to F1 [draws, points] at these numbers of tasks, the first of them 0, and read them at `sizes`."""
    heights = _rise(tasks[1:])
    risen = f1[:, 1:] - f1[:, :1]
    scale = risen @ heights.T / (heights**2).sum(axis=1)
    missed = ((risen[:, None, :] - scale[:, :, None] * heights) ** 2).sum(axis=2)
    likelihood = np.exp(-(missed - missed.min(axis=1, keepdims=True)) / (2 * noise**2))
    weights = likelihood / likelihood.sum(axis=1, keepdims=True)
    return Fit(weights, f1[:, :1, None] + scale[:, :, None] * _rise(sizes))


def predict(tasks: Sequence[int], f1: Sequence[float], size: int) -> float:
    """The F1 that is expected at a number of tasks, from the F1 at fewer tasks; the first is the base model's, at 0."""
    return float(_expected(fit(tasks, np.array([f1]), [size]))[0, 0])


def _rise(tasks: Sequence[int]) -> Array:
    """The shapes at these numbers of tasks: [shapes, tasks]."""
    many = np.array(tasks, dtype=float)
    rows = [
        1 - (1 + many / scale) ** -exponent if exponent else np.log1p(many / scale)
        for scale, exponent in product(SCALES, EXPONENTS)
    ]
    risen: Array = np.array(rows)
    return risen


def _expected(fitted: Fit) -> Array:
    """The mean over the shapes: [draws, sizes]."""
    mean: Array = np.einsum("bs,bsk->bk", fitted.weights, fitted.f1)
    return mean


def _drawn(fitted: Fit, at: Array) -> Array:
    """One shape of each draw, by its likelihood: [draws, sizes]. `at` holds a number in [0, 1) for each."""
    chosen = (fitted.weights.cumsum(axis=1) < at[:, None]).sum(axis=1).clip(max=fitted.weights.shape[1] - 1)
    picked: Array = fitted.f1[np.arange(len(at)), chosen]
    return picked


def _counts(points: Sequence[Point], labels: Sequence[str]) -> Array:
    """[points, blocks, labels, (right, found, wanted)], summed over the documents of a block."""
    blocks = _blocks(len(points[0].tallies))
    places = {label: place for place, label in enumerate(labels)}
    shape = (int(blocks.max(initial=-1)) + 1, len(labels))
    return np.array([_summed(point.tallies, blocks, places, shape) for point in points])


def _summed(
    tallies: Sequence[Tally], blocks: NDArray[np.intp], places: Mapping[str, int], shape: tuple[int, int]
) -> Array:
    """[blocks, labels, (right, found, wanted)]."""
    label = np.array([places[label] for tally in tallies for label in tally], dtype=np.intp)
    block = np.repeat(blocks, [len(tally) for tally in tallies])
    counts = np.array([count for tally in tallies for count in tally.values()], dtype=float).reshape(-1, 3)
    cell, cells = block * shape[1] + label, shape[0] * shape[1]
    summed: Array = np.stack([np.bincount(cell, each, cells) for each in counts.T], axis=-1).astype(float)
    return summed.reshape(*shape, 3)


def _blocks(documents: int) -> NDArray[np.intp]:
    """The block of each document: one of its own, or one of BLOCKS of equal size by chance."""
    if documents <= BLOCKS:
        return np.arange(documents)
    return np.random.default_rng(0).permutation(documents) % BLOCKS


def _f1(counts: Array) -> Array:
    """F1 of (right, found, wanted) in the last dimension; 0 where nothing is found and wanted."""
    both = counts[..., 1] + counts[..., 2]
    return np.divide(2 * counts[..., 0], both, out=np.zeros_like(both), where=both > 0)


def _gain(expected: float, draws: Array) -> Gain:
    low, high = np.percentile(draws, INTERVAL)
    return Gain(expected=round(float(expected), 4), low=round(float(low), 4), high=round(float(high), 4))


def _in_words(gains: dict[int, Gain]) -> str:
    (few, first), *others = gains.items()
    return " ".join(
        [
            f"{few} more annotated tasks would change F1 by about {_figures(first)}.",
            *(f"{more} more would change it by about {_figures(gain)}." for more, gain in others),
            "The brackets hold 90 % intervals.",
        ]
    )


def _wanted(labels: dict[str, Gain], ahead: dict[str, float]) -> str:
    """The label that stands out; empty if none does."""
    standing = [label for label in labels if ahead[label] >= STANDS_OUT]
    return max(standing, key=lambda label: labels[label].expected, default="")


def _label_in_words(labels: dict[str, Gain], wanted: str) -> str:
    if not wanted:
        return "For no label would more tasks clearly pay more than for the others."
    return f"They would pay most for {wanted!r}: about {_figures(labels[wanted])} with {AHEAD[0]} more tasks."


def _figures(gain: Gain) -> str:
    return f"{gain.expected:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
