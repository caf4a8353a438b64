"""`python -m service.versions.pull FOLDER`: download the live version's model before an extractor starts.

This program does not import torch.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from service import logs
from service.settings import LiveSettings, RegistrySettings, SignatureSettings, TerminationSettings
from service.versions import lineage as lineages
from service.versions.lineage import FormatError
from service.versions.oci.bentos import Bentos
from service.versions.oci.errors import RegistryError
from service.versions.reference import Reference
from service.versions.signature import SignatureRefused
from service.versions.staging import workplace
from service.versions.store import UnknownVersion
from service.versions.trust import Trust

log = logging.getLogger("service.versions.pull")  # __name__ is __main__

EXIT_FAILED = 1
"""The pull failed, for example since the registry is down."""
EXIT_REFUSED = 5
"""The version was refused for its signature. Another try would end the same way."""

UNUSED_SECONDS = 30 * 24 * 3600
"""A cached model that no pod has started with for this long is deleted. For a month a rollback needs no download."""

MODELS_KEPT = 2
"""Cached models that stay beside the live one at any age. A version that has served for months still serves while its
successor starts and after that was taken back: its containers must start again without another download."""


class PullSettings(LiveSettings, RegistrySettings, SignatureSettings, TerminationSettings):
    """The settings of the pull."""


def main(
    folder: Annotated[Path, typer.Argument(help="Directory in which the model gets a folder of its version's name.")],
) -> None:
    """Write the model of the version that SPANLOOP_LIVE names. If it names none, the base model serves.

    A downloaded model is checked before it is put there; a model that is there already is checked when it is loaded.
    """
    settings = PullSettings()
    logs.configure(settings.log_json)
    if not settings.live:
        log.info("no version is live: the base model serves")
        return
    try:
        reference = Reference.parse(settings.live)
        _note_use(folder / reference.version)
        _delete_unused(folder, reference.version)
        # Only the repository that is set is asked: `pull_model` refuses a reference to any other.
        lineage = Bentos.connect(settings.registry, settings.registry_plain_http).pull_model(
            reference, folder / reference.version, Trust.of(settings).check_model
        )
    except (ValueError, RegistryError, UnknownVersion, FormatError, SignatureRefused) as error:
        log.error("%s", error)
        if settings.termination_log:
            settings.termination_log.write_text(str(error), encoding="utf-8")
        sys.exit(EXIT_REFUSED if isinstance(error, SignatureRefused) else EXIT_FAILED)
    log.info("version %s is in %s", lineage.version, folder)


def _note_use(model: Path) -> None:
    """Set the modification time of a cached model to now. A model that is not cached is new after its pull.

    The pull begins after that: a pod that still deletes the model for its old time has done so by then.
    """
    try:
        os.utime(model)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("the use of version %s could not be noted in the cache: %s", model.name, error)


def _delete_unused(folder: Path, live: str) -> None:
    """Delete cached models that no pod has used for long. Other pods may do so in the same folder at the same time.

    A model that cannot be deleted is logged and stays; the extractor starts all the same.
    """
    others = [file.parent for file in folder.glob(f"[!.]*/{lineages.FILE}") if file.parent.name != live]
    for model in sorted(others, key=_used, reverse=True)[MODELS_KEPT:]:
        if not _is_unused(model):
            continue
        try:
            # A pull of this model locks the same workplace: it waits, and never finds half of the model.
            with workplace(folder / f".{model.name}.part") as stage:
                if _is_unused(model):
                    model.rename(stage / model.name)
                    log.info("version %s was deleted from the cache: no pod has started with it for long", model.name)
        except OSError as error:
            log.warning("version %s could not be deleted from the cache and stays: %s", model.name, error)


def _is_unused(model: Path) -> bool:
    return 0 < _used(model) < time.time() - UNUSED_SECONDS


def _used(model: Path) -> float:
    """When a pod last started with a model, in seconds since the epoch; 0 if another pod has deleted it."""
    try:
        return model.stat().st_mtime
    except FileNotFoundError:
        return 0.0


if __name__ == "__main__":
    typer.run(main)
