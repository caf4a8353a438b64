"""Whether people keep fewer of the live version's spans than they kept of the version before it, and what follows."""

from __future__ import annotations

import logging
from collections.abc import Callable

from service.backend.line import ChangeRefused
from service.backend.protocols import Rollout
from service.backend.truth.reconciliation import Reconciliation
from service.backend.truth.standing import Standing, fall
from service.versions.history import Conflict
from service.versions.names import version_of

log = logging.getLogger(__name__)

CREDIBLE = 0.99
"""The probability from which on a rollback is proposed.

The figures are looked at while the tasks come in, and each look may be the one that errs. A test simulates it: of
versions that are as good as the ones before them, about one in twenty is ever proposed. At 0.95 it would be one in
five.
"""
VERSIONS_TOLD = 5
"""The metrics tell of so many versions, those that were live last."""

GiveUp = Callable[[str, str], object]
"""Makes the version before the live one live again: the live version's name, and why."""


class Acceptance:
    """The figures of the live version and the one before it. Only the thread that calls `tick` changes anything."""

    def __init__(
        self, reconciliation: Reconciliation, rollout: Rollout, initial: str, give_up: GiveUp, rolls_back: bool
    ) -> None:
        """`initial`: the initial model's name; `rolls_back`: whether a rollback is done instead of proposed."""
        self.reconciliation = reconciliation
        self._rolls_back = rolls_back
        self._rollout = rollout
        self._initial = initial
        self._give_up = give_up
        self._refused = ""
        """Why the last rollback was refused; empty where none was."""

    @property
    def rolls_back(self) -> bool:
        """Whether a rollback that is proposed is done: the setting says so, and the last one was not refused."""
        return self._rolls_back and not self._refused

    @property
    def versions(self) -> list[str]:
        """The versions that were live last, the newest first, VERSIONS_TOLD at most."""
        changes = [self._named(change.reference) for change in reversed(self._rollout.history.changes)]
        return list(dict.fromkeys([self._rollout.version, *changes, self._initial]))[:VERSIONS_TOLD]

    @property
    def standings(self) -> list[Standing]:
        """Those of `versions` that people have worked with."""
        return [standing for version in self.versions if (standing := self._standing(version))]

    @property
    def live(self) -> Standing | None:
        """The version that answers; None while nobody has worked with its predictions."""
        return self._standing(self._rollout.version)

    @property
    def before(self) -> Standing | None:
        """The version that a rollback would bring back; None where there is none, or nobody has worked with it.

        None also during a rollout.
        """
        history, version = self._rollout.history, self._rollout.version
        before = self._named(history.previous)
        if not history.changes or self._named(history.live) != version or before == version:
            return None
        return self._standing(before)

    @property
    def fall(self) -> float | None:
        """The probability that the live version's acceptance is below that of the one before; None if not known."""
        return fall(self.live, self.before)

    @property
    def proposal(self) -> str:
        """Why the live version should be rolled back, in words; empty where it should not."""
        return _proposal(self.live, self.before)

    def hint(self) -> None:
        """An event says that annotations changed."""
        self.reconciliation.hint()

    def tick(self) -> None:
        """Look at people's work if it is time. Where the setting says so, roll back after a look that proposes it."""
        if self.reconciliation.tick() and self._rolls_back:
            live = self.live  # asked once: another version may go live at any time, and must not be given up for it
            why = _proposal(live, self.before)
            if live and why:
                self._roll_back(live.version, why)

    def _roll_back(self, version: str, why: str) -> None:
        try:
            self._give_up(version, f"{version} was rolled back. {why}")
        except (Conflict, ChangeRefused) as error:
            if str(error) != self._refused:
                log.warning("%s stays live, though a rollback is proposed: %s", version, error)
            self._refused = str(error)
        else:
            self._refused = ""
            log.warning("version %s was rolled back: %s", version, why)

    def _standing(self, version: str) -> Standing | None:
        return self.reconciliation.totals.standings.get(version)

    def _named(self, reference: str) -> str:
        return version_of(reference) or self._initial


def _proposal(live: Standing | None, before: Standing | None) -> str:
    """Why a version should be rolled back to the one before it, in words; empty where it should not."""
    probability = fall(live, before)
    if probability is None or probability < CREDIBLE or not (live and before):
        return ""
    return f"People keep fewer of its spans than of those before: {_kept(live)}, {_kept(before)}."


def _kept(standing: Standing) -> str:
    """How many of a version's spans people kept, in words."""
    percent = round(100 * standing.acceptance.value) if standing.acceptance else 0
    return f"{percent} of 100 of {standing.version} on {standing.tasks} tasks"
