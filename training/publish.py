"""What a new version consists of: its name, digest, canaries and model files."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import yaml
from huggingface_hub import ModelCard, try_to_load_from_cache

from service import __version__
from service.model import base_model, calibration, learnt, reading
from service.model.model import Model
from service.model.reading import Reading
from service.model.told import Told, untold
from service.settings import ROOT
from service.versions import judgement, sbom
from service.versions import lineage as lineages
from service.versions.lineage import Canary, Lineage
from training.dataset import Document
from training.judge.sheet import Sheet
from training.judge.verdict import Verdict
from training.recipe import Recipe
from training.report.document import render
from training.report.sources import Sources

log = logging.getLogger(__name__)

CARD = "README.md"
CANARIES_MAX = 3
CANARY_MARGIN = 0.3
"""Least distance of a canary's scores from the threshold, because other processors round differently."""


def digest(documents: Sequence[Document], base: str, recipe: Recipe, reading: Reading, folds: int = 0) -> str:
    """The SHA-256 of what a version is made of: the documents' spans, the base model, the recipe and the reading.

    A reading that leaves texts as GLiNER cuts them adds nothing: versions from before there were readings keep their
    digests. With `folds` the version learns from all documents, and without from those that are not held out.
    """
    made_of: list[Any] = [base, asdict(recipe), *([reading.changes] if reading.changes else [])]
    made_of += [f"{folds} folds"] if folds else []
    content = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode())
    for document in sorted(documents, key=lambda d: (d.project, d.task, d.labels)):
        entry = [document.project, document.task, document.text, document.labels, [s[:3] for s in document.spans]]
        content.update(json.dumps(entry).encode())
    return content.hexdigest()


def name(started: datetime, of: str) -> str:
    """A version's name: the start of its run and six hex digits of its digest, so names sort by time.

    A resumed run makes the same name, so it replaces what a killed publication left.
    """
    return f"{started:%Y%m%d-%H%M%S}-{of[:6]}"


def canaries(
    model: Model, texts: Sequence[str], labels: Sequence[str], threshold: float | None, told: Told = untold
) -> tuple[Canary, ...]:
    """Up to CANARIES_MAX of `texts` that the model is certain about, with the spans it finds, most spans first.

    All labels have one threshold in a canary, without `threshold` the median of the model's own.
    `texts` are Spanloop's own sentences: no user's text goes into a version.
    """
    if not labels:
        return ()
    of_all, of_labels = model.calibration.decision(threshold)
    threshold = median(of_labels.get(label, of_all) for label in labels)
    found = zip(texts, model.extract(texts, labels, threshold, told), strict=True)
    sure = [(text, extraction) for text, extraction in found if extraction.certainty >= CANARY_MARGIN]
    sure.sort(key=lambda pair: -len(pair[1].spans))
    return tuple(
        Canary(
            text=text, labels=tuple(labels), threshold=threshold, spans=tuple(tuple(s[:3]) for s in extraction.spans)
        )
        for text, extraction in sure[:CANARIES_MAX]
    )


def save_model(model: Model, folder: Path) -> None:
    """Write a model to a folder that GLiNER can load: safetensors, with its reading, its calibration and its base model
    beside them."""
    gliner: Any = model.gliner
    gliner.save_pretrained(str(folder), safe_serialization=True)
    reading.write(folder, model.reading)
    calibration.write(folder, model.calibration)
    if model.base is not None:
        learnt.write(folder, model.learnt)
        base_model.write(folder, model.base)


def save_verdict(folder: Path, verdict: Verdict, sheet: Sheet) -> None:
    """Write a verdict, and the predictions that it was made from, into a version's model directory."""
    (folder / judgement.FILE).write_text(verdict.json(), encoding="utf-8")
    (folder / judgement.PREDICTIONS_FILE).write_bytes(msgspec.json.encode(sheet, order="deterministic") + b"\n")


def save_report(folder: Path, sources: Sources) -> None:
    """Write a version's report into its model directory."""
    (folder / lineages.REPORT_FILE).write_text(render(sources), encoding="utf-8")


def code_version() -> str:
    """The release and six hex digits of the sources' SHA-256, which differ in a changed checkout."""
    content = hashlib.sha256()
    for path in sorted([*ROOT.glob("service/**/*.py"), *ROOT.glob("training/**/*.py")]):
        content.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return f"{__version__}+{content.hexdigest()[:6]}"


def save_sbom(folder: Path, lineage: Lineage, base: str) -> None:
    """Write what the version was made with. `base` is the base model, a directory or a name on the hub."""
    (folder / sbom.FILE).write_bytes(sbom.of_version(lineage, licence_of(base)))


def licence_of(model: str) -> str:
    """The licence that a base model's card names; empty if there is no card, or it names none. The hub is not asked."""
    card = str(Path(model) / CARD) if Path(model).is_dir() else try_to_load_from_cache(model, CARD)
    if not isinstance(card, str) or not Path(card).is_file():
        return ""
    try:
        named = ModelCard.load(card, ignore_metadata_errors=True).data.license
    except (ValueError, yaml.YAMLError) as error:
        log.warning("the licence of the base model is not known, because its card cannot be read: %s", error)
        return ""
    return named if isinstance(named, str) else ", ".join(named or ())
