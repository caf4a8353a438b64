"""How far a version's weights move: interpolated between the base model's and the tuned ones.

Weights on the way from a base model to a tuned one keep more of what the base model knows, and often lose little of
what was learnt (WiSE-FT; Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from service.model.told import Told, untold
from training.tune import Weights, weights_of

SHARES = (1.0, 0.85, 0.7, 0.55)
"""The shares of the tuned weights that are tried, the largest first. Below, too little of what was learnt is left."""
MARGIN = 0.002
"""A smaller share must have an F1 on the validation texts that is higher by more than this: less is chance."""


class Tried(NamedTuple):
    """A share of the tuned weights, and what it brings and costs."""

    share: float
    f1: float | None
    """On the validation texts; None without any."""
    forgotten: float
    """F1 on the guard sentences that is lost (see `Forgetting.expected`)."""


class Blend(NamedTuple):
    """The share that was chosen, and all that were tried."""

    share: float
    tried: tuple[Tried, ...]

    def told(self, limit: float) -> str:
        """The choice as a sentence."""
        listed = "; ".join(_told(one) for one in self.tried)
        if all(one.forgotten > limit for one in self.tried):
            why = f"where it forgets least: each share that was tried forgets more than {limit:g} F1"
        elif self.tried[0].f1 is None:
            why = f"the farthest that forgets at most {limit:g} F1"
        else:
            why = f"the best on the validation texts of what forgets at most {limit:g} F1"
        return (
            f"The version moves {self.share:.0%} of the way from the base model to the tuned weights, {why} ({listed})."
        )


def blend(
    network: torch.nn.Module,
    base: Weights,
    evaluate: Callable[[], float] | None,
    forgotten: Callable[[], float],
    limit: float,
    told: Told = untold,
) -> Blend:
    """Leave a tuned network with the share of its weights that is best.

    `evaluate` returns the F1 on the validation texts (None: there are none), and `forgotten` what is lost on the guard
    sentences, of the network as it is. The best share has the highest F1 among those that forget at most `limit`; if
    all forget more, it is the one that forgets least.
    """
    tuned, tried = weights_of(network), list[Tried]()
    for share in SHARES:
        network.load_state_dict(between(base, tuned, share))
        tried.append(Tried(share, evaluate() if evaluate else None, forgotten()))
        told(len(tried) / len(SHARES))
        if evaluate is None and tried[-1].forgotten <= limit:
            break  # the largest share that forgets so little is the best
    chosen = choose(tried, limit)
    network.load_state_dict(between(base, tuned, chosen))
    return Blend(chosen, tuple(tried))


def choose(tried: list[Tried], limit: float) -> float:
    """The best share of those that were tried, the largest first."""
    kept = [one for one in tried if one.forgotten <= limit]
    if not kept:
        return min(tried, key=lambda one: one.forgotten).share
    best = max(one.f1 or 0.0 for one in kept)
    return next(one.share for one in kept if (one.f1 or 0.0) >= best - MARGIN)


def between(base: Weights, tuned: Weights, share: float) -> Weights:
    """The weights at a share of the way from the base model's to the tuned ones."""
    return {
        name: torch.lerp(base[name], tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in tuned.items()
    }


def _told(one: Tried) -> str:
    f1 = "" if one.f1 is None else f"F1 {one.f1:.3f}, "
    return f"{one.share:.0%}: {f1}{one.forgotten:.3f} forgotten"
