"""What a new version's scores mean, and from which probability on its spans are taken.

Both are fitted on what models find in texts that they did not learn from: they are too sure of those that they learnt.
Texts that are kept apart for it tell both. Texts that judge the version tell only the map, which changes no answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from service.model.calibration import DEFAULT_THRESHOLD, Calibration, logit, sigmoid
from service.model.model import SCORE_FLOOR, Model
from service.model.told import Told, part_of, untold
from service.versions.lineage import Calibrated, Reliability
from training import thresholds
from training.candidates import FOLDS, Answered, Candidate, Candidates
from training.dataset import Document, without_blanks
from training.judge.prediction import Prediction, predict
from training.scaling import Scaling, scale

FEWEST = 20
"""Candidates that are right, and as many that are wrong, without which nothing is fitted."""
SURE = 2.0
"""Labels have offsets of their own if the cross-validated log loss falls by more than so many times the standard error
of its fall: such offsets change which of two overlapping candidates is the better one. Without need that costs F1."""
GAIN = 0.01
"""A label has a threshold of its own if that raises its cross-validated F1 by more than this: less may be chance."""
BINS = 10
"""Groups of equally many candidates by score, over which the calibration error is computed."""
Fit = Callable[[Sequence[Answered], Iterable[str], Told], Calibrated]
"""The ways to calibrate a version that has learnt some labels by what is found in texts: `fit` and `fit_map`."""


class Reliabilities(NamedTuple):
    """How far the scores can be taken for probabilities, and how far the probabilities of a calibration."""

    before: tuple[Reliability, ...]
    after: tuple[Reliability, ...]

    @property
    def errors(self) -> tuple[float, float]:
        """The expected calibration errors."""
        return round(expected_error(self.before), 4), round(expected_error(self.after), 4)


def find(model: Model, documents: Sequence[Document], told: Told = untold) -> list[Prediction]:
    """What a model may answer in documents, with the network's scores."""
    return list(predict(model.with_calibration(Calibration()), documents, SCORE_FLOOR, told))


def answered(predictions: Iterable[Prediction]) -> list[Answered]:
    """The candidates and the annotated spans of each text."""
    found = []
    for document, extraction in predictions:
        gold = {without_blanks(span, document.text)[:3] for span in document.spans}
        candidates = tuple(Candidate(s.label, s.score, s[:3] in gold) for s in extraction.spans)
        found.append(Answered(candidates, Counter(label for _, _, label in gold)))
    return found


def fit(texts: Sequence[Answered], labels: Iterable[str], told: Told = untold) -> Calibrated:
    """The map and the thresholds of a version that has learnt `labels`, by what is found in texts that do not judge it.

    The errors and the F1 that it tells are cross-validated: each text's by what the other texts give. `told` is told
    which share of the work is done.
    """
    candidates = Candidates.of(texts, labels)
    missing = _missing(candidates)
    if missing:
        return _none(candidates, missing)
    groups, scalings = _grouped(candidates, part_of(told, 0.0, 0.8))
    mapped = _mapped(candidates, scalings)
    default = _by_fold(candidates, (one.default for one in scalings))
    best = _by_fold(candidates, (thresholds.best(candidates.without(at), one) for at, one in enumerate(scalings)))
    moves = candidates.f1(mapped > best) > candidates.f1(mapped > default) + GAIN
    reliable = _reliability(candidates, mapped)
    f1 = _f1s(candidates, mapped > torch.where(moves[candidates.label], best, default))
    told(0.9)
    scaling = scale(candidates, groups)
    chosen = torch.where(moves, thresholds.best(candidates, scaling), scaling.default)
    told(1.0)
    moved = [candidates.labels[at] for at in moves.nonzero().flatten().tolist()]
    why = (
        f"on {candidates.texts} texts, each read by a model that did not learn from it, {_fell(reliable)}. "
        f"{_moved(moved, f1)}"
    )
    return _calibrated(candidates, scaling, chosen, reliable, f1, why)


