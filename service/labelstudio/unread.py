"""Why a task's text was not read."""

from __future__ import annotations

from service.errors import Cause


class Unread(ValueError):
    """A task has no text that can be read. The message says why, and quotes nothing of the task.

    `is_lasting`: the task itself is the reason, so it is not read either when it is asked for again.
    """

    def __init__(self, reason: str, cause: Cause, is_lasting: bool = True) -> None:
        super().__init__(reason)
        self.cause = cause
        self.is_lasting = is_lasting


def no_text(where: str) -> Unread:
    """The task has nothing where the label config says that its text is."""
    return Unread(f"no text under {where}", Cause.NO_TEXT)


def is_whole(text: str) -> bool:
    """Whether a text can be encoded. JSON can hold half a surrogate pair, and no tokenizer reads it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
