"""What the model is asked with for the labels of each project, for the status page."""

from __future__ import annotations

from collections.abc import Sequence

from service.labelstudio.controls import Control

LABELS_TOLD = 200
"""So many labels of a project are told."""


class Wordings:
    """The wordings of the projects that /setup was asked for since this backend started."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[str, str], ...]] = {}

    def keep(self, project: int, controls: Sequence[Control]) -> None:
        """Take over a project's label config."""
        found = dict(label for control in controls for label in control.labels)
        own = [control.labels_value for control in controls if control.labels_value]
        each = {f"those under {value}": "each task's own labels" for value in own}
        self._known[project] = tuple([*found.items(), *each.items()][:LABELS_TOLD])

    def of(self, project: int) -> tuple[tuple[str, str], ...]:
        """The labels of a project, each with its wording; none where they are not known."""
        return self._known.get(project, ())