def fit_map(texts: Sequence[Answered], labels: Iterable[str], told: Told = untold) -> Calibrated:
    """The map alone, by what is found in the texts that judge the version: so they judge the same answers.

    All labels share one slope and one offset, and a span is taken if its score passes the default threshold. The order
    of the spans stays, too, but for scores so near to 1 that their probabilities are rounded to the same.

    A threshold that is set is a probability, so with one the map does change answers, and the texts favour the version
    a little. They tell it two numbers, fitted to what is right and not to F1. In simulations that was worth a tenth of
    the standard error of the F1 on so few texts: too little to judge each text by the map that the others tell.
    """
    candidates = Candidates.of(texts, labels)
    missing = _missing(candidates)
    if missing:
        return _none(candidates, missing)
    shared = _shared(candidates)
    scalings = _cross_validated(candidates, shared, part_of(told, 0.0, 0.8))
    mapped = _mapped(candidates, scalings)
    reliable = _reliability(candidates, mapped)
    f1 = _f1s(candidates, mapped > _by_fold(candidates, (one.default for one in scalings)))
    scaling = scale(candidates, shared)
    told(1.0)
    why = (
        f"on the {candidates.texts} held-out texts, which the version did not learn from, {_fell(reliable)}. "
        "These texts judge the version, so they chose no threshold: the spans with a score above "
        f"{DEFAULT_THRESHOLD} are taken."
    )
    return _calibrated(candidates, scaling, scaling.default, reliable, f1, why)


def choose(
    model: Model, found: Iterable[Prediction], labels: Iterable[str], way: Fit = fit, told: Told = untold
) -> Calibrated:
    """The calibration of a model that has learnt `labels`, in one of the ways.

    `found` is what was found in documents by models that did not learn from them: by this one or, in a
    cross-validation, by those of the folds, which have learnt alike.
    """
    if getattr(model.gliner.config, "span_mode", "") == "token_level":  # the spans that it finds hang on the threshold
        return _none(Candidates.of([], []), "the model labels words instead of spans")
    return way(answered(found), labels, told)


def error(texts: Iterable[Answered], calibration: Calibration) -> float:
    """The expected calibration error of the spans that a model answers with a calibration, in texts that it has not
    learnt from."""
    found = [candidate for text in texts for candidate in text.candidates]
    chances = torch.tensor([calibration.probability(one.label, one.score) for one in found], dtype=torch.float64)
    is_right = torch.tensor([one.is_right for one in found], dtype=torch.bool)
    return round(expected_error(reliability(chances[chances > 0.5], is_right[chances > 0.5])), 4)


def expected_error(groups: Sequence[Reliability]) -> float:
    """The expected calibration error of probabilities, in [0, 1] (Guo et al. 2017, section 2).

    That is the mean distance of the mean probability from the share that is right. 0.0 without groups.
    """
    distances = sum(one.spans * abs(one.probability - one.right) for one in groups)
    return distances / sum(one.spans for one in groups) if groups else 0.0


