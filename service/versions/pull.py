"""`python -m service.versions.pull FOLDER`: bring the live version's model to an extractor, before it starts.

No torch here.
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
from service.settings import LiveSettings, RegistrySettings
from service.versions import lineage as lineages
from service.versions.lineage import FormatError
from service.versions.oci.bentos import Bentos
from service.versions.oci.errors import RegistryError
from service.versions.reference import Reference
from service.versions.staging import workplace
from service.versions.store import UnknownVersion

log = logging.getLogger("service.versions.pull")  # __name__ is __main__

UNUSED_SECONDS = 30 * 24 * 3600
"""A model that no pod has started with for so long goes: a month of going back without a download, then the volume's
space is worth more."""

MODELS_KEPT = 2
"""So many models beside the live one stay, whatever their age. A version that served for months still does while its
successor starts, and after a successor that was taken back: its containers start again without another pull."""


class PullSettings(LiveSettings, RegistrySettings):
    """What the pull can be told."""


def main(
    folder: Annotated[Path, typer.Argument(help="Where the model goes, in a directory of its version's name.")],
) -> None:
    """Write the model of the version that SPANLOOP_LIVE names; without one nothing: the base model serves."""
    settings = PullSettings()
    logs.configure(settings.log_json)
    if not settings.live:
        log.info("no version is live: the base model serves")
        return
    try:
        reference = Reference.parse(settings.live)
        repository = str(reference.repository or settings.registry)
        _note_use(folder / reference.version)
        _delete_unused(folder, reference.version)
        lineage = Bentos.connect(repository, settings.registry_plain_http).pull_model(
            reference, folder / reference.version
        )
    except (ValueError, RegistryError, UnknownVersion, FormatError) as error:
        log.error("%s", error)
        sys.exit(1)
    log.info("version %s is in %s", lineage.version, folder)


def _note_use(model: Path) -> None:
    """Give a model that is there the time of now. One that is pulled is new anyway.

    Before it is pulled: who deletes it by its old time does so before the pull looks for it.
    """
    try:
        os.utime(model)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("that version %s is used could not be noted in the cache: %s", model.name, error)


def _delete_unused(folder: Path, live: str) -> None:
    """Delete the models that have not been used for long. Other pods may do the same in the same folder at once.

    What cannot be deleted is logged and stays: that is no reason not to serve.
    """
    others = [file.parent for file in folder.glob(f"[!.]*/{lineages.FILE}") if file.parent.name != live]
    for model in sorted(others, key=_used, reverse=True)[MODELS_KEPT:]:
        if not _is_unused(model):
            continue
        try:
            # The workplace of its pull: who pulls it waits, and never finds half of it.
            with workplace(folder / f".{model.name}.part") as stage:
                if _is_unused(model):
                    model.rename(stage / model.name)
                    log.info("version %s has left the cache: no pod has started with it for long", model.name)
        except OSError as error:
            log.warning("version %s could not be deleted from the cache and stays: %s", model.name, error)


def _is_unused(model: Path) -> bool:
    return 0 < _used(model) < time.time() - UNUSED_SECONDS


def _used(model: Path) -> float:
    """When a pod last started with a model, in seconds since the epoch; 0 where another pod has deleted it."""
    try:
        return model.stat().st_mtime
    except FileNotFoundError:
        return 0.0


if __name__ == "__main__":
    typer.run(main)
