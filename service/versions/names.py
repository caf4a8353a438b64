"""The names of versions: the initial model's, those in references, and those that Label Studio stores."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from service.model.reading import Overlap
from service.versions import lineage
from service.versions.reference import Reference

PREDICTION_CODE = 2
"""Raise it with every change of the code that changes predictions for the same model, labels and threshold."""

SAMPLE_BYTES = 1 << 20


def initial_version(source: str, window_words: int = 0) -> str:
    """The name of the base model, with the length of its windows where a setting gives one."""
    return f"{_named(source)}-w{window_words}" if window_words else _named(source)


def _named(source: str) -> str:
    """The last part of `source`, and for a directory six hex digits of its content.

    A directory that holds a published version has that version's name.

    The digits hash the size, the first and the last MiB of each file: hashing gigabytes would delay every start.
    """
    name = re.sub(r"[^a-z0-9._-]+", "-", Path(source).name.lower()).strip("-._") or "model"
    folder = Path(source)
    if not folder.is_dir():
        return name
    if (folder / lineage.FILE).exists():
        return lineage.read(folder).version
    if name == "model":
        name = re.sub(r"[^a-z0-9._-]+", "-", folder.absolute().parent.name.lower()).strip("-._") or name
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.suffix in (".json", ".safetensors", ".bin"):
            digest.update(f"{path.name}\n{path.stat().st_size}\n".encode())
            with path.open("rb") as opened:
                digest.update(opened.read(SAMPLE_BYTES))
                opened.seek(max(0, path.stat().st_size - SAMPLE_BYTES))
                digest.update(opened.read(SAMPLE_BYTES))
    return f"{name}-{digest.hexdigest()[:6]}"


def version_of(reference: str) -> str:
    """The version's name in a reference (`repository:VERSION@sha256:…` or VERSION); empty for the initial model.

    Text that is no reference is returned as it is: anybody can write an annotation.
    """
    try:
        return Reference.parse(reference).version if reference else ""
    except ValueError:
        return reference


def suffix(
    labels: str, threshold: float | None, thresholds: Mapping[str, float] | None = None, overlap: Overlap | None = None
) -> str:
    """Six hex digits for what decides a prediction besides the version.

    Label Studio skips tasks that hold a prediction of the version that /setup names, so a new label, wording,
    threshold, way of decoding or prediction code must give another name. `labels` is the canonical text of the config's
    controls, `threshold` is None for that of the version, `thresholds` are those of single labels, and `overlap` is the
    way that a project sets, if it sets one.
    """
    own = f"{json.dumps(dict(thresholds), sort_keys=True)}\n" if thresholds else ""
    way = f"{overlap}\n" if overlap else ""
    content = f"{PREDICTION_CODE}\n{threshold!r}\n{own}{way}{labels}"
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def seen_version(
    version: str,
    labels: str,
    threshold: float | None,
    thresholds: Mapping[str, float] | None = None,
    overlap: Overlap | None = None,
) -> str:
    """The version as Label Studio stores it, with the `suffix` of what else decides a prediction."""
    return with_suffix(version, suffix(labels, threshold, thresholds, overlap))


def with_suffix(version: str, suffix: str) -> str:
    """The version as Label Studio stores it for a project whose suffix is known."""
    return f"{version}.{suffix}"
