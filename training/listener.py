"""Who hears how a learning goes, and may end it early."""

from __future__ import annotations

from collections.abc import Sequence

from service.model.told import Told, untold
from training.dataset import Document
from training.tune import TuningProgress


class Listener:
    """Hears of all that a learning does, in this order. This one ignores it, and sets no time budget."""

    def remembering(self) -> Told:
        """The base model reads the sentences that tell what is forgotten."""
        return untold

    def begin(self, tasks: int, replayed: int, validation: Sequence[Document], choices: Sequence[int]) -> None:
        """The tuning begins, on tasks and replayed texts.

        An evaluation reads the validation documents. `choices` are the characters that models read at each call of
        `choosing`, in its order.
        """

    def tuning(self, name: str, more: int) -> None:
        """A tuning begins, if the learning has several: what it is for, and how many come after it."""

    def stepped(self, progress: TuningProgress) -> None:
        """The tuning has done a step."""

    def evaluating(self, done: float) -> None:
        """The share of an evaluation of the tuning that is done."""

    def last_step(self) -> int | None:
        """The step after which each tuning ends to keep a time budget; None until that is decided, or without one."""
        return None

    def choosing(self, detail: str) -> Told:
        """A tuning has ended, and models read texts for the next choice."""
        return untold
