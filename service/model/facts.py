"""Small files of facts beside a model's weights, which say how it is served."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError


class FactsError(ValueError):
    """A file beside the weights cannot be used. The message says why."""


class Facts(BaseModel):
    """What a file says. `format` is raised when an older release would understand a file otherwise."""

    format: int


Kind = TypeVar("Kind", bound=BaseModel)


def read(path: Path, kind: type[Kind], newest: int) -> Kind:
    """The facts in a file; those by default where there is none.

    Raises FactsError for a file of a newer format than `newest`, or one that cannot be read.
    """
    if not path.exists():
        return kind()
    text = path.read_text(encoding="utf-8")
    try:
        found = Facts.model_validate_json(text).format
        if found <= newest:
            return kind.model_validate_json(text)
    except ValidationError as error:
        raise FactsError(f"{path} cannot be read: {error}. Publish or pull the version again.") from error
    raise FactsError(f"{path} has format {found}; this Spanloop reads up to {newest}: upgrade Spanloop to serve it.")
