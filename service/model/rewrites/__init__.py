"""Rewrites of GLiNER's network that compute the same scores with less work.

Each rewrite replaces the class of a module and keeps its parameters: their names, the saved weights and training stay
the same. Modules of other classes stay as they are.
"""

from __future__ import annotations

import logging

import torch

from service.model.rewrites import disentangled, folded_scores, span_head

log = logging.getLogger(__name__)


def rewrite(network: torch.nn.Module) -> list[str]:
    """Rewrite a GLiNER network in place and return the names of the rewrites that apply to it.

    If none applies, the network stays unchanged and the log says so.
    """
    applied = [
        name
        for name, apply in (
            ("span head by words", span_head.split),
            ("scores folded into the labels", folded_scores.fold),
            ("relative positions once", disentangled.share),
        )
        if apply(network)
    ]
    if not applied:
        log.info("no rewrite applies to this %s: it runs unchanged, at GLiNER's own speed", type(network).__name__)
    return applied
