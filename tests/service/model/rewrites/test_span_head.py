from __future__ import annotations

import copy

import pytest
import torch
from gliner.modeling.span_rep import SpanMarkerV0

from service.model.rewrites.span_head import WordwiseSpanHead, split

SIZE, WIDTHS, WORDS = 16, 4, 9


@pytest.fixture
def heads():
    """GLiNER's own head, and a rewritten copy of it."""
    torch.manual_seed(0)
    own = SpanMarkerV0(SIZE, WIDTHS, dropout=0.0)
    network = torch.nn.Sequential(copy.deepcopy(own))
    split(network)
    return own, network[0]


def spans(words):
    """All spans of a text as GLiNER passes them: a span that ends after the text is (0, 0)."""
    found = [(start, start + width) for start in range(words) for width in range(WIDTHS)]
    return torch.tensor([span if span[1] < words else (0, 0) for span in found]).unsqueeze(0)


def inside(words):
    return torch.tensor([[start + width < words for width in range(WIDTHS)] for start in range(words)])


@pytest.mark.parametrize("words", [1, 2, WIDTHS, WORDS])
def test_every_span_inside_the_text_is_represented_as_by_gliner(heads, words):
    own, fast = heads
    h = torch.randn(1, words, SIZE)
    wanted, found = own(h, spans(words)), fast(h, spans(words))
    assert isinstance(fast, WordwiseSpanHead)
    assert found.shape == wanted.shape
    assert torch.allclose(found[0][inside(words)], wanted[0][inside(words)], atol=1e-6)


def test_its_gradients_are_those_of_gliners_own_head(heads):
    own, fast = heads
    h = torch.randn(1, WORDS, SIZE)
    for head in heads:
        head(h, spans(WORDS))[0][inside(WORDS)].square().sum().backward()
    for (name, wanted), (same, found) in zip(own.named_parameters(), fast.named_parameters(), strict=True):
        assert name == same
        assert torch.allclose(found.grad, wanted.grad, rtol=1e-4, atol=1e-5), name


def test_parameters_keep_their_names(heads):
    own, fast = heads
    assert own.state_dict().keys() == fast.state_dict().keys()


def test_a_head_of_another_class_stays_unchanged():
    network = torch.nn.Sequential(torch.nn.Linear(2, 2))
    split(network)
    assert type(network[0]) is torch.nn.Linear
