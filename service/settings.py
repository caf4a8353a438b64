"""Settings from the environment (prefix SPANLOOP_), in groups: a program's settings are the groups that it reads.

The programs' classes are in `service.backend.local.settings`, `service.backend.cluster.settings`,
`service.extractor.settings`, `service.versions.pull` and `training.settings`.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service import processors
from service.mounted import MountedSecret

ROOT = Path(__file__).parent.parent
STARTER = ROOT / "starter" / "model"

LINEAGE = ROOT / "lineage.json"
"""The lineage of a Bento's version, which lies beside the code in the Bento."""


def embedded_model() -> str:
    """The directory of the model that comes with the code: the Bento's model, or the starter in a checkout."""
    if not LINEAGE.exists():
        return str(STARTER)
    import bentoml  # only a served Bento asks its store

    version = json.loads(LINEAGE.read_text(encoding="utf-8"))["version"]
    return str(bentoml.models.get(f"spanloop-model:{version}").path)


def _strip(value: object) -> object:
    """Strip a secret: one that was read from a file often ends in a line feed, which no header can carry."""
    return value.strip() if isinstance(value, str) else value


Secret = Annotated[SecretStr, BeforeValidator(_strip)]


class Settings(BaseSettings):
    """The settings of every program. Subclasses add those that only some programs read; docs/settings.md lists all."""

    model_config = SettingsConfigDict(
        env_prefix="SPANLOOP_",
        env_ignore_empty=True,
        extra="ignore",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # it would show secrets
    )

    log_json: bool = False
    """Whether logs are JSON lines."""


class HomeSettings(Settings):
    """Where a program keeps its state."""

    home: Path = Path("~/.spanloop")
    """The directory that holds the state: the versions, the runs, and which version is live."""

    @cached_property
    def folder(self) -> Path:
        """The absolute path of the home directory, which is created if it is missing."""
        folder = self.home.expanduser().absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


class ModelSettings(Settings):
    """The base model."""

    model: str = Field(default_factory=embedded_model)
    """The base model: a directory, or the name of a GLiNER on the hub."""
    window_words: int = Field(0, ge=0)
    """The most words in a window of the base model, which reads longer texts in several windows; 0: as many as its
    directory says, or its own limit. A run chooses the length for the version that it makes."""

    convert_pickle: bool = False
    """Whether a base model whose weights are there as a pickle alone (`pytorch_model.bin`) is converted to safetensors,
    once. Otherwise it is refused: a hostile pickle can run any program."""

    @field_validator("model")
    @classmethod
    def _absolute(cls, value: str) -> str:
        """Make a directory's path absolute: a run does not share the backend's working directory."""
        return str(Path(value).expanduser().absolute()) if Path(value).expanduser().is_dir() else value


class ComputeSettings(ModelSettings):
    """What a model computes with."""

    device: str = "auto"
    """The model's device, as torch names it; `auto`: a GPU if torch finds one."""
    threads: int = Field(0, ge=0)
    """Number of the model's threads; 0: one for each processor that the container is granted."""

    @property
    def compute_threads(self) -> int:
        return self.threads or processors.available()


class PredictionSettings(ModelSettings):
    """The settings that decide a prediction, besides those of the project."""

    threshold: float | None = Field(None, ge=0, lt=1)
    """Lowest probability of a predicted span; 0 or empty: the thresholds that a run chose for its version, and 0.5 for
    a version that has none."""

    @field_validator("threshold")
    @classmethod
    def _own(cls, value: float | None) -> float | None:
        """None for 0: a model takes None for the thresholds of its version."""
        return value or None


class TextSettings(Settings):
    """Which texts are read."""

    text_hosts: str = ""
    """Hosts that texts are fetched from where a tag has valueType="url", separated by commas: names
    (`files.example.com`), all names of a domain (`*.example.com`), addresses or networks (`10.0.0.0/8`); a name or
    address may have a port. A name that leads to a private address needs that address here too. Empty: nothing is
    fetched."""


class LiveSettings(Settings):
    """Which version an extractor serves."""

    live: str = ""
    """The live version in the extractor's pod template, `repository:VERSION@sha256:…`; empty for the base model."""


