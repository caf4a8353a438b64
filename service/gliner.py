"""GLiNER's package, imported without what it has no use for.

transformers imports scikit-learn and SciPy wherever they are, for losses and decoders of other models: a third of the
seconds in which a process that holds a model starts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _absent(*packages: str) -> Iterator[None]:
    """Within it these packages are not found, unless they have been imported before."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # what the import system takes for missing
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _absent("scipy", "sklearn"):
    from gliner import GLiNER, GLiNERConfig
    from gliner.modeling.base import BiEncoderSpanModel, UniEncoderSpanModel
    from gliner.modeling.context_encoders import IdentityContextEncoder
    from gliner.modeling.outputs import GLiNERBaseOutput
    from gliner.modeling.span_rep import SpanMarkerV0
    from transformers.models.bert.modeling_bert import BertModel
    from transformers.models.deberta_v2.modeling_deberta_v2 import (
        DebertaV2Model,
        DisentangledSelfAttention,
        make_log_bucket_position,
    )

__all__ = [
    "BertModel",
    "BiEncoderSpanModel",
    "DebertaV2Model",
    "DisentangledSelfAttention",
    "GLiNER",
    "GLiNERBaseOutput",
    "GLiNERConfig",
    "IdentityContextEncoder",
    "SpanMarkerV0",
    "UniEncoderSpanModel",
    "make_log_bucket_position",
]
