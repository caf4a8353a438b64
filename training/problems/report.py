"""What was found in the annotations of some projects."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from service.labelstudio.client import task_address
from training.problems.agreement import Agreement
from training.problems.contradictions import Contradiction
from training.problems.doubts import DoubtfulTask


class Report(msgspec.Struct, frozen=True):
    """The problems. It holds pieces of the users' texts, so it stays on the machine."""

    url: str
    """Label Studio's address."""
    tasks: int
    """Annotated tasks that were read."""
    doubtful: list[DoubtfulTask]
    contradictions: list[Contradiction]
    agreement: Agreement
    emails: Mapping[int, str]
    """The annotators' e-mail addresses by their ids, as far as Label Studio tells them."""
    notes: list[str]
    """What else to know, in whole sentences."""

    def json(self) -> str:
        """The report, with the address of each task in Label Studio in the field `link`."""
        told = msgspec.to_builtins(self)
        for one in (*told["doubtful"], *(version for text in told["contradictions"] for version in text["versions"])):
            one["link"] = self.link(one["project"], one["task"])
        return msgspec.json.format(msgspec.json.encode(told), indent=1).decode()

    def link(self, project: int, task: int) -> str:
        """The address of a task in Label Studio."""
        return task_address(self.url, project, task)

    def name(self, annotator: int) -> str:
        """An annotator as a person knows one: the e-mail address, else the id."""
        return self.emails.get(annotator, str(annotator)) if annotator else "unknown"
