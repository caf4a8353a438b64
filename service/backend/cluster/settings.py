"""The settings of a backend on a cluster; the chart sets them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from service.backend.settings import BackendSettings
from service.settings import RegistrySettings, SignatureSettings


class ReleaseSettings(RegistrySettings, SignatureSettings):
    """Which release this is, and how its versions are rolled out."""

    namespace: str = ""
    """The namespace of the release."""
    release: str = ""
    """The full name of the release, with which its objects' names begin and which is a label of them."""
    extractor_deployment: str = ""
    """The name of the extractor's Deployment."""
    rollout_seconds: float = Field(600, gt=0)
    """Seconds in which the extractor's pods must become ready with a new version; otherwise it is taken back."""


class ClusterSettings(BackendSettings, ReleaseSettings):
    """The settings of a backend that holds no model."""

    extractor_url: str = ""
    """The address of the extractor."""
    job_template: Path = Path("/etc/spanloop/training/job.yaml")
    """The file with the training Job's manifest, from the chart."""
    prelabel_template: Path = Path("/etc/spanloop/prelabel/job.yaml")
    """The file with the manifest of a pre-labelling's Job, from the chart."""
    lease: str = "spanloop-backend"
    """The name of the Lease that makes one backend the leader."""
    idle_seconds: float = Field(0, ge=0)
    """Seconds without a request after which the extractor is scaled to zero pods; 0: never."""
    keep_runs: int = Field(10, ge=1)
    """Number of ended training Jobs that are kept."""
