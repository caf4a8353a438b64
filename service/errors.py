"""The causes of errors: a closed set. Exceptions name their cause, and a metric counts errors by cause."""

from __future__ import annotations

from enum import StrEnum

LATE = "not reached in time"
"""How the reason begins of a text that has no answer since there was no time for it: a smaller request may have it."""


class Cause(StrEnum):
    """Why a request, a text or a background check of the backend failed."""

    BAD_REQUEST = "bad_request"
    """A request body is not JSON or not of the expected shape, or names a run that does not exist."""
    BAD_CONFIG = "bad_config"
    """A label config cannot be used."""
    TOO_LARGE = "too_large"
    """A body or a text is over its limit."""
    UNAUTHORIZED = "unauthorized"
    """A request came without the right credentials."""
    BUSY = "busy"
    """A prediction waited for a free place until its deadline."""
    BAD_TEXT = "bad_text"
    """A text cannot be read or prepared for the model."""
    UNKNOWN_WORDS = "unknown_words"
    """The model's tokenizer does not know most words of a text, or any words of its labels."""
    NO_TEXT = "no_text"
    """A task has no text where the label config says that its text is."""
    NO_LABELS = "no_labels"
    """A task lacks the labels that the label config says it brings."""
    TEXT_FETCH = "text_fetch"
    """A text at an address could not be fetched, or may not be."""
    MODEL_FAILED = "model_failed"
    """The model failed on a text."""
    DEADLINE = "deadline"
    """A text was not reached in time."""
    NO_MODEL = "no_model"
    """The extractor has no model."""
    MODEL_LOAD = "model_load"
    """A model could not be loaded, or did not find the spans of its canaries."""
    SIGNATURE = "signature"
    """A version was refused: it is not as somebody with a trusted key has signed it."""
    EXTRACTOR_UNREACHABLE = "extractor_unreachable"
    """No pod of the extractor answered in time."""
    EXTRACTOR_ANSWER = "extractor_answer"
    """The extractor refused a request, or its answer cannot be read."""
    LABEL_STUDIO_UNREACHABLE = "label_studio_unreachable"
    """Label Studio does not answer or refuses the API key."""
    CLUSTER_API = "cluster_api"
    """The Kubernetes API server refused a request or was not reached."""
    REGISTRY = "registry"
    """The registry of versions refused a request or was not reached."""
    RUN_START = "run_start"
    """A run could not be started or resumed."""
    INTERNAL = "internal"
    """Anything else; the log has the details."""


def cause_of(error: BaseException, otherwise: Cause = Cause.INTERNAL) -> Cause:
    """The cause in the attribute `cause` of an error; `otherwise` if the error has none."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, Cause) else otherwise
