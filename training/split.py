"""The documents of a run by their purpose: to learn from, to stop by, to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from training.dataset import Document, divide, is_held_out


class TooFew(RuntimeError):
    """There are too few annotations to learn from or to judge by; the message says how many a run needs."""


class Split(NamedTuple):
    """The documents of a run by their purpose."""

    training: list[Document]
    validation: list[Document]
    held_out: list[Document]


def split(documents: Sequence[Document], wanted: int, notes: Sequence[str] = ()) -> Split:
    """Hold out documents by a hash of their text, and divide the others into training and validation.

    `wanted` is the least number of annotated tasks. Raises TooFew, whose message ends with the notes.
    """
    held_out = [document for document in documents if is_held_out(document.text)]
    rest = [document for document in documents if not is_held_out(document.text)]
    training, validation = divide(rest)
    annotated = len({(document.project, document.task) for document in documents})
    if annotated < wanted or not training or not any(document.spans for document in held_out):
        raise TooFew(
            f"{annotated} tasks are annotated, and {len(held_out)} texts are held out for judging. A run needs at "
            f"least {wanted} annotated tasks, and spans in the held-out texts: annotate more tasks, then press "
            "Start Training. Nothing was trained and the live version is untouched. " + " ".join(notes)
        )
    return Split(training, validation, held_out)
