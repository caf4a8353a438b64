"""Which published versions stay and which may go: one rule for a local store and for a registry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import Enum

from service.versions.reference import Reference


class Stays(Enum):
    """Why a version stays."""

    NEW = "new"
    """It is one of the newest."""
    IN_USE = "in use"
    """It is live, or is to be, or a rollback brings it back."""
    TAGGED = "tagged"
    """Another tag names it too: somebody keeps it on purpose."""


def retained(
    published: Sequence[Reference], keep: int, in_use: Iterable[str], tagged: Collection[str] = ()
) -> dict[str, Stays]:
    """The versions that stay, each with the first reason that holds; any other version may be deleted.

    `published` comes newest first, and its `keep` first ones stay. `in_use` has references: one of a version's name or
    of its digest keeps it. `tagged` has the names of versions that other tags name too. Raises ValueError where `keep`
    is negative or a reference cannot be read.
    """
    if keep < 0:
        raise ValueError(f"{keep} versions cannot be kept; nothing was deleted.")
    used = [Reference.parse(one) for one in in_use if one]
    names, digests = {one.version for one in used}, {one.digest for one in used if one.digest}
    stays: dict[str, Stays] = {}
    for place, one in enumerate(published):
        if place < keep:
            stays[one.version] = Stays.NEW
        elif one.version in names or one.digest in digests:
            stays[one.version] = Stays.IN_USE
        elif one.version in tagged:
            stays[one.version] = Stays.TAGGED
    return stays
