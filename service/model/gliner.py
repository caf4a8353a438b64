"""The classes of gliner and transformers that Spanloop uses, imported without dependencies that it does not use.

transformers imports scikit-learn and SciPy if they are installed, for losses and decoders of other models. It also
imports torch's compiler and distributed tensors. Together they take half of the start of a process with a model.
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
"""The module from which transformers imports TransformGetItemToIndex, which it builds attention masks with."""


@contextmanager
def _absent(*packages: str) -> Iterator[None]:
    """Hide packages from imports within the context, except those that are already imported."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # an import of such a name raises ImportError
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _undistributed() -> Iterator[None]:
    """Let torch.distributed report itself as unavailable within the context; transformers asks once and keeps that."""
    is_available = torch.distributed.is_available
    torch.distributed.is_available = lambda: False
    try:
        yield
    finally:
        torch.distributed.is_available = is_available


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Replace torch's compiler within the context by a stand-in with the names that are used during imports.

    The imported modules decorate functions for the compiler. Spanloop compiles nothing, so the decorators can do
    nothing.
    """
    if COMPILER in sys.modules:
        yield
        return
    compiler, indexing = ModuleType(COMPILER), ModuleType(INDEXING)
    vars(compiler).update(disable=_disable, allow_in_graph=_unchanged, assume_constant_result=_unchanged)
    vars(indexing).update(TransformGetItemToIndex=_transform)
    sys.modules.update({COMPILER: compiler, INDEXING: indexing})
    try:
        yield
    finally:
        for name in (COMPILER, INDEXING):  # a later import gets the real compiler
            sys.modules.pop(name, None)


def _unchanged(function: FunctionT) -> FunctionT:
    return function


def _disable(function: FunctionT | None = None, *options: object, **more: object) -> Any:
    return _unchanged if function is None else function


def _transform() -> AbstractContextManager[object]:
    from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex

    return TransformGetItemToIndex()


with _absent("scipy", "sklearn", "onnxruntime"), _undistributed(), _uncompiled():
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

    from service.model import foreign_code
    from service.model.foreign_code import ForeignCode

foreign_code.refuse()

__all__ = [
    "BertModel",
    "BiEncoderSpanModel",
    "DebertaV2Model",
    "DisentangledSelfAttention",
    "ForeignCode",
    "GLiNER",
    "GLiNERBaseOutput",
    "GLiNERConfig",
    "IdentityContextEncoder",
    "SpanMarkerV0",
    "UniEncoderSpanModel",
    "make_log_bucket_position",
]
