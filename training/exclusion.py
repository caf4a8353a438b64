"""The annotators and the tasks that a run leaves out because it was told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from service.labelstudio.errors import LabelStudioError
from training.omissions import Omission

TASK = "all of a task: it is excluded"


def of_annotator(annotator: int) -> str:
    """Why an annotation is left out."""
    return f"all of an annotation: annotator {annotator} is excluded"


class UnknownAnnotator(LabelStudioError):
    """Label Studio has no user with an e-mail address that is excluded."""


class Exclusion(NamedTuple):
    """Ids of users and tasks in Label Studio."""

    annotators: frozenset[int] = frozenset()
    tasks: frozenset[int] = frozenset()

    def told(self, omissions: Iterable[Omission]) -> Iterator[str]:
        """What is excluded, and what of it no project has, as sentences. `omissions` are those of the run."""
        if self.annotators:
            yield f"Annotations of these annotators are excluded: {_listed(self.annotators)}."
        if self.tasks:
            yield f"These tasks are excluded: {_listed(self.tasks)}."
        found = {(one.reason, one.task) for one in omissions}
        missing = self.tasks - {task for reason, task in found if reason == TASK}
        if missing:
            yield f"No annotated task has the excluded ids {_listed(missing)}."
        reasons = {reason for reason, _ in found}
        absent = {one for one in self.annotators if of_annotator(one) not in reasons}
        if absent:
            yield f"No annotation is by the excluded annotators {_listed(absent)}."


NOTHING = Exclusion()


def resolve(annotators: Iterable[str], tasks: Iterable[int], emails: Callable[[], Mapping[int, str]]) -> Exclusion:
    """The exclusion of annotators, by their ids or e-mail addresses, and of tasks.

    `emails` gives the addresses of all users by their ids; it is asked only for an address. Raises UnknownAnnotator.
    """
    named = {name.strip().lower() for name in annotators}
    addresses = sorted(name for name in named if not name.isdecimal())
    ids = {email.lower(): user for user, email in emails().items()} if addresses else {}
    unknown = [address for address in addresses if address not in ids]
    if unknown:
        raise UnknownAnnotator(
            f"Label Studio has no user {', '.join(unknown)}, whose annotations are to be excluded. Name an e-mail "
            "address or id that Label Studio shows under Organization."
        )
    users = {int(name) for name in named if name.isdecimal()} | {ids[address] for address in addresses}
    return Exclusion(frozenset(users), frozenset(tasks))


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(str(one) for one in sorted(ids))
