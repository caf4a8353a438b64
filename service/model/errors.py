"""Why a model cannot do what was asked."""

from __future__ import annotations

from service.errors import Cause


class ModelError(RuntimeError):
    """A model could not be loaded or cannot do what was asked. The message says what to do."""


class TooLong(ModelError):
    """A label's wording takes more than half of the window."""

    cause = Cause.BAD_CONFIG


class Unread(ModelError):
    """The tokenizer does not know the words of a text."""

    cause = Cause.UNKNOWN_WORDS


class UnknownLabels(Unread):
    """The tokenizer does not know the words of any label that was asked for."""
