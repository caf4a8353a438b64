"""The text of a task as one control shows it, plain or HTML: what is read, and how a stretch of it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from service.labelstudio.hypertext import render
from service.labelstudio.label_config import Control, text_of


class Passage(Protocol):
    """A text and the regions of Label Studio in it. Offsets are code points of `text`, ends exclusive."""

    @property
    def text(self) -> str: ...

    def value(self, start: int, end: int) -> dict[str, Any]:
        """A stretch as in a region's value, without its labels. Raises ValueError where it cannot be stored."""
        ...

    def offsets(self, value: Mapping[str, Any]) -> tuple[int, int] | None:
        """The stretch that a region's value marks; None where it marks none of this text."""
        ...


class PlainText:
    """The text of a Text tag."""

    def __init__(self, text: str) -> None:
        self.text = text

    def value(self, start: int, end: int) -> dict[str, Any]:
        return {"start": start, "end": end, "text": self.text[start:end]}

    def offsets(self, value: Mapping[str, Any]) -> tuple[int, int] | None:
        start, end = value.get("start"), value.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(self.text):
            return start, end
        return None


def passage_of(data: Mapping[str, object], control: Control) -> Passage | None:
    """The passage that a control marks in a task's data; None where there is none, or nothing to read in it."""
    source = text_of(data, control)
    if source is None:
        return None
    passage: Passage = render(source, control.is_inline) if control.is_hypertext else PlainText(source)
    return passage if passage.text.strip() else None
