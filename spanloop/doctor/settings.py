"""The settings of `spanloop doctor`: those of what it looks at."""

from __future__ import annotations

from service.backend.cluster.settings import ReleaseSettings
from service.settings import BasicAuthSettings, HomeSettings, LabelStudioSettings, ModelSettings

OF_A_RELEASE = frozenset({"label_studio_url", "label_studio_api_key", "model", "registry", "backend_url"})
"""Settings of a release that only the environment of its own pods has."""


class DoctorSettings(ReleaseSettings, ModelSettings, HomeSettings, LabelStudioSettings, BasicAuthSettings):
    """What `spanloop doctor` reads."""

    backend_url: str = "http://127.0.0.1:9090"
    """The backend's own address: it is asked how it stands."""

    @property
    def unnamed(self) -> frozenset[str]:
        """The settings of a release that nobody has named here."""
        named = {"label_studio_api_key"} if self.label_studio_api_key_file else set()
        return OF_A_RELEASE - self.model_fields_set - named

    def of(self, namespace: str, release: str) -> DoctorSettings:
        """These settings, for a release that is looked at from outside its pods."""
        address = f"http://{release}-backend.{namespace}.svc.cluster.local:9090"
        return self.model_copy(
            update={
                "namespace": namespace,
                "release": release,
                "extractor_deployment": f"{release}-extractor",
                "backend_url": address if "backend_url" in self.unnamed else self.backend_url,
            }
        )
