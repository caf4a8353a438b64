"""What a run tells beside its outcome: the annotated spans that it leaves out, and what else an annotator may want to
know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from service.runs.files import LEFT_OUT_NAME
from training import omissions
from training.dataset import Dataset
from training.omissions import Omission


class Unlearnable(RuntimeError):
    """Most spans of a label cannot be learnt. The message names the labels, the reasons and the file with the spans."""


class Account:
    """The omissions and the notes of one run, in the order in which they were found."""

    def __init__(self) -> None:
        self.omissions: list[Omission] = []
        self.notes: list[str] = []
        """Whole sentences."""

    def add(self, found: Iterable[Omission], notes: Iterable[str]) -> None:
        self.omissions += found
        self.notes += notes

    @property
    def left_out(self) -> dict[str, int]:
        """The number of omissions by reason."""
        return dict(Counter(omission.reason for omission in self.omissions))

    def write(self, folder: Path) -> None:
        """Write which annotated spans are left out and why, for the owner of the files alone."""
        omissions.write(folder / LEFT_OUT_NAME, self.omissions)

    def told(self, message: str) -> str:
        """A message with all notes and the number of omissions behind it."""
        counts = "; ".join(f"{count} × {reason}" for reason, count in sorted(self.left_out.items()))
        return " ".join([message, *self.notes, *([f"Annotated spans left out: {counts}."] if counts else [])])


def refuse_unlearnable(dataset: Dataset, account: Account) -> None:
    """Raise Unlearnable where most spans of a label, or all texts, cannot be learnt."""
    if not dataset.unlearnable and dataset.examples:
        return
    labels = [f"{label!r}: {why}" for label, why in dataset.unlearnable.items()]
    lacking = "; ".join(labels) or "the model's tokenizer knows the words of no text"
    raise Unlearnable(
        f"Most spans of a label cannot be learnt: {lacking}. Nothing was trained and the live version is untouched. "
        f"{LEFT_OUT_NAME} in the run's folder names each span. Annotate other spans, take the label out of the label "
        "config, or set SPANLOOP_MODEL to a model that reads them. " + " ".join(account.notes)
    )
