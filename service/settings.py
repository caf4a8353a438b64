"""The settings of the serving side, from the environment (prefix SPANLOOP_)."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service import processors

ROOT = Path(__file__).parent.parent
STARTER = ROOT / "starter" / "model"

LINEAGE = ROOT / "lineage.json"
"""Lies beside the code in a Bento: which version the Bento brings."""


def embedded_model() -> str:
    """The model that comes with the code: in a Bento the Bento's, in a checkout the starter."""
    if not LINEAGE.exists():
        return str(STARTER)
    import bentoml  # only a served Bento asks its store

    version = json.loads(LINEAGE.read_text(encoding="utf-8"))["version"]
    return str(bentoml.models.get(f"spanloop-model:{version}").path)


Probability = Annotated[float, Field(gt=0, lt=1)]


class Settings(BaseSettings):
    """What the backend and its extractor can be told; README.md has the same table in words."""

    model_config = SettingsConfigDict(env_prefix="SPANLOOP_", env_ignore_empty=True, extra="ignore")

    model: str = Field(default_factory=embedded_model)
    """The base model: a local directory, or the name of a GLiNER on the hub."""
    device: str = "auto"
    """What the model computes on, as torch names it; auto: a GPU where torch finds one."""
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """What the model serves in; auto: bf16 where the device multiplies it in hardware (fp16 on other GPUs), else fp32.
    int8 is quicker still on a processor, and finds a little less. Runs learn and judge in fp32."""
    threshold: Probability = 0.5
    home: Path = Path("~/.spanloop")
    """Where state is kept: the store of versions, the runs, which version is live."""
    live: str = ""
    """The live version in the extractor's pod template, `repository:VERSION@sha256:…`; empty for the base model."""
    pulled: Path | None = None
    """Where an extractor's init container puts the live version's model, in a directory of the version's name."""
    registry: str = ""
    """On a cluster: where Bentos are published, `host[:port]/repository`."""
    registry_plain_http: bool = False
    namespace: str = ""
    release: str = ""
    """On a cluster: the full name of the release: its objects' names begin with it, and it is a label of theirs."""
    extractor_url: str = ""
    """Where the extractor is, for a backend that holds no model."""
    extractor_deployment: str = ""
    job_template: Path = Path("/etc/spanloop/training/job.yaml")
    """The training Job's manifest, from the chart."""
    lease: str = "spanloop-backend"
    rollout_seconds: float = Field(600, gt=0)
    """So long the extractor's pods may take to become ready with a new version; then it is taken back."""
    idle_seconds: float = Field(0, ge=0)
    """After so long without a request the extractor rests with no pod; 0: never."""
    keep_runs: int = Field(10, ge=1)
    """So many ended training Jobs are kept."""
    metrics_open: bool = False
    """Whether /metrics is answered without credentials: a network policy says who reaches it."""
    label_studio_url: str = ""
    label_studio_api_key: SecretStr = SecretStr("")
    basic_auth_username: str = ""
    basic_auth_password: SecretStr = SecretStr("")
    predict_deadline: float = Field(90, gt=0, le=95)
    """Seconds after which /predict answers with what it has; Label Studio waits 100."""
    max_body_mb: int = Field(50, gt=0)
    max_text_characters: int = Field(1_000_000, gt=0)
    retrain_every: int = Field(0, ge=0)
    """Start a run by itself after so many new annotations; 0: never."""
    retrain_minimum: int = Field(10, ge=1)
    """Fewest new annotations for a run that was asked for by the submission of an annotation."""
    retrain_quiet: float = Field(20, ge=0)
    """Seconds without another submission before such a run starts."""
    run_attempts: int = Field(3, ge=1)
    """How often a run whose process died is started again; it goes on from its checkpoint."""
    threads: int = Field(0, ge=0)
    """Threads the model computes with; 0: one for each processor that the container is granted."""
    log_json: bool = False

    @field_validator("label_studio_api_key", "basic_auth_password", mode="before")
    @classmethod
    def _strip(cls, value: object) -> object:
        """A secret read from a file often ends in a line feed, which no header can carry."""
        return value.strip() if isinstance(value, str) else value

    @field_validator("model")
    @classmethod
    def _absolute(cls, value: str) -> str:
        """A directory by its whole path: a run does not share the backend's working directory."""
        return str(Path(value).expanduser().absolute()) if Path(value).expanduser().is_dir() else value

    @cached_property
    def folder(self) -> Path:
        """The home directory, made where it is missing."""
        folder = self.home.expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def compute_threads(self) -> int:
        return self.threads or processors.available()
