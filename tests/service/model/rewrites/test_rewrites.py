"""Rewritten networks give GLiNER's own logits, for every supported architecture."""

from __future__ import annotations

import copy
import logging

import pytest
import torch

from service.model.rewrites import rewrite
from tests.support.networks import ENCODERS, random_gliner

TEXTS = [
    "Alice met Bob at Acme in Paris .",
    "Naloxone reverses the antihypertensive effect of clonidine .",
    "No",
    " ".join(f"word{number} of a long text about clonidine" for number in range(12)),
]
LABELS = ["person", "company", "chemical substance", "city"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A GLiNER with random weights."""
    return lambda encoder, **options: random_gliner(tmp_path_factory.mktemp("model"), encoder, **options)


def inputs_of(gliner, texts):
    entries = [{"tokenized_text": text.split(), "ner": None} for text in texts]
    batch = gliner.collate_batch(entries, LABELS, gliner.create_collator())
    return {name: value for name, value in batch.items() if isinstance(value, torch.Tensor)}


def logits(gliner, texts):
    """Logits of the spans that end within their texts."""
    inputs = inputs_of(gliner, texts)
    with torch.inference_mode():
        found = gliner.model(**inputs).logits
    return found[inputs["span_mask"].view(found.shape[:3]).bool()]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("rnn", [0, 1], ids=["no rnn", "rnn"])
def test_a_span_model_gives_its_own_logits(made, encoder, rnn):
    own = made(encoder, num_rnn_layers=rnn)
    fast = copy.deepcopy(own)
    assert len(rewrite(fast.model)) == (2 if encoder in ("bert", "deberta, one term") else 3)
    assert logits(own, TEXTS).std() > 0.01
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        for gliner in (own, fast):
            gliner.model.to(dtype)
        for texts in (TEXTS, *([text] for text in TEXTS)):
            assert torch.allclose(logits(fast, texts), logits(own, texts), rtol=0, atol=tolerance)


@pytest.mark.parametrize("encoder", ["bert", "deberta"])
def test_a_bi_encoder_gives_its_own_logits(made, encoder):
    own = made(encoder, bi=True, num_rnn_layers=0)
    fast = copy.deepcopy(own)
    assert rewrite(fast.model)
    assert torch.allclose(logits(fast, TEXTS), logits(own, TEXTS), rtol=0, atol=1e-5)


@pytest.mark.parametrize("encoder", ["bert", "deberta", "deberta, positions of their own"])
def test_its_gradients_are_those_of_gliners_own_network(made, encoder):
    own = made(encoder, dropout=0.0)
    fast = copy.deepcopy(own)
    rewrite(fast.model)
    marked = [{"tokenized_text": text.split(), "ner": [[0, 0, "person"]], "ner_labels": LABELS} for text in TEXTS]
    for gliner in (own, fast):
        collator = gliner.data_collator_class(gliner.config, data_processor=gliner.data_processor, prepare_labels=True)
        gliner.model(**collator(marked), alpha=0.75, gamma=2.0, reduction="sum").loss.backward()
    for (name, wanted), (same, found) in zip(own.model.named_parameters(), fast.model.named_parameters(), strict=True):
        assert name == same
        assert (wanted.grad is None) == (found.grad is None), name
        if wanted.grad is not None:
            assert torch.allclose(found.grad, wanted.grad, rtol=1e-3, atol=1e-4), name


def test_positions_are_projected_anew_when_the_weights_have_changed(made):
    own = made("deberta")
    fast = copy.deepcopy(own)
    rewrite(fast.model)
    before = logits(fast, TEXTS)
    with torch.no_grad():
        for gliner in (own, fast):
            for parameter in gliner.model.parameters():
                parameter.mul_(1.1)
    assert not torch.allclose(before, logits(fast, TEXTS), atol=1e-2)
    assert torch.allclose(logits(fast, TEXTS), logits(own, TEXTS), rtol=0, atol=1e-4)


def test_a_network_without_a_rewrite_stays_unchanged_and_one_log_line_says_so(made, caplog):
    unknown = made("bert", span_mode="markerV1")
    classes = [type(module) for module in unknown.model.modules()]
    with caplog.at_level(logging.INFO, "service.model.rewrites"):
        assert rewrite(unknown.model) == []
    assert [type(module) for module in unknown.model.modules()] == classes
    assert [record.message for record in caplog.records] == [
        "no rewrite applies to this UniEncoderSpanModel: it runs unchanged, at GLiNER's own speed"
    ]
