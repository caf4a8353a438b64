"""What became of the spans that were found in a text, and of those that are annotated there. Pure functions.

A judge asks it of a model's answers, and people's work answers it of the predictions that they corrected. The spans are
matched in this order, and each span is in one pair at most:

1. `right`: the same start, end and label.
2. `relabelled`: the same start and end, another label. Of several labels the first by the alphabet.
3. `shifted`: the same label, and at least one character in common. Pairs with most characters in common come first; of
   pairs with as many, the one whose found span begins first, then ends first, then whose annotated span does.
4. `missed`: an annotated span that is in no pair. `added`: a found span that is in no pair.

So a span with other boundaries and another label is added, and the annotated one is missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from service.model.spans import touching

Region = tuple[int, int, str]
"""Start, end and label of a span; start and end are code points of the text, the end exclusive."""


class Fate(StrEnum):
    """What became of a span."""

    RIGHT = "right"
    RELABELLED = "relabelled"
    """These words were found with another label."""
    SHIFTED = "shifted"
    """A span of this label was found that begins or ends elsewhere."""
    MISSED = "missed"
    """Nothing of this label was found there."""
    ADDED = "added"
    """A span was found that is not annotated. This is no fate of an annotated span."""


class Fated(NamedTuple):
    """An annotated span, what was found of it, or both."""

    fate: Fate
    annotated: Region | None
    """None for an added span."""
    found: Region | None
    """None for a missed span."""

    @property
    def span(self) -> Region:
        """The annotated span; the found one where none is annotated."""
        return next(one for one in (self.annotated, self.found) if one)


def fates(annotated: Iterable[Region], found: Iterable[Region]) -> list[Fated]:
    """What became of the annotated and the found spans of one text, by their fate. Repetitions of a span count once."""
    wanted, left = set(annotated), set(found)
    kept = wanted & left
    pairs = [Fated(Fate.RIGHT, one, one) for one in sorted(kept)]
    wanted, left = wanted - kept, left - kept
    for fate, candidates in ((Fate.RELABELLED, _relabelled), (Fate.SHIFTED, _shifted)):
        for before, after in candidates(left, wanted):
            if before in left and after in wanted:
                pairs.append(Fated(fate, after, before))
                left.remove(before)
                wanted.remove(after)
    missed = (Fated(Fate.MISSED, one, None) for one in sorted(wanted))
    return [*pairs, *missed, *(Fated(Fate.ADDED, None, one) for one in sorted(left))]


def _relabelled(found: Iterable[Region], annotated: Iterable[Region]) -> list[tuple[Region, Region]]:
    """The pairs of the same boundaries, in the order in which they are to be matched."""
    alike = _grouped(annotated, lambda region: region[:2])
    return sorted((one, other) for one in found for other in alike[one[:2]])


def _shifted(found: Iterable[Region], annotated: Iterable[Region]) -> list[tuple[Region, Region]]:
    """The pairs of the same label that share characters, in the order in which they are to be matched."""
    ours, theirs = (_grouped(regions, lambda region: region[2]) for regions in (found, annotated))
    pairs = (pair for label, of_label in ours.items() for pair in touching(of_label, theirs[label]))
    return sorted(pairs, key=lambda pair: (-_shared(*pair), *pair))


def _grouped(regions: Iterable[Region], key: Callable[[Region], object]) -> defaultdict[object, list[Region]]:
    """The regions by a key, each group by ascending starts."""
    groups: defaultdict[object, list[Region]] = defaultdict(list)
    for region in sorted(regions):
        groups[key(region)].append(region)
    return groups


def _shared(one: Region, other: Region) -> int:
    """How many characters two regions that touch have in common."""
    return min(one[1], other[1]) - max(one[0], other[0])
