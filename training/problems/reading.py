"""What models find in documents that they have not learnt from, as probabilities."""

from __future__ import annotations

from service.model.model import Model
from training.folds import CrossValidated
from training.problems.doubts import Read


def read_out_of_fold(cross_validated: CrossValidated, model: Model) -> list[Read]:
    """What was found in each document. The scores of a fold mean what the other folds tell.

    `model` is one that has learnt as the models of the folds: it says which labels, and whether its scores can be
    calibrated.
    """
    read = []
    for fold in sorted({one.fold for one in cross_validated.found}):
        share, told = cross_validated.told_by_others(fold, model)
        of_fold = (one for one in cross_validated.found if one.fold == fold)
        read += [Read(one.document, told.applied(one.candidates[share])) for one in of_fold]
    return read