class ServerSettings(Settings):
    """What a program accepts over HTTP."""

    max_body_mb: int = Field(50, gt=0)
    """Largest request, in MiB."""


class LabelStudioSettings(Settings):
    """How Label Studio is reached."""

    label_studio_url: str = ""
    """Label Studio's address. Training needs it and the API key."""
    label_studio_public_url: str = ""
    """The address at which people open Label Studio, for links on the page and in reports; empty: the same address."""
    label_studio_api_key: Secret = SecretStr("")
    """A personal access token or a legacy token."""
    label_studio_api_key_file: Path | None = None
    """A file that holds the API key, where the variable does not. Its content counts as soon as it changes."""

    _key_in_file: MountedSecret | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _read_the_key(self) -> Self:
        """Raises ValueError if the file cannot be read."""
        if self.label_studio_api_key_file and not self.label_studio_api_key.get_secret_value():
            self._key_in_file = MountedSecret(self.label_studio_api_key_file)
        return self

    @property
    def api_key(self) -> str:
        """The API key as it is now; empty if none is set."""
        return self._key_in_file.read() if self._key_in_file else self.label_studio_api_key.get_secret_value()


class AnnotationSettings(Settings):
    """How much must be annotated."""

    min_annotations: int = Field(10, ge=1)
    """Least number of annotated tasks that a run needs. The backend shows it."""


class Login(NamedTuple):
    """A user name and its password."""

    username: str
    password: str

    @property
    def is_set(self) -> bool:
        return bool(self.username or self.password)


class BasicAuthSettings(Settings):
    """The credentials of the backend."""

    basic_auth_username: str = ""
    """The user name that every request must carry, except event webhooks: Label Studio sends none with them."""
    basic_auth_password: Secret = SecretStr("")
    """The password that belongs to the user name."""
    basic_auth_folder: Path | None = None
    """A folder with the files `username` and `password`, in place of the two variables. Their content counts as soon as
    it changes."""

    _files: tuple[MountedSecret, MountedSecret] | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _read_the_login(self) -> Self:
        """Raises ValueError if a file cannot be read, or is empty: nobody is let in for want of a password."""
        if self.basic_auth_folder:
            folder = self.basic_auth_folder
            self._files = MountedSecret(folder / "username"), MountedSecret(folder / "password")
            if not all(file.read() for file in self._files):
                raise ValueError(f"username or password in {folder} is empty")
        return self

    @property
    def login(self) -> Login:
        """The credentials as they are now."""
        if self._files:
            username, password = self._files
            return Login(username.read(), password.read())
        return Login(self.basic_auth_username, self.basic_auth_password.get_secret_value())


class TerminationSettings(Settings):
    """On a cluster: where a program that ends says how."""

    termination_log: Path | None = None
    """The file of the pod's termination message, in which the program leaves its outcome."""


class JobSettings(TerminationSettings):
    """On a cluster: what a program in a Job's pod shows."""

    progress_port: int = Field(0, ge=0, le=65535)
    """The port on which the program answers /progress and /metrics while it runs; 0: none."""


Policy = Literal["require", "warn", "off"]


class SignatureSettings(Settings):
    """Which versions are trusted."""

    verify: Policy = "off"
    """Whether a version must be signed by a trusted key before it is loaded. `require`: another one is refused; `warn`:
    it is loaded, and the log says why it is not to be trusted; `off`: no signature is looked at."""
    trusted_keys: Path | None = None
    """A file with a public key or a certificate in PEM, or a directory of such files. What one of these keys has signed
    is trusted."""

    @field_validator("trusted_keys")
    @classmethod
    def _trusted_absolute(cls, value: Path | None) -> Path | None:
        """Make the path absolute: a run does not share the backend's working directory."""
        return value.expanduser().absolute() if value else None


class SigningSettings(Settings):
    """How versions are signed."""

    signing_key: Path | None = None
    """The file with the private key, of an elliptic curve and in PEM, by which published versions are signed. Without
    one they are not signed."""

    @field_validator("signing_key")
    @classmethod
    def _key_absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value else None


class RegistrySettings(Settings):
    """On a cluster: where Bentos are published."""

    registry: str = ""
    """The registry's repository for Bentos, `host[:port]/repository`."""
    registry_plain_http: bool = False
    """Whether the registry is reached without TLS."""
