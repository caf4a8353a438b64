"""How far a version's weights move: interpolated between the base model's and the tuned ones.

Weights on the way from a base model to a tuned one keep more of what the base model knows, and often lose little of
what was learnt (WiSE-FT; Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from service.model.told import Told, untold
from service.versions.lineage import Blend, Tried
from training.tune import Weights, weights_of

SHARES = (1.0, 0.85, 0.7, 0.55, 0.4)
"""The shares of the tuned weights that are tried, the largest first. Below, too little of what was learnt is left."""
MARGIN = 0.002
"""A smaller share must have an F1 on texts that were not learnt from that is higher by more than this: less is
chance."""


def blend(
    network: torch.nn.Module,
    base: Weights,
    evaluate: Callable[[float], float] | None,
    forgotten: Callable[[], float],
    limit: float,
    told: Told = untold,
) -> Blend:
    """Leave a tuned network with the share of its weights that is best.

    `evaluate` returns the F1 at a share on texts that were not learnt from (None: there are none), and `forgotten` what
    the network as it is has lost on the guard sentences. The best share has the highest F1 among those that forget at
    most `limit`; if all forget more, it is the one that forgets least.
    """
    tuned, tried = weights_of(network), list[Tried]()
    for share in moved(network, base):
        tried.append(Tried(share=share, f1=evaluate(share) if evaluate else None, forgotten=forgotten()))
        told(len(tried) / len(SHARES))
        if evaluate is None and tried[-1].forgotten <= limit:
            break  # the largest share that forgets so little is the best
    chosen = choose(tried, limit)
    network.load_state_dict(between(base, tuned, chosen))
    return Blend(share=chosen, limit=limit, tried=tuple(tried))


def moved(network: torch.nn.Module, base: Weights) -> Iterator[float]:
    """Each share, the largest first, while a tuned network has that share of its weights; it is left with the last."""
    tuned = weights_of(network)
    for share in SHARES:
        network.load_state_dict(between(base, tuned, share))
        yield share


def choose(tried: Sequence[Tried], limit: float) -> float:
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
