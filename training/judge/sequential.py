"""How certain a gain must be after so many tries against the same live version.

Each run is a draw: of many versions that are no better one looks better by chance. So the tries against one live
version share a risk. Try k may spend risk / (k·(k + 1)) of it, which sums up to the risk over any number of tries
(alpha-spending, an alpha-investing rule: Foster and Stine, α-investing: a procedure for sequential control of expected
false discoveries, 2008; Tian and Ramdas, Online control of the familywise error rate, 2021). A promotion begins anew.
So a live version is replaced by one that is no better with a probability of at most the risk, and over a project's life
the expected number of such promotions is at most the risk times the number of all promotions and one.

The bound takes each probability as true given what happened before. The held-out texts are the same from try to try:
the live version was chosen on them, so it looks rather too good, and a new one is judged the more strictly for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from service.versions.lineage import Lineage


def level(tries: int, risk: float) -> float:
    """What of the risk the last of so many tries may spend; tries count from 1."""
    return risk / (tries * (tries + 1))


def tries(versions: Iterable[Lineage], champion: str, own: str) -> int:
    """How many versions were judged against a champion, with the version `own`, which may be published already.

    Versions that were deleted count, too, as long as a later one is there: each says which try it was.
    """
    others = [one for one in versions if one.champion == champion and one.version != own]
    return 1 + max(len(others), *(one.verdict.tries for one in others if one.verdict), 0)
