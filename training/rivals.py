"""The published versions that a run's version is judged against."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import msgspec

from service.model.model import Model
from service.versions import lineage as lineages
from service.versions.history import INITIAL
from service.versions.judgement import PREDICTIONS_FILE
from service.versions.lineage import Lineage
from service.versions.names import version_of
from service.versions.verdict import NEW
from training.judge.sequential import tries
from training.judge.sheet import Sheet
from training.shelf import Shelf

log = logging.getLogger(__name__)


class Version(NamedTuple):
    """A published version: its lineage, and how its model is loaded."""

    lineage: Lineage
    load: Callable[[], Model]
    sheet: Callable[[], Sheet | None]
    """What its own run has judged it by; None where that was not kept."""


class Champion(NamedTuple):
    """The live version."""

    name: str
    """Its version, or its reference in a registry; empty for the initial model."""
    version: Version | None
    """None if the initial model is live, the base model."""
    tries: int
    """How many versions were judged against it, with the run's own."""


class Rivals:
    """The rivals of the version `own`, which may be published already.

    `base` is the name of the base model's version. `load` loads a published version by its name or reference.
    """

    def __init__(self, shelf: Shelf, base: str, own: str, load: Callable[[str], Model]) -> None:
        self._shelf = shelf
        self._base = base
        self._own = own
        self._load = load

    def champion(self) -> Champion:
        """The version that is live now. Raises what the shelf raises."""
        live = self._shelf.champion()
        tried = tries(self._shelf.versions(), version_of(live) or self._base, self._own)
        if live == INITIAL:
            return Champion(live, None, tried)
        lineage = lineages.read(self._shelf.fetch(live))
        return Champion(live, self._version(lineage, live), tried)

    def others(self, most: int) -> list[Version]:
        """At most so many of the latest versions beside the live one."""
        known = {version_of(self._shelf.champion()), self._own}
        others = [lineage for lineage in self._shelf.versions() if lineage.version not in known]
        return [self._version(lineage, lineage.version) for lineage in others[:most]]

    def _version(self, lineage: Lineage, name: str) -> Version:
        return Version(lineage, partial(self._load, name), cache(partial(self._sheet, name)))

    def _sheet(self, name: str) -> Sheet | None:
        file = self._shelf.fetch(name) / PREDICTIONS_FILE
        try:
            sheet = msgspec.json.decode(file.read_bytes(), type=Sheet)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            log.warning("what version %s was judged by cannot be read, and does not count: %s", name, error)
            return None
        return sheet if len(sheet.answers.get(NEW, ())) == len(sheet.documents) else None
