"""The base model: is it there, are its weights safetensors, can its configuration be read, and under which licence?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from service.model.weights import PICKLE, UNREAD, WEIGHTS
from service.settings import STARTER
from spanloop.doctor.finding import Finding, look, ok, unchecked, wrong
from spanloop.doctor.settings import DoctorSettings

CHECK, LICENCE = "The base model", "The model's licence"
CONFIGURATION = "gliner_config.json"
VARIABLE = "SPANLOOP_MODEL"

NO_ANSWER = "Nothing is pre-annotated, and no run can learn."
CHOOSE = f"Set {VARIABLE} to a GLiNER model: README.md has a table of them."
FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)


def checks(settings: DoctorSettings) -> list[Finding]:
    """What is to be said of the base model. Nothing is downloaded or loaded."""
    source = settings.model
    folder = Path(source) if Path(source).is_dir() else _kept(source)
    if folder is None:
        licence = unchecked(LICENCE, "the model is not on this machine")
        if settings.extractor_deployment:
            return [unchecked(CHECK, f"only the extractor's pods and runs hold {source}"), licence]
        return [_not_here(source), licence]
    return [_files(source, folder, settings.convert_pickle), _licence(folder)]


def _kept(name: str) -> Path | None:
    """The copy of a hub's model on this machine; None if there is none."""
    try:
        return Path(snapshot_download(name, ignore_patterns=[*UNREAD], local_files_only=True))
    except (LocalEntryNotFoundError, RepositoryNotFoundError, HfHubHTTPError, ValueError):
        return None


def _not_here(source: str) -> Finding:
    if re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        return look(
            CHECK,
            f"{source} is not on this machine.",
            "The first start downloads it from huggingface.co.",
            "Start the backend once while this machine reaches the hub, or download the model and set "
            f"{VARIABLE} to its directory.",
        )
    return wrong(CHECK, f"{source} is neither a directory nor the name of a model on the hub.", NO_ANSWER, CHOOSE)


def _files(source: str, folder: Path, may_convert: bool) -> Finding:
    """Whether a directory holds a GLiNER that is read."""
    try:
        is_configured = "model_name" in json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        is_configured = False
    if not is_configured:
        return wrong(CHECK, f"{folder} has no {CONFIGURATION} that can be read.", NO_ANSWER, CHOOSE)
    if not (folder / WEIGHTS).exists():
        return _without_weights(source, folder, may_convert)
    if folder == STARTER:
        return look(
            CHECK,
            "It is the embedded starter.",
            "The starter is for trying and testing only.",
            f"For real work: {CHOOSE}",
        )
    return ok(CHECK, f"{source} is there, with its weights as safetensors.")


def _without_weights(source: str, folder: Path, may_convert: bool) -> Finding:
    if not (folder / PICKLE).exists():
        return wrong(CHECK, f"{folder} has no {WEIGHTS}.", NO_ANSWER, f"Load the model again. {CHOOSE}")
    if may_convert:
        return ok(CHECK, f"{source} is there. Its weights are a pickle, and are converted once.")
    return wrong(
        CHECK,
        f"The weights of {source} are a pickle ({PICKLE}), which is not read.",
        f"{NO_ANSWER} A hostile pickle can run any program.",
        "Choose a model with safetensors. If you trust this one, set SPANLOOP_CONVERT_PICKLE=true (model.convertPickle "
        "in the chart).",
    )


def _licence(folder: Path) -> Finding:
    """What a model's card says of its licence."""
    card = folder / "README.md"
    front = FRONT_MATTER.match(card.read_text(encoding="utf-8", errors="replace")) if card.exists() else None
    try:
        said = yaml.safe_load(front[1]) if front else None
    except yaml.YAMLError:
        said = None
    licence = said.get("license") if isinstance(said, dict) else None
    if licence:
        return ok(LICENCE, f"Its card says {licence}. The versions that runs make have the same.")
    if folder == STARTER:
        return ok(LICENCE, "The starter is licensed under Apache-2.0.")
    return look(
        LICENCE,
        "The model has no card that names one.",
        "The versions that runs make have the licence of the base model.",
        "Ask whoever made the model what it may be used for.",
    )
