"""The settings of a pre-labelling, from the environment; what a backend reads as well has the same name there."""

from __future__ import annotations

from pydantic import Field

from service.settings import BasicAuthSettings, HomeSettings, JobSettings, LabelStudioSettings


class PrelabelSettings(HomeSettings, LabelStudioSettings, BasicAuthSettings, JobSettings):
    """What `python -m service prelabel` can be told."""

    backend_url: str = "http://127.0.0.1:9090"
    """The backend's own address: it is asked for predictions, and which version is live."""
    prelabel_pause: float = Field(0, ge=0)
    """A pre-labelling rests after each batch for so many times as long as the batch took; 0: not at all."""
    prelabel_settle: float = Field(150, ge=0)
    """Seconds after which Label Studio stores no predictions any more that it gave no answer for; a pre-labelling waits
    for them before it looks for predictions that came twice. Label Studio's image ends a request after 120 seconds"""
