"""What models find in documents that they have not learnt from, as probabilities."""

from __future__ import annotations

from collections.abc import Sequence

from training import calibration
from training.folds import OutOfFold
from training.problems.doubts import Read


def read_out_of_fold(found: Sequence[OutOfFold]) -> list[Read]:
    """What was found in each document. The scores of a fold mean what the other folds tell."""
    labels = {label for one in found for label in one.document.labels}
    read = []
    for fold in sorted({one.fold for one in found}):
        others = calibration.answered(one.uncalibrated for one in found if one.fold != fold)
        told = calibration.fit(others, labels).calibration
        read += [Read(one.document, told.applied(one.candidates)) for one in found if one.fold == fold]
    return read
