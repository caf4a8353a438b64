"""A model and the version that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from service.model.model import Model


class Loaded(NamedTuple):
    """A model that answers, and what it calls itself."""

    version: str
    model: Model
    seconds: float = 0.0
    """How long it took to load."""
