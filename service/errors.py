"""Why something could not be answered: a closed set, which errors name and metrics count."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """What kept a request or a text from its answer, or the backend from what it looks after."""

    BAD_REQUEST = "bad_request"
    """A body that is no JSON or not of the expected shape; a run that there is not."""
    BAD_CONFIG = "bad_config"
    """A label config that cannot be used."""
    TOO_LARGE = "too_large"
    """A body or a text over its limit."""
    UNAUTHORIZED = "unauthorized"
    BUSY = "busy"
    """As many predictions as there are places for, until the deadline."""
    BAD_TEXT = "bad_text"
    """A text that cannot be read or prepared for the model."""
    NO_TEXT = "no_text"
    """A task that has nothing where the label config says that its text is."""
    NO_LABELS = "no_labels"
    """A task that has not the labels that the label config says it brings."""
    TEXT_FETCH = "text_fetch"
    """A text at an address that may not be asked, or gave none."""
    MODEL_FAILED = "model_failed"
    """A text that the model failed on."""
    DEADLINE = "deadline"
    """A text that was not reached in time."""
    NO_MODEL = "no_model"
    """The extractor has no model (yet)."""
    MODEL_LOAD = "model_load"
    """A model that could not be loaded, or does not find what it must."""
    EXTRACTOR_UNREACHABLE = "extractor_unreachable"
    """No pod of the extractor answered in time."""
    EXTRACTOR_ANSWER = "extractor_answer"
    """The extractor refused what it was asked, or its answer cannot be read."""
    LABEL_STUDIO_UNREACHABLE = "label_studio_unreachable"
    """Label Studio does not answer, or refuses the API key."""
    CLUSTER_API = "cluster_api"
    """Kubernetes' API server refused a request or was not reached."""
    REGISTRY = "registry"
    """The registry of versions did not do what was asked."""
    RUN_START = "run_start"
    """A run that could not be started or resumed."""
    INTERNAL = "internal"
    """Anything else; the log has it."""


def cause_of(error: BaseException, otherwise: Cause = Cause.INTERNAL) -> Cause:
    """The cause that an error names in its attribute `cause`; `otherwise` where it names none."""
    found = getattr(error, "cause", None)
    return found if isinstance(found, Cause) else otherwise
