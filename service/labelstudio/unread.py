"""Why a task's text was not read."""

from __future__ import annotations

from service.errors import Cause


class Unread(ValueError):
    """A task has no text that can be read; says why, in words that hold nothing of the task's own text.

    `is_lasting` tells that the task itself is the reason: asked again as it is, it stays unread.
    """

    def __init__(self, reason: str, cause: Cause, is_lasting: bool = True) -> None:
        super().__init__(reason)
        self.cause = cause
        self.is_lasting = is_lasting


def no_text(where: str) -> Unread:
    """Nothing stands where the label config says that the text is."""
    return Unread(f"no text under {where}", Cause.NO_TEXT)


def is_whole(text: str) -> bool:
    """Whether a text is one of Unicode: half a surrogate pair, which JSON can hold, is nothing a tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