def reliability(chances: torch.Tensor, is_right: torch.Tensor) -> tuple[Reliability, ...]:
    """Probabilities beside the share that is right, in up to BINS groups of equally many, by ascending probability."""
    order = chances.argsort(stable=True)
    edges = [len(order) * at // BINS for at in range(BINS + 1)]
    return tuple(
        Reliability(
            probability=round(float(chances[some].mean()), 6),
            right=round(float(is_right[some].double().mean()), 6),
            spans=len(some),
        )
        for start, end in pairwise(edges)
        if len(some := order[start:end])
    )


def _missing(candidates: Candidates) -> str:
    """Why the texts do not tell what scores mean; empty if they do."""
    is_right, fold = candidates.is_right, candidates.fold
    right, wrong = int(is_right.sum()), int((~is_right).sum())
    if not candidates.texts:
        return "no texts are kept apart that could tell what scores mean"
    if min(right, wrong) < FEWEST:
        return (
            f"of the {right + wrong} spans found in texts by a model that did not learn from them {right} are right, "
            f"and {FEWEST} right and {FEWEST} wrong ones are needed"
        )
    if min(int(fold[some].bincount().count_nonzero()) for some in (is_right, ~is_right)) < 2:
        return "too few texts hold the right spans or the wrong ones to cross-validate what scores mean"
    return ""


def _none(candidates: Candidates, why: str) -> Calibrated:
    return Calibrated(
        calibration=Calibration(),
        why=f"Scores are the network's own, and the threshold is {DEFAULT_THRESHOLD}: {why}.",
        texts=candidates.texts,
        candidates=len(candidates.logits),
        support=_support(candidates),
    )


def _calibrated(
    candidates: Candidates,
    scaling: Scaling,
    chosen: torch.Tensor,
    reliable: Reliabilities,
    f1: tuple[float, float],
    why: str,
) -> Calibrated:
    """`chosen` are the thresholds of the labels, in logits; `f1` are those before and after."""
    offsets = dict(zip(candidates.labels, scaling.offsets.tolist(), strict=True))
    probabilities = dict(zip(candidates.labels, map(sigmoid, chosen.tolist()), strict=True))
    return Calibrated(
        calibration=Calibration(slope=scaling.slope, offsets=offsets, thresholds=probabilities),
        why=f"Scores are probabilities: {why}",
        texts=candidates.texts,
        candidates=len(candidates.logits),
        support=_support(candidates),
        error_before=reliable.errors[0],
        error_after=reliable.errors[1],
        reliable_before=reliable.before,
        reliable_after=reliable.after,
        f1_before=f1[0],
        f1_after=f1[1],
    )


def _fell(reliable: Reliabilities) -> str:
    before, after = reliable.errors
    return f"the calibration error went from {before:.3f} to {after:.3f}"


def _moved(labels: Sequence[str], f1: tuple[float, float]) -> str:
    if not labels:
        return f"No other threshold than {DEFAULT_THRESHOLD} of the scores was better by enough."
    change = f"F1 from {f1[0]:.3f} to {f1[1]:.3f}"
    return f"Other thresholds than {DEFAULT_THRESHOLD} of the scores took {change}: those of {', '.join(labels)}."


def _support(candidates: Candidates) -> dict[str, int]:
    counts = zip(candidates.labels, candidates.support.tolist(), strict=True)
    return {label: int(count) for label, count in counts if count}


def _reliability(candidates: Candidates, mapped: torch.Tensor) -> Reliabilities:
    """Those of the scores, and of the probabilities, whose logits `mapped` are."""
    before, after = (reliability(logits.sigmoid(), candidates.is_right) for logits in (candidates.logits, mapped))
    return Reliabilities(before, after)


def _f1s(candidates: Candidates, is_taken: torch.Tensor) -> tuple[float, float]:
    """The F1 of the candidates above the default threshold, and of those that are taken."""
    before = candidates.logits > logit(DEFAULT_THRESHOLD)
    return round(candidates.micro_f1(before), 4), round(candidates.micro_f1(is_taken), 4)


def _shared(candidates: Candidates) -> torch.Tensor:
    """One group of all labels."""
    return torch.zeros(len(candidates.labels), dtype=torch.long)


def _grouped(candidates: Candidates, told: Told) -> tuple[torch.Tensor, list[Scaling]]:
    """The group of each label: the labels of a group share an offset. Either all labels share one, or none does.

    The way that does better on unseen texts is taken. Returns also its scalings for each fold.
    """
    shared, apart = _shared(candidates), torch.arange(len(candidates.labels))
    of_shared = _cross_validated(candidates, shared, part_of(told, 0.0, 0.5))
    of_apart = _cross_validated(candidates, apart, part_of(told, 0.5, 1.0))
    gains = _log_losses(candidates, of_shared) - _log_losses(candidates, of_apart)
    is_sure = gains.sum() > SURE * gains.std() * len(gains) ** 0.5
    return (apart, of_apart) if is_sure else (shared, of_shared)


def _cross_validated(candidates: Candidates, groups: torch.Tensor, told: Told) -> list[Scaling]:
    """For each fold what the texts of the other folds give."""
    scalings = []
    for fold in range(FOLDS):
        scalings.append(scale(candidates.without(fold), groups))
        told((fold + 1) / FOLDS)
    return scalings


def _mapped(candidates: Candidates, scalings: Sequence[Scaling]) -> torch.Tensor:
    """The logits of the candidates' probabilities, each by the scaling of its fold."""
    mapped = torch.empty_like(candidates.logits)
    for fold, scaling in enumerate(scalings):
        its = candidates.fold == fold
        mapped[its] = scaling.mapped(candidates.logits[its], candidates.label[its])
    return mapped


def _by_fold(candidates: Candidates, of_folds: Iterable[torch.Tensor]) -> torch.Tensor:
    """For each candidate what its fold has for its label. `of_folds` has a value for each label, fold by fold."""
    return torch.stack(list(of_folds))[candidates.fold, candidates.label]


def _log_losses(candidates: Candidates, scalings: Sequence[Scaling]) -> torch.Tensor:
    """By text."""
    mapped, is_right = _mapped(candidates, scalings), candidates.is_right.double()
    losses = binary_cross_entropy_with_logits(mapped, is_right, reduction="none")
    return torch.bincount(candidates.text, losses, minlength=candidates.texts)
