"""Spans that share words, from every kind of model."""

from __future__ import annotations

import random

import pytest

from service.model.model import Model
from service.model.padded import Padded
from service.model.reading import Reading
from service.model.spans import WAYS, best
from tests.support.networks import random_gliner

LABELS = ["city", "company", "person", "person today"]
TEXTS = ["Then Alice met Bob at Acme in New York.", "No", "The old team of Tyrell Corp in Paris"]
KINDS = {"span": {}, "token": {"span_mode": "token_level"}}
THRESHOLD = 0.4


@pytest.fixture(scope="module", params=KINDS)
def random_model(request, tmp_path_factory):
    """A model with random weights, which finds spans everywhere."""
    return Model(random_gliner(tmp_path_factory.mktemp("model"), "bert", **KINDS[request.param]))


def of_gliner(model, overlap, threshold):
    ways = {"flat_ner": overlap == "flat", "multi_label": overlap == "multi"}
    found = model.gliner.inference(TEXTS, LABELS, threshold=threshold, **ways)
    return [sorted((one["start"], one["end"], one["label"]) for one in of_text) for of_text in found]


def of_spanloop(model, overlap, threshold):
    found = model.with_reading(Reading(overlap=overlap)).extract(TEXTS, LABELS, threshold)
    return [sorted(span[:3] for span in extraction.spans) for extraction in found]


@pytest.mark.parametrize("overlap", WAYS)
def test_a_model_finds_what_gliner_finds_that_way(random_model, overlap):
    found = of_spanloop(random_model, overlap, THRESHOLD)
    assert found == of_gliner(random_model, overlap, THRESHOLD)
    assert any(found)


def test_the_ways_give_different_spans(random_model):
    counts = [sum(map(len, of_spanloop(random_model, way, THRESHOLD))) for way in WAYS]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("overlap", WAYS)
def test_a_packed_network_gives_the_candidates_that_gliner_gives(fresh_model, overlap):
    padded = of_spanloop(fresh_model, overlap, 0.02)
    fresh_model.use("fp32")
    assert not isinstance(fresh_model.runner, Padded)
    assert of_spanloop(fresh_model, overlap, 0.02) == padded


@pytest.mark.parametrize("overlap", WAYS)
def test_a_span_in_two_windows_comes_once(shared_model, overlap):
    model = shared_model.with_reading(Reading(overlap=overlap))
    rng, names = random.Random(5), ["Alice", "New York", "Tyrell Corp"]
    text = " ".join(f"{rng.choice(names)} {' '.join(rng.choices(['house', 'the', 'near'], k=13))}" for _ in range(100))
    assert len(model.prepare(text, LABELS[:3], 0.5)) > 2
    spans = model.extract([text], LABELS[:3], 0.5)[0].spans
    assert len({span[:3] for span in spans}) == len(spans)
    assert list(spans) == best(spans, overlap)
    for name in names:
        assert text.count(name) == sum(text[span.start : span.end] == name for span in spans)


def test_windows_of_different_ways_share_a_batch(random_model):
    flat, every = (random_model.prepare(TEXTS[0], LABELS, THRESHOLD, keeps)[0] for keeps in (False, True))
    together = random_model.run([flat, every])
    alone = [random_model.run([one])[0] for one in (flat, every)]
    assert [{span[:3] for span in spans} for spans in together] == [{span[:3] for span in spans} for spans in alone]
    assert len(together[0]) < len(together[1])
