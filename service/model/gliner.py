"""GLiNER's package, imported without what it has no use for.

transformers imports scikit-learn and SciPy wherever they are, for losses and decoders of other models, torch's compiler
and its tensors that span machines: together half of the seconds in which a process that holds a model starts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any, TypeVar

import torch

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

COMPILER = "torch._dynamo"
INDEXING = f"{COMPILER}._trace_wrapped_higher_order_op"
"""Where transformers takes a class from that its masks are made with."""


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


@contextmanager
def _alone() -> Iterator[None]:
    """Within it torch says that it cannot work on several machines, which transformers asks once and remembers."""
    known = torch.distributed.is_available
    torch.distributed.is_available = lambda: False
    try:
        yield
    finally:
        torch.distributed.is_available = known


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Within it torch's compiler is a stand-in of what it is asked for by modules that are only imported.

    They mark functions for it. Nothing is compiled here, so the marks would do nothing.
    """
    if COMPILER in sys.modules:
        yield
        return
    compiler, indexing = ModuleType(COMPILER), ModuleType(INDEXING)
    vars(compiler).update(disable=_mark, allow_in_graph=_marked, assume_constant_result=_marked)
    vars(indexing).update(TransformGetItemToIndex=_transform)
    sys.modules.update({COMPILER: compiler, INDEXING: indexing})
    try:
        yield
    finally:
        for name in (COMPILER, INDEXING):  # whoever needs the compiler from now on imports it
            sys.modules.pop(name, None)


def _marked(function: FunctionT) -> FunctionT:
    return function


def _mark(function: FunctionT | None = None, *options: object, **more: object) -> Any:
    return _marked if function is None else function


def _transform() -> AbstractContextManager[object]:
    from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex

    return TransformGetItemToIndex()


with _absent("scipy", "sklearn", "onnxruntime"), _alone(), _uncompiled():
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
