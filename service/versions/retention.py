"""Which published versions stay and which may be deleted: one rule for a local store and for a registry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import Enum

from service.versions.reference import Reference


class Stays(Enum):
    """Why a version stays."""

    NEW = "new"
    """It is one of the newest."""
    IN_USE = "in use"
    """It is live, or is being rolled out, or a rollback would make it live."""
    TAGGED = "tagged"
    """Another tag names it too: somebody keeps it on purpose."""


def retained(
    published: Sequence[Reference], keep: int, in_use: Iterable[str], tagged: Collection[str] = ()
) -> dict[str, Stays]:
    """The versions that stay, each with the first reason that applies; any other version may be deleted.

    `published` is ordered newest first; its first `keep` versions stay. A reference in `in_use` keeps the version that
    has its name or its digest. `tagged` holds the names of versions that other tags name too. Raises ValueError if
    `keep` is negative or a reference cannot be read.
    """
    if keep < 0:
        raise ValueError(f"{keep} versions cannot be kept; nothing was deleted.")
    used = [Reference.parse(text) for text in in_use if text]
    names, digests = {reference.version for reference in used}, {reference.digest for reference in used} - {""}
    stays: dict[str, Stays] = {}
    for place, reference in enumerate(published):
        if place < keep:
            stays[reference.version] = Stays.NEW
        elif reference.version in names or reference.digest in digests:
            stays[reference.version] = Stays.IN_USE
        elif reference.version in tagged:
            stays[reference.version] = Stays.TAGGED
    return stays
