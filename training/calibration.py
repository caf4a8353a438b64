"""What a new version's scores mean, and from which probability on its spans are taken.

Both are fitted on what models find in texts that they did not learn from: they are too sure of those that they learnt.

With calibrated probabilities the threshold of the best F1 is half of that F1 (Lipton, Elkan, Naryanaswamy: Optimal
Thresholding of Classifiers to Maximize F1 Measure, 2014). The F1 is the one that the probabilities promise. Thresholds
chosen by what was right in the texts were worse in trials: too few spans are near a threshold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from math import log
from statistics import fmean, stdev
from typing import NamedTuple

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from service.model.calibration import DEFAULT_THRESHOLD, Calibration, logit, sigmoid
from service.model.model import SCORE_FLOOR, Model
from service.model.told import Told, untold
from service.versions.lineage import Calibrated
from training.dataset import Document, without_blanks
from training.judge.prediction import Prediction, predict

FEWEST = 20
"""Candidates that are right, and as many that are wrong, without which nothing is fitted."""
SLOPE_DEVIATION = 1.0
"""The standard deviation of the prior of the slope's logarithm, which is normal around 0."""
OFFSET_DEVIATION = 10.0
"""The same of the offset that the labels have in common."""
LABEL_DEVIATION = 0.5
"""The same of what a label's offset is beside that. Trials could not tell 0.25 from 2."""
SURE = 2.0
"""Labels have offsets of their own if the cross-validated log loss falls by more than so many times the standard error
of its fall: such offsets change which of two overlapping candidates is the better one. Without need that costs F1."""
GAIN = 0.01
"""A label has a threshold of its own if that raises its cross-validated F1 by more than this: less may be chance."""
MOST_STEPS = 200
"""Steps of L-BFGS, which needs some twenty."""
PRIOR_SPANS = 100
"""The threshold of all labels is between the default one and the best: in the middle for so many annotated spans."""
PRIOR_SPANS_OF_LABEL = 300
"""The threshold of a label is between that of all labels and its own best one: in the middle for so many spans."""
FURTHEST = 0.01
"""No threshold is nearer to 0 or 1."""
FOLDS = 5
BINS = 10
"""Groups of equally many candidates by score, over which the calibration error is computed."""


class Candidate(NamedTuple):
    """A span that a model may answer, with the network's score."""

    label: str
    score: float
    is_right: bool


class Answered(NamedTuple):
    """What a model that did not learn from a text finds in it."""

    candidates: tuple[Candidate, ...]
    """The spans that may stand beside each other, also those with a low score."""
    annotated: Counter[str]
    """Number of annotated spans by label."""


def find(model: Model, documents: Sequence[Document], told: Told = untold) -> list[Prediction]:
    """What a model may answer in documents, with the network's scores."""
    return list(predict(model.with_calibration(Calibration()), documents, SCORE_FLOOR, told))


def choose(model: Model, found: Iterable[Prediction], labels: Iterable[str]) -> Calibrated:
    """The calibration of a model that has learnt `labels`.

    `found` is what was found in documents by models that did not learn from them: by this one or, in a
    cross-validation, by those of the folds, which have learnt alike.
    """
    if getattr(model.gliner.config, "span_mode", "") == "token_level":  # the spans that it finds hang on the threshold
        return _none([], "the model labels words instead of spans")
    return fit(answered(found), labels)


def answered(predictions: Iterable[Prediction]) -> list[Answered]:
    """The candidates and the annotated spans of each text."""
    found = []
    for document, extraction in predictions:
        gold = {without_blanks(span, document.text)[:3] for span in document.spans}
        candidates = tuple(Candidate(s.label, s.score, s[:3] in gold) for s in extraction.spans)
        found.append(Answered(candidates, Counter(label for _, _, label in gold)))
    return found


