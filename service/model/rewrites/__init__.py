"""Rewrites of GLiNER's network that give the same scores for less work.

Each replaces a module's class and none of its parameters: names, weights and what is saved stay as they are, and it
learns as before. What is not known here is left alone.
"""

from __future__ import annotations

import logging

import torch

from service.model.rewrites import disentangled, folded_scores, span_head

log = logging.getLogger(__name__)


def operate(network: torch.nn.Module) -> list[str]:
    """Rewrite what is known in a GLiNER network, in place; the names of the rewrites that were made.

    A network of which nothing is known is served as it is, and the log says so.
    """
    done = [
        name
        for name, rewrite in (
            ("span head by words", span_head.split),
            ("scores folded into the labels", folded_scores.fold),
            ("relative positions once", disentangled.share),
        )
        if rewrite(network)
    ]
    if not done:
        log.info("%s is not known: it is served unchanged, at GLiNER's own speed", type(network).__name__)
    return done
