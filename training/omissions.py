"""The annotated spans that a run does not learn, each with its place and the reason."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

CONTEXT_CHARACTERS = 20
"""Code points of the text that an excerpt shows before and behind a span."""
SPAN_CHARACTERS = 80
"""Code points of a long span that an excerpt shows."""


class Omission(NamedTuple):
    """A span that is not learnt or never answered, or with an empty label all of a task.

    `start` and `end` are code points of the text, end exclusive.
    """

    reason: str
    project: int = 0
    task: int = 0
    label: str = ""
    start: int = 0
    end: int = 0
    excerpt: str = ""


def excerpt(text: str, start: int, end: int) -> str:
    """A span of a text with some of what stands around it."""
    end = min(end, start + SPAN_CHARACTERS)
    return text[max(0, start - CONTEXT_CHARACTERS) : end + CONTEXT_CHARACTERS]


def write(path: Path, omissions: Iterable[Omission]) -> None:
    """Write one JSON object a line, readable by the owner alone. Without omissions there is no file."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        for omission in omissions:
            opened.write(json.dumps(omission._asdict()) + "\n")
    if partial.stat().st_size:
        partial.replace(path)
    else:
        partial.unlink()
        path.unlink(missing_ok=True)