def fit(texts: Sequence[Answered], labels: Iterable[str]) -> Calibrated:
    """The map and the thresholds of a version that has learnt `labels`, by what it finds in texts.

    The errors and the F1 that it tells are cross-validated: each text's by what the other texts give.
    """
    if not texts:
        return _none(texts, "no texts are kept apart that could tell what scores mean")
    candidates = [candidate for text in texts for candidate in text.candidates]
    right = sum(candidate.is_right for candidate in candidates)
    if min(right, len(candidates) - right) < FEWEST:
        return _none(
            texts,
            f"of the {len(candidates)} spans found in texts by a model that did not learn from them {right} are right, "
            f"and {FEWEST} right and {FEWEST} wrong ones are needed",
        )
    if min(_folds_with(texts, is_right=True), _folds_with(texts, is_right=False)) < 2:
        return _none(texts, "too few texts hold the right spans or the wrong ones to cross-validate what scores mean")
    learnt = sorted({*labels, *_support(texts), *(candidate.label for candidate in candidates)})
    before = [(text, Calibration()) for text in texts]
    groups, unseen = _grouped(texts, learnt)
    unmoved = [(text, _at_default(calibration)) for text, calibration in unseen]
    moved = [label for label in learnt if _f1(unseen, label) > _f1(unmoved, label) + GAIN]
    after = [(text, _at_default(calibration, but=moved)) for text, calibration in unseen]
    errors = [round(expected_error(_outcomes(each)), 4) for each in (before, after)]
    f1 = [round(_f1(each), 4) for each in (before, after)]
    return Calibrated(
        calibration=_at_default(_fitted(texts, groups), but=moved),
        why=f"Scores are probabilities: on {len(texts)} texts, each read by a model that did not learn from it, the "
        f"calibration error went from {errors[0]:.3f} to {errors[1]:.3f}. {_moved(moved, f1)}",
        texts=len(texts),
        candidates=len(candidates),
        support=_support(texts),
        error_before=errors[0],
        error_after=errors[1],
        f1_before=f1[0],
        f1_after=f1[1],
    )


def _moved(labels: Sequence[str], f1: Sequence[float]) -> str:
    if not labels:
        return f"No other threshold than {DEFAULT_THRESHOLD} of the scores was better by enough."
    change = f"F1 from {f1[0]:.3f} to {f1[1]:.3f}"
    return f"Other thresholds than {DEFAULT_THRESHOLD} of the scores took {change}: those of {', '.join(labels)}."


