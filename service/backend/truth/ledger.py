"""What was counted of a project: of each annotated task its latest state, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from service.backend.truth.places import Place, compare
from service.backend.truth.tally import Tally, added
from service.labelstudio.work import Work


class Counted(NamedTuple):
    """What is kept of a task."""

    spans: tuple[tuple[str, tuple[tuple[Place, int], ...]], ...]
    """The number of spans by label and fate, of each version whose predictions work on the task began with."""
    left_out: tuple[str, ...]
    """Why annotations are not counted, one reason for each of them."""


class Ledger:
    """The annotated tasks of one project, and the tallies of its versions.

    To count a task again takes out what was counted of it. What is equal is kept once: a task takes under 1 KB.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, Counted] = {}
        self._alike: dict[Counted, Counted] = {}
        self._tallies: dict[str, Tally] = {}
        self._left_out: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._tasks)

    def count(self, task: int, works: Iterable[Work | str]) -> None:
        """Count a task as it stands: the work of each of its annotations, or why that is not counted."""
        spans: dict[str, Counter[Place]] = {}
        left_out: list[str] = []
        for work in works:
            if isinstance(work, str):
                left_out.append(work)
            else:
                spans.setdefault(work.version, Counter()).update(compare(work.predicted, work.annotated))
        made = Counted(tuple((one, tuple(sorted(of.items()))) for one, of in sorted(spans.items())), tuple(left_out))
        counted = self._alike.setdefault(made, made)
        self._forget(task)
        self._tasks[task] = counted
        self._left_out.update(counted.left_out)
        for version, of_version in counted.spans:
            self._tallies.setdefault(version, Tally()).add(dict(of_version))

    def keep(self, tasks: Set[int]) -> None:
        """Forget all tasks but these."""
        for task in self._tasks.keys() - tasks:
            self._forget(task)

    def tallies(self) -> Mapping[str, Tally]:
        """The tally of each version that has tasks, as it is now."""
        return {version: added([tally]) for version, tally in self._tallies.items() if tally.tasks}

    def left_out(self) -> Counter[str]:
        """The number of annotations that are not counted, by reason."""
        return +self._left_out

    def _forget(self, task: int) -> None:
        counted = self._tasks.pop(task, None)
        if counted is not None:
            self._left_out.subtract(counted.left_out)
            for version, of_version in counted.spans:
                self._tallies[version].remove(dict(of_version))
