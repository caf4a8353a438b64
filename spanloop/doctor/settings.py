"""The settings of `spanloop doctor`: those of what it looks at."""

from __future__ import annotations

from service.backend.cluster.settings import ReleaseSettings
from service.settings import BasicAuthSettings, HomeSettings, LabelStudioSettings, ModelSettings


class DoctorSettings(ReleaseSettings, ModelSettings, HomeSettings, LabelStudioSettings, BasicAuthSettings):
    """What `spanloop doctor` reads."""

    backend_url: str = "http://127.0.0.1:9090"
    """The backend's own address: it is asked how it stands."""
