"""What an ended run no longer needs: exports of the users' texts, checkpoints, and what it kept for a restart."""

from __future__ import annotations

from pathlib import Path

from service.runs.files import Runs
from training.budget import FILE as BUDGET_FILE
from training.folds import FOLDER as FOLDS_FOLDER
from training.parts import FILE as CURVE_FILE
from training.trace import FILE as TRACE_FILE

UNNEEDED = ("project-*", "checkpoint.*", f"{FOLDS_FOLDER}/checkpoint.*", BUDGET_FILE, CURVE_FILE, TRACE_FILE)
"""By their names in a run's folder. What the folds have found stays for `python -m training problems`: it has no
texts. Of the users' texts only the excerpts around spans that were left out stay."""


def delete(folder: Path) -> None:
    """Delete what an ended run does not need in its folder."""
    for unneeded in UNNEEDED:
        for path in folder.glob(unneeded):
            path.unlink()


def sweep(runs: Runs) -> None:
    """Delete what runs have left that were killed between their last record and their end."""
    for run in runs.all():
        if run.succeeded:  # a failed one may be tried again from its checkpoint
            delete(runs.folder / run.id)
