"""Which labels a version has learnt: a small file beside the weights. The base model answers all others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from service.model import facts

FORMAT = 1
FILE = "learnt.json"
BASE_WEIGHTS = "base.safetensors"
"""The base model's weights beside the version's own."""


class Learnt(BaseModel):
    """The labels that a version has learnt, as the wordings that the model is asked with; none for a base model."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    labels: tuple[str, ...] = ()

    def divides(self, labels: Iterable[str]) -> bool:
        """Whether some of these labels were learnt, but not all."""
        return len({label in self.labels for label in labels}) > 1


def read(folder: Path) -> Learnt:
    """Which labels the version in a directory has learnt.

    Raises FactsError for a file of a newer format or one that cannot be read.
    """
    return facts.read(folder / FILE, Learnt, FORMAT)


def write(folder: Path, learnt: Learnt) -> None:
    """Write which labels were learnt into a version's directory."""
    content = learnt.model_dump_json(indent=1)
    (folder / FILE).write_text(content, encoding="utf-8")
