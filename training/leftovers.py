"""What an ended run no longer needs: exports of the users' texts, checkpoints, and what it kept for a restart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from service.runs import files
from service.runs.files import CANCELLED_NAME, GROUP_NAME, Runs
from training.budget import FILE as BUDGET_FILE
from training.folds import FOLDER as FOLDS_FOLDER
from training.parts import FILE as CURVE_FILE
from training.trace import FILE as TRACE_FILE

EXPORTS = (files.EXPORTS,)
"""The users' texts."""
UNNEEDED = (
    *EXPORTS,
    "checkpoint.*",
    f"{FOLDS_FOLDER}/checkpoint.*",
    BUDGET_FILE,
    CURVE_FILE,
    TRACE_FILE,
    CANCELLED_NAME,
    GROUP_NAME,
)
"""By their names in a run's folder. What the folds have found stays for `spanloop problems`: it has no
texts. Of the users' texts only the excerpts around spans that were left out stay."""


def delete(folder: Path, kinds: Sequence[str] = UNNEEDED) -> None:
    """Delete what an ended run does not need in its folder. What another process deletes meanwhile is no error."""
    for unneeded in kinds:
        for path in folder.glob(unneeded):
            path.unlink(missing_ok=True)


def sweep(runs: Runs) -> None:
    """Delete what runs have left that were killed. A failed one may be tried again from its checkpoint, and exports
    anew."""
    for run in runs.all():
        if run.ended:
            delete(runs.folder / run.id, UNNEEDED if run.succeeded else EXPORTS)
