"""How a version reads texts: a small file beside the weights, so that serving reads as the run did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt

from service.model import facts

FORMAT = 1
FILE = "reading.json"

Rung = Literal["words", "digits", "pieces", "characters"]
"""How finely a text is cut, from coarse to fine.

words: as GLiNER cuts; digits: also between letters, digits, hyphens, underscores and letters of another script, and
behind zero-width non-joiners; pieces: also where the model's tokenizer cuts a word; characters: between all grapheme
clusters.
"""

Overlap = Literal["flat", "nested", "multi"]
"""Which spans of a text may share words.

flat: none; nested: spans of which one contains the other; multi: also several labels on one span.
"""


class Reading(BaseModel):
    """How a model cuts texts into words and windows, and which of the spans that it finds are taken."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    rungs: Mapping[str, Rung] = {}
    """By the Unicode name of a script, such as Latin or Han. Other scripts have the rung of a base model."""
    window_words: PositiveInt | None = None
    """The most words in a window; None for the model's own limit."""
    overlap: Overlap = "flat"

    @property
    def changes(self) -> dict[str, Any]:
        """What predicts otherwise than GLiNER's words, the model's own windows and flat spans, by field."""
        finer = {script: rung for script, rung in self.rungs.items() if rung != "words"}
        return self.model_copy(update={"rungs": finer}).model_dump(exclude_defaults=True)


def read(folder: Path) -> Reading:
    """The reading in a model's directory; the default one for a model that has none.

    Raises FactsError for a file of a newer format or a file that cannot be read.
    """
    return facts.read(folder / FILE, Reading, FORMAT)


def write(folder: Path, reading: Reading) -> None:
    """Write the reading into a model's directory."""
    (folder / FILE).write_text(reading.model_dump_json(indent=1), encoding="utf-8")
