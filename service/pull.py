"""`python -m service.pull FOLDER`: bring the live version's model to an extractor, before it starts. No torch here."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from service import logs
from service.lineage import FormatError
from service.oci.bentos import Bentos
from service.oci.errors import RegistryError
from service.oci.reference import Reference
from service.registry import UnknownVersion
from service.settings import Settings

log = logging.getLogger("service.pull")  # __name__ is __main__


def main(
    folder: Annotated[Path, typer.Argument(help="Where the model goes, in a directory of its version's name.")],
) -> None:
    """Write the model of the version that SPANLOOP_LIVE names; without one nothing: the base model serves."""
    settings = Settings()
    logs.configure(settings.log_json)
    if not settings.live:
        log.info("no version is live: the base model serves")
        return
    try:
        reference = Reference.parse(settings.live)
        repository = str(reference.repository or settings.registry)
        lineage = Bentos.connect(repository, settings.registry_plain_http).pull_model(
            reference, folder / reference.version
        )
    except (ValueError, RegistryError, UnknownVersion, FormatError) as error:
        log.error("%s", error)
        sys.exit(1)
    log.info("version %s is in %s", lineage.version, folder)


if __name__ == "__main__":
    typer.run(main)