def expected_error(outcomes: Iterable[tuple[float, bool]]) -> float:
    """The expected calibration error of (probability, whether it was right), in [0, 1] (Guo et al. 2017, section 2).

    That is the mean distance of the mean probability from the share that is right, over BINS groups of equally many.
    0.0 without outcomes.
    """
    ordered = sorted(outcomes, key=lambda outcome: outcome[0])
    edges = [len(ordered) * at // BINS for at in range(BINS + 1)]
    groups = [ordered[start:end] for start, end in pairwise(edges)]
    distances = (abs(sum(probability - is_right for probability, is_right in group)) for group in groups)
    return sum(distances) / len(ordered) if ordered else 0.0


def error(texts: Iterable[Answered], calibration: Calibration) -> float:
    """The expected calibration error of the spans that a model answers with a calibration, in texts that it has not
    learnt from."""
    return round(expected_error(one for one in _outcomes((text, calibration) for text in texts) if one[0] > 0.5), 4)


def _none(texts: Sequence[Answered], why: str) -> Calibrated:
    return Calibrated(
        calibration=Calibration(),
        why=f"Scores are the network's own, and the threshold is {DEFAULT_THRESHOLD}: {why}.",
        texts=len(texts),
        candidates=sum(len(text.candidates) for text in texts),
        support=_support(texts),
    )


def _support(texts: Iterable[Answered]) -> dict[str, int]:
    support = sum((text.annotated for text in texts), Counter[str]())
    return dict(sorted(support.items()))


def _folds_with(texts: Sequence[Answered], *, is_right: bool) -> int:
    """In how many folds candidates are right, or wrong."""
    return sum(
        any(one.is_right == is_right for text in texts[at::FOLDS] for one in text.candidates) for at in range(FOLDS)
    )


def _grouped(
    texts: Sequence[Answered], labels: Sequence[str]
) -> tuple[Mapping[str, str], list[tuple[Answered, Calibration]]]:
    """The group of each label: the labels of a group share an offset. Either all labels share one, or none does.

    The way that does better on unseen texts is taken. Returns also each text with the calibration that the texts of the
    other folds give.
    """
    shared, apart = ({label: group or label for label in labels} for group in ("all", ""))
    of_shared, of_apart = (list(_unseen(texts, groups)) for groups in (shared, apart))
    gains = [lost - kept for lost, kept in zip(_log_losses(of_shared), _log_losses(of_apart), strict=True)]
    return (apart, of_apart) if sum(gains) > SURE * stdev(gains) * len(gains) ** 0.5 else (shared, of_shared)


def _unseen(texts: Sequence[Answered], groups: Mapping[str, str]) -> Iterator[tuple[Answered, Calibration]]:
    """Each text with the calibration that the texts of the other folds give."""
    for at in range(FOLDS):
        calibration = _fitted([text for index, text in enumerate(texts) if index % FOLDS != at], groups)
        yield from ((text, calibration) for text in texts[at::FOLDS])


def _log_losses(texts: Iterable[tuple[Answered, Calibration]]) -> list[float]:
    """By text."""
    return [-sum(log(chance if is_right else 1 - chance) for chance, is_right in _outcomes([one])) for one in texts]


def _at_default(calibration: Calibration, but: Collection[str] = ()) -> Calibration:
    """The calibration with thresholds that take the spans whose score passes the default one, but for some labels."""
    own = calibration.thresholds
    default = {label: _rounded(calibration.probability(label, DEFAULT_THRESHOLD)) for label in own}
    return calibration.model_copy(update={"thresholds": {**default, **{label: own[label] for label in but}}})


def _fitted(texts: Sequence[Answered], groups: Mapping[str, str]) -> Calibration:
    """The map and the thresholds of the labels in `groups`. Those without evidence have what all have in common."""
    candidates = [candidate for text in texts for candidate in text.candidates]
    mapped = _map(candidates, groups)
    chances: dict[str, list[float]] = {label: [] for label in groups}
    for candidate in candidates:
        chances[candidate.label].append(mapped.probability(candidate.label, candidate.score))
    support = Counter(_support(texts))
    default = sigmoid(fmean(mapped.offsets.values()))  # what the default threshold, whose logit is 0, is mapped to
    best = _best([chance for each in chances.values() for chance in each], support.total())
    of_all = _between(default, best, support.total(), PRIOR_SPANS)
    thresholds = {
        label: _rounded(_between(of_all, _best(each, support[label]), support[label], PRIOR_SPANS_OF_LABEL))
        for label, each in chances.items()
    }
    return mapped.model_copy(update={"thresholds": thresholds})


def _best(chances: Iterable[float], annotated: int) -> float:
    """The threshold of the best F1 that these probabilities promise: half of it, so that the 2 of 2 · right / (found +
    annotated) falls away."""
    right = accumulate(sorted(chances, reverse=True))
    return max((promised / (found + annotated) for found, promised in enumerate(right, 1)), default=0.0)


def _between(prior: float, best: float, spans: int, prior_spans: int) -> float:
    """Between two probabilities, in their logits: the nearer to `best`, the more spans it is chosen by."""
    share = spans / (spans + prior_spans)
    kept = min(max(best, FURTHEST), 1 - FURTHEST)
    return sigmoid((1 - share) * logit(prior) + share * logit(kept))


def _rounded(probability: float) -> float:
    """Rounded in its logit, so that it is neither 0 nor 1."""
    return sigmoid(round(logit(probability), 4))


def _map(candidates: Sequence[Candidate], groups: Mapping[str, str]) -> Calibration:
    """The most probable slope and offsets: a logistic regression whose priors are normal."""
    place = {group: index for index, group in enumerate(sorted(set(groups.values())))}
    scores = torch.tensor([logit(candidate.score) for candidate in candidates], dtype=torch.float64)
    is_right = torch.tensor([candidate.is_right for candidate in candidates], dtype=torch.float64)
    group = torch.tensor([place[groups[candidate.label]] for candidate in candidates], dtype=torch.long)
    slope = torch.zeros((), dtype=torch.float64, requires_grad=True)  # its logarithm: the map is monotone
    offset = torch.zeros((), dtype=torch.float64, requires_grad=True)
    apart = torch.zeros(len(place), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([slope, offset, apart], max_iter=MOST_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        mapped = slope.exp() * scores + offset + apart[group]
        unlikely = binary_cross_entropy_with_logits(mapped, is_right, reduction="sum")
        far = (slope / SLOPE_DEVIATION) ** 2 + (offset / OFFSET_DEVIATION) ** 2
        total: torch.Tensor = unlikely + (far + ((apart / LABEL_DEVIATION) ** 2).sum()) / 2
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    of_group: list[float] = (offset + apart).tolist()
    offsets = {label: round(of_group[place[groups[label]]], 4) for label in groups}
    return Calibration(slope=round(slope.exp().item(), 4), offsets=offsets)


def _outcomes(texts: Iterable[tuple[Answered, Calibration]]) -> Iterator[tuple[float, bool]]:
    """The probability of each candidate by its text's calibration, and whether it is right."""
    for text, calibration in texts:
        for candidate in text.candidates:
            yield calibration.probability(candidate.label, candidate.score), candidate.is_right


def _f1(texts: Sequence[tuple[Answered, Calibration]], of_label: str | None = None) -> float:
    """Strict micro F1 of the candidates above the thresholds of their text's calibration, of all labels or one."""
    right = found = annotated = 0
    for text, calibration in texts:
        of_all, of_labels = calibration.decision(None)
        annotated += text.annotated.total() if of_label is None else text.annotated[of_label]
        for label, score, is_right in text.candidates:
            is_asked = of_label in (None, label)
            if is_asked and calibration.probability(label, score) > of_labels.get(label, of_all):
                found += 1
                right += is_right
    return 2 * right / (found + annotated) if found + annotated else 0.0
