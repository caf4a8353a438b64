"""The time budget of a run: how many steps it leaves each of the run's tunings.

The number is decided once, in the first tuning. All tunings of the run have it, those of the folds as well as the
version's own, so that what judges has learnt as long as what is judged.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from service.files import replace_text

log = logging.getLogger(__name__)

FEWEST_STEPS = 50
"""A time budget leaves a tuning at least so many steps: with fewer, nothing is learnt."""
LAST_STEPS = 20
"""Steps of the first tuning after the one at which the number is decided, at least: the average of the weights needs
some."""
FILE = "budget.json"


class Decision(msgspec.Struct):
    """How many steps each tuning has, as the run's folder keeps it."""

    identity: str
    steps: int
    suffices: bool
    """Whether the time is enough for these steps."""


class Budget:
    """The time budget of one run, whose tunings would have `planned` steps without it.

    What is decided is kept in the run's folder, so a restart decides nothing anew. `identity` says what the run learns
    from and how: what another run has decided is not used.
    """

    def __init__(self, minutes: float, planned: int, folder: Path, identity: str) -> None:
        self.minutes = minutes
        self._planned = planned
        self._file = folder / FILE
        self._identity = identity
        self._decision = self._kept()

    @property
    def steps(self) -> int | None:
        """The steps of each tuning; None until they are decided."""
        return self._decision.steps if self._decision else None

    def decide(self, possible: int, step: int) -> None:
        """Decide the number of steps, and keep it: for `possible` there is time, and `step` of the first tuning are
        done. Raises OSError."""
        steps = min(max(possible, FEWEST_STEPS, step + LAST_STEPS), self._planned)
        self._decision = Decision(self._identity, steps, steps <= possible)
        replace_text(self._file, msgspec.json.encode(self._decision).decode())
        log.info("the time budget leaves %d of %d steps", steps, self._planned)

    @property
    def notes(self) -> list[str]:
        """What the budget has changed, and whether the run keeps it; empty if it changes nothing."""
        decided, budget = self._decision, f"the time budget of {self.minutes:g} minutes"
        if decided is None or (decided.suffices and decided.steps == self._planned):
            return []
        had = f"Because of {budget} the tuning had {decided.steps} of {self._planned} steps."
        if decided.suffices:
            return [had]
        least = f"With at least {decided.steps} steps the run takes longer than {budget}: set SPANLOOP_MINUTES higher."
        return [had, least] if decided.steps < self._planned else [least]

    def _kept(self) -> Decision | None:
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=Decision)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return kept if kept.identity == self._identity else None
