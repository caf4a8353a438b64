"""How a run decides which spans may share words, and what it learns of those that do."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import torch

from service.model.model import Model
from service.model.spans import Span
from tests.support.networks import random_gliner
from tests.support.toys import Toy, build
from training import publish, replay
from training.dataset import Document
from training.judge.scores import score
from training.learn import Learning
from training.masking import mask
from training.overlap import choose
from training.settings import TrainingSettings
from training.tune import Tuning

LABELS = ("city", "person", "place")


def document(text: str, *found: tuple[str, str], task: int = 0) -> Document:
    spans = [Span(text.index(words), text.index(words) + len(words), label, 1.0) for words, label in found]
    return Document(text, LABELS, tuple(spans), project=1, task=task)


def flat(count: int) -> list[Document]:
    return [document(f"{n} Alice met Bob", ("Alice", "person"), ("Bob", "person")) for n in range(count)]


def nested(count: int) -> list[Document]:
    return [document(f"{n} near the river Lima", ("the river Lima", "place"), ("Lima", "city")) for n in range(count)]


def multi(count: int) -> list[Document]:
    return [document(f"{n} then to Lima", ("Lima", "city"), ("Lima", "place")) for n in range(count)]


def crossing(count: int) -> list[Document]:
    return [document(f"{n} old Lima house", ("old Lima", "city"), ("Lima house", "place")) for n in range(count)]


def test_the_reason_counts_what_no_way_answers():
    choice = choose(crossing(20))
    assert choice.why == "Spans do not overlap: that loses 20 of 40 annotated spans."
    assert len(choice.unanswered) == 20


@pytest.mark.parametrize(
    ("documents", "overlap"),
    [
        ([], "flat"),
        (flat(50), "flat"),
        (flat(50) + nested(10), "nested"),
        (flat(50) + nested(10) + multi(10), "multi"),
        (flat(50) + multi(10), "multi"),
        (flat(50) + crossing(50), "flat"),
        (nested(10) + crossing(10), "nested"),
    ],
)
def test_the_plainest_way_that_answers_what_is_annotated_is_chosen(documents, overlap):
    choice = choose(documents)
    assert choice.overlap == overlap
    assert choice.why


def test_slips_of_an_annotator_do_not_turn_decoding_over():
    many_in_two_texts = nested(1) * 20 + multi(1)
    assert choose(flat(5) + many_in_two_texts).overlap == "flat"
    slips = [document(f"{n} Alice met Bob", ("Alice met Bob", "person"), ("Bob", "person")) for n in range(5)]
    assert choose(flat(200) + slips).overlap == "flat"
    assert choose(flat(20) + slips).overlap == "nested"


def test_what_an_annotator_marked_twice_is_no_second_label():
    twice = [document(f"{n} Lima", ("Lima", "city"), ("Lima", "city")) for n in range(20)]
    blank = [document(f"{n} Lima then", ("Lima", "city"), ("Lima ", "city")) for n in range(20)]
    assert choose(twice + blank) == choose(twice + blank)._replace(overlap="flat", unanswered=[])


def test_a_label_that_would_hardly_ever_be_answered_counts_though_it_is_rare():
    assert choose(flat(500) + nested(6)).overlap == "nested"


def test_spans_that_stay_unanswered_are_told_with_their_reason():
    told = choose([*nested(10), *crossing(2), *multi(2)]).unanswered
    reasons = Counter(omission.reason.split(":")[0] for omission in told)
    assert reasons == {"crosses another span": 2, "has another label as well": 2}
    assert {one.excerpt for one in told if "crosses" in one.reason} == {"0 old Lima house", "1 old Lima house"}


@pytest.mark.parametrize("options", [{}, {"span_mode": "token_level"}], ids=["span", "token"])
def test_every_label_of_a_stretch_and_every_nested_span_is_learnt_as_a_positive(tmp_path, options):
    model = Model(random_gliner(tmp_path, "bert", **options))
    documents = [*nested(1), *multi(1), *crossing(1)]
    learning = Learning(TrainingSettings(label_studio_url="http://localhost"), model, documents)
    tuning = Tuning(learning.model, learning.recipe)
    for example, expected in zip(learning.dataset.examples, documents, strict=True):
        entry = {"tokenized_text": example.words, "ner": example.spans, "ner_labels": list(example.labels)}
        inputs = tuning._collator([entry])
        mask(inputs, [example], model.max_width)
        assert len(example.spans) == len(expected.spans)
        for first, last, label in example.spans:
            assert is_positive(inputs, first, last, sorted(LABELS).index(label), model.max_width)


def is_positive(inputs, first: int, last: int, label: int, width: int) -> bool:
    labels = inputs["labels"][0]
    if labels.dim() == 3:  # a token model's starts, ends and insides
        return bool(labels[first, label, 0] and labels[last, label, 1] and labels[first : last + 1, label, 2].all())
    candidate = first * width + last - first
    return bool(labels[candidate, label] == 1 and inputs["span_mask"][0, candidate])


TOY = Toy(
    ("P works at the L clinic.", "Today P left the L clinic.", "The L clinic knows P."),
    ("Ann", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal"),
    ("Rome", "Oslo", "Lima", "Bern", "Cork", "Kiev", "Bonn", "Graz"),
)
OUTER = {"nested": "{} clinic", "multi": "{}"}
"""What is marked as a place, around a city or with the same words."""


def visits(overlap: str, count: int) -> list[Document]:
    rng = random.Random(1)
    made = []
    for _ in range(count):
        person, city = rng.choice(TOY.people), rng.choice(TOY.places)
        text = rng.choice(TOY.frames).replace("P", person).replace("L", city)
        made.append(document(text, (person, "person"), (OUTER[overlap].format(city), "place"), (city, "city")))
    return made


@pytest.mark.parametrize("overlap", OUTER)
def test_a_run_on_overlapping_spans_answers_them_afterwards(overlap, tmp_path, monkeypatch):
    monkeypatch.setattr(replay, "sentences", lambda part: [])
    torch.set_num_threads(1)  # the model is too small to be divided
    settings = TrainingSettings(
        home=tmp_path / "home", label_studio_url="http://localhost", steps=100, batch_size=8, head_rate=4e-3,
        encoder_rate=4e-3,
    )  # fmt: skip
    documents = visits(overlap, 60)
    learning = Learning(settings, Model(build(tmp_path / "encoder", [TOY])), documents[:48])
    assert learning.omissions == []
    assert learning.choice.why in learning.notes
    learning.tune([], [])
    publish.save_model(learning.model, tmp_path / "version")
    served = Model.load(str(tmp_path / "version"), "cpu")
    served.use("fp32")
    assert served.reading.overlap == overlap
    flat = served.with_reading(served.reading.model_copy(update={"overlap": "flat"}))
    learnt, without = (score(model, documents[48:], 0.5).f1 for model in (served, flat))
    assert learnt > 0.9
    assert without < 0.85, "one span of three is never answered"
