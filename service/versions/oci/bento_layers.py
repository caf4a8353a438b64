"""The parts of a version in the local store, and how parts become a version in a store again.

The code (`src`) and the weights of each model are parts of their own, and so are the base model's weights in it. Their
bytes do not depend on the version's name, so they are not sent to a registry that has them. The files that name the
version are in a small part, the description.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from service.model.learnt import BASE_WEIGHTS
from service.versions import judgement, sbom, signature
from service.versions import lineage as lineages
from service.versions.oci import layers
from service.versions.oci.manifest import (
    CODE_LAYER,
    DESCRIPTION_LAYER,
    MODEL_LAYER,
    MODEL_TAG_ANNOTATION,
    TITLE_ANNOTATION,
)
from service.versions.reference import is_version
from service.versions.store import BENTO_NAME, COMPLETE_MARKER, MODEL_NAME, BentoStore

_IN_CODE = (lineages.FILE, "bentofile.yaml")
_IN_MODEL = (lineages.FILE, lineages.REPORT_FILE, judgement.FILE, sbom.FILE, signature.FILE, "model.yaml")
"""Files among the code and the weights that name the version or say how it was judged or made, and its signature."""


@dataclass(frozen=True)
class Part:
    """The content of a layer: its media type, its files by their names in it, and its annotations."""

    media_type: str
    files: dict[str, Path]
    annotations: dict[str, str]


def bento_folder(home: Path, version: str) -> Path:
    """Where BentoML's store under `home` keeps a version's Bento."""
    return home / "bentos" / BENTO_NAME / version


def model_folder(home: Path, tag: str) -> Path:
    """Where BentoML's store keeps the model NAME:VERSION. Raises LayerError for a tag of another form."""
    name, _, version = tag.partition(":")
    if not is_version(name) or not is_version(version):
        raise layers.LayerError(f"{tag!r} is no name of a model")
    return home / "models" / name / version


def split(home: Path, version: str) -> list[Part]:
    """The parts of a complete version in the store under `home`. Raises LayerError."""
    bento = bento_folder(home, version)
    inside = bento.relative_to(home).as_posix()
    files = layers.entries(bento)
    files.pop(COMPLETE_MARKER, None)  # a pull writes it anew, once the version is complete there
    code = {name.removeprefix("src/"): path for name, path in files.items() if name.startswith("src/")}
    described = {f"{inside}/{name}": path for name, path in files.items() if not name.startswith("src/")}
    described |= {f"{inside}/src/{name}": code.pop(name) for name in _IN_CODE if name in code}
    models = []
    for tag in _models(bento):
        folder = model_folder(home, tag)
        weights = layers.entries(folder)
        where = folder.relative_to(home).as_posix()
        described |= {f"{where}/{name}": weights.pop(name) for name in _IN_MODEL if name in weights}
        base = {BASE_WEIGHTS: weights.pop(BASE_WEIGHTS)} if BASE_WEIGHTS in weights else {}
        name = tag.partition(":")[0]
        for title, part in ((name, weights), (f"{name}-base", base)):
            if part:
                models.append(Part(MODEL_LAYER, part, {TITLE_ANNOTATION: f"{title}.tar", MODEL_TAG_ANNOTATION: tag}))
    return [
        Part(DESCRIPTION_LAYER, described, {TITLE_ANNOTATION: "description.tar"}),
        Part(CODE_LAYER, code, {TITLE_ANNOTATION: "code.tar"}),
        *models,
    ]


def unpack(part: Path, media_type: str, annotations: dict[str, str], home: Path, version: str) -> None:
    """Write a downloaded part to its place in a store under `home`. Raises LayerError."""
    if media_type == CODE_LAYER:
        folder = bento_folder(home, version) / "src"
    elif media_type == MODEL_LAYER:
        folder = model_folder(home, annotations.get(MODEL_TAG_ANNOTATION, ""))
    elif media_type == DESCRIPTION_LAYER:
        folder = home
    else:
        raise layers.LayerError(f"there is a layer of an unknown kind, {media_type}")
    folder.mkdir(parents=True, exist_ok=True)
    layers.unpack(part, folder)


def described(description: bytes, tag: str, name: str) -> bytes | None:
    """A file of the model NAME:VERSION in a description; None if there is none. Raises LayerError."""
    return layers.file(description, (model_folder(Path(), tag) / name).as_posix())


def install(stage: Path, store: BentoStore, version: str, models: list[str]) -> None:
    """Move a version from the store under `stage` into `store`. Its marker, the last step, makes it visible."""
    for tag in models:
        target = model_folder(store.home, tag)
        if tag == f"{MODEL_NAME}:{version}" or not target.exists():  # other versions share the rest
            _replace(model_folder(stage, tag), target)
    _replace(bento_folder(stage, version), bento_folder(store.home, version))
    (bento_folder(store.home, version) / COMPLETE_MARKER).touch()


def _replace(source: Path, target: Path) -> None:
    """Move a directory to `target`, in place of what a killed publication or pull left there."""
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _models(bento: Path) -> list[str]:
    """The tags of a Bento's models."""
    content = yaml.safe_load((bento / "bento.yaml").read_text(encoding="utf-8"))
    owners = [content, *(content.get("services") or [])]
    return list(dict.fromkeys(str(model["tag"]) for owner in owners for model in owner.get("models") or []))
