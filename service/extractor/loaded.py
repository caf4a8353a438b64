"""A loaded model and its version."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from service.model.model import Model


class Loaded(NamedTuple):
    """A model that is ready to answer, and its version."""

    version: str
    model: Model
    seconds: float = 0.0
    """Seconds that loading and checking took."""
