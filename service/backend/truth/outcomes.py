"""What became of each predicted and each annotated span of a task. Pure functions.

The spans are matched in this order, and each span is in one pair at most:

1. `accepted`: the same start, end and label.
2. `relabelled`: the same start and end, another label. Of several labels the first by the alphabet.
3. `moved`: the same label, and at least one character in common. Pairs with most characters in common come first; of
   pairs with as many, the one whose predicted span begins first, then ends first, then whose annotated span does.
4. `removed`: a predicted span that is in no pair. `missed`: an annotated span that is in no pair.

So a span of which a person changed both the boundaries and the label is removed, and another was made.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Literal, NamedTuple, get_args

from service.labelstudio.marks import Mark

Outcome = Literal["accepted", "moved", "relabelled", "missed", "removed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Place(NamedTuple):
    """What is counted: spans of one label with one outcome.

    The label is the predicted one; of a missed span, which none was predicted for, it is the annotated one.
    """

    label: str
    outcome: Outcome


def compare(predicted: Set[Mark], annotated: Set[Mark]) -> Counter[Place]:
    """The number of spans by label and outcome. A pair of a predicted and an annotated span counts once."""
    found: Counter[Place] = Counter()
    kept = predicted & annotated
    found.update(Place(mark.label, "accepted") for mark in kept)
    left, made = set(predicted - kept), set(annotated - kept)
    _pair(left, made, _relabelled(left, made), "relabelled", found)
    _pair(left, made, _moved(left, made), "moved", found)
    found.update(Place(mark.label, "removed") for mark in left)
    found.update(Place(mark.label, "missed") for mark in made)
    return found


def _pair(
    left: set[Mark], made: set[Mark], pairs: Iterable[tuple[Mark, Mark]], outcome: Outcome, found: Counter[Place]
) -> None:
    """Match pairs in order, count them, and take them from the spans that are left."""
    for before, after in pairs:
        if before in left and after in made:
            found[Place(before.label, outcome)] += 1
            left.remove(before)
            made.remove(after)


def _relabelled(predicted: Iterable[Mark], annotated: Iterable[Mark]) -> list[tuple[Mark, Mark]]:
    """The pairs of the same boundaries, in the order in which they are to be matched."""
    of = _grouped(annotated, lambda mark: mark[:3])
    return sorted((one, other) for one in predicted for other in of[one[:3]])


def _moved(predicted: Iterable[Mark], annotated: Iterable[Mark]) -> list[tuple[Mark, Mark]]:
    """The pairs of the same label that share characters, in the order in which they are to be matched."""
    of = _grouped(annotated, lambda mark: (mark.control, mark.label))
    pairs = ((one, other) for one in predicted for other in _near(one, of[one.control, one.label]))
    return sorted(filter(lambda pair: _shared(*pair), pairs), key=lambda pair: (-_shared(*pair), *pair))


def _shared(one: Mark, other: Mark) -> int:
    """How many characters two marks of one text have in common."""
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def _grouped(marks: Iterable[Mark], key: Callable[[Mark], tuple[object, ...]]) -> defaultdict[object, list[Mark]]:
    groups: defaultdict[object, list[Mark]] = defaultdict(list)
    for mark in sorted(marks):
        groups[key(mark)].append(mark)
    return groups


def _near(one: Mark, group: Sequence[Mark]) -> Sequence[Mark]:
    """The marks of a group, by ascending starts, without most of those that share no character with `one`."""
    longest = max((other.end - other.start for other in group), default=0)
    first = bisect_right(group, one.start - longest, key=lambda other: other.start)
    return group[first : bisect_left(group, one.end, key=lambda other: other.start)]
