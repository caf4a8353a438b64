"""The settings of a backend on a cluster; the chart sets them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from service.backend.settings import BackendSettings
from service.settings import RegistrySettings


class ReleaseSettings(RegistrySettings):
    """Which release this is, and how its versions are rolled out."""

    namespace: str = ""
    """The namespace of the release."""
    release: str = ""
    """The full name of the release: its objects' names begin with it, and it is a label of theirs."""
    extractor_deployment: str = ""
    """The name of the extractor's Deployment."""
    rollout_seconds: float = Field(600, gt=0)
    """So long the extractor's pods may take to become ready with a new version; then it is taken back."""


class ClusterSettings(BackendSettings, ReleaseSettings):
    """What a backend that holds no model can be told."""

    extractor_url: str = ""
    """Where the extractor is."""
    job_template: Path = Path("/etc/spanloop/training/job.yaml")
    """The file with the training Job's manifest, from the chart."""
    lease: str = "spanloop-backend"
    """The name of the Lease that makes one backend the leader."""
    idle_seconds: float = Field(0, ge=0)
    """After so long without a request the extractor rests with no pod; 0: never."""
    keep_runs: int = Field(10, ge=1)
    """So many ended training Jobs are kept."""
