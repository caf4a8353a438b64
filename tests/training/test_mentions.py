"""Copies of training texts in which mentions stand for others of the same label."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.spans import Span
from training.dataset import Document, without_blanks
from training.learn import Learning
from training.mentions import copies
from training.settings import TrainingSettings
from training.tune import Tuning

LABELS = ("city", "person")


def document(text, **marked):
    """A text whose words are marked with labels."""
    spans = [Span(text.index(words), text.index(words) + len(words), label, 1.0) for words, label in marked.values()]
    return Document(text, LABELS, tuple(spans))


def marked(of):
    return [(of.text[span.start : span.end], span.label) for span in of.spans]


FEW = [
    document("Ann went from New York to Rome.", a=("Ann", "person"), b=("New York", "city"), c=("Rome", "city")),
    document("In Paris it rained.", a=("Paris", "city")),
    document("Nobody went anywhere."),
]
KNOWN = {"city": {"New York", "Rome", "Paris"}, "person": {"Ann"}}


def test_mentions_are_replaced_by_others_of_the_same_label_and_all_else_stays():
    found = [*copies(FEW, 10, seed=1)]
    assert len(found) == 10 * len(FEW)
    for copy in found:
        assert copy.labels == LABELS
        assert all(words in KNOWN[label] for words, label in marked(copy))
    first = found[:: len(FEW)]
    assert {copy.text.replace(marked(copy)[1][0], "A").replace(marked(copy)[2][0], "A") for copy in first} == {
        "Ann went from A to A."
    }
    assert {marked(copy)[1][0] for copy in first} == KNOWN["city"]
    assert {copy.text for copy in found[2 :: len(FEW)]} == {FEW[2].text}


def test_one_half_of_the_mentions_are_drawn_anew():
    many = [document(f"It rains in City{number} .", a=(f"City{number}", "city")) for number in range(50)]
    kept = sum(copy.text == many[place % 50].text for place, copy in enumerate(copies(many, 10, seed=1)))
    assert 0.4 < kept / (50 * 10) < 0.6


def test_the_same_seed_gives_the_same_copies_and_no_more_than_are_asked_for():
    assert [*copies(FEW, 2, seed=1)] == [*copies(FEW, 2, seed=1)]
    assert [*copies(FEW, 2, seed=1)] != [*copies(FEW, 2, seed=2)]
    assert len([*copies(FEW, 2, seed=1)]) == 2 * len(FEW)
    assert [*copies(FEW, -1, seed=1)] == [*copies([], 5, seed=1)] == []


@pytest.mark.parametrize(
    "spans",
    [((3, 12, "org"), (8, 12, "city")), ((3, 10, "org"), (5, 12, "city")), ((3, 12, "org"), (3, 12, "city"))],
    ids=["within", "crossing", "two labels"],
)
def test_mentions_that_share_words_keep_their_text_and_are_drawn_for_no_other(spans):
    shared = Document("At Bank Rome Ann met", ("org", "city", "person"), tuple(Span(*one, 1.0) for one in spans))
    other = Document("Acme is in Oslo", ("org", "city"), (Span(0, 4, "org", 1.0), Span(11, 15, "city", 1.0)))
    for copy in copies([shared, other], 10, seed=1):
        assert copy.text in (shared.text, other.text)
        assert sorted(copy.spans) == sorted((shared if copy.text == shared.text else other).spans)


def test_blanks_at_the_edges_of_a_mention_stay_where_they_are():
    blank = Document("In  Rome , rain", LABELS, (Span(3, 9, "city", 1.0), Span(2, 3, "person", 1.0)))
    texts = {copy.text for copy in copies([blank, FEW[1]], 10, seed=1)}
    assert texts == {"In  Rome , rain", "In  Paris , rain", "In Rome it rained.", "In Paris it rained."}


@given(
    text=st.text(st.sampled_from("ab ."), min_size=1, max_size=30),
    pairs=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6),
    seed=st.integers(0, 9),
)
def test_a_copy_has_as_many_spans_and_each_holds_what_was_annotated_somewhere(text, pairs, seed):
    edges = [(min(*pair, len(text)), min(max(pair), len(text))) for pair in pairs]
    one = Document(text, LABELS, tuple(Span(start, end, "city", 1.0) for start, end in edges))
    wanted = {without_blanks(span, text) for span in one.spans}
    known = {text[span.start : span.end] for span in wanted} | {"Paris"}
    copy, _ = copies([one, FEW[1]], 1, seed)
    assert len(copy.spans) == len(wanted)
    assert {copy.text[span.start : span.end] for span in copy.spans} <= known


@pytest.mark.parametrize(("steps", "learns_from_copies"), [(9, True), (3, False)])
def test_a_tuning_learns_from_as_many_copies_as_its_steps_take_beside_the_annotated_texts(
    steps, learns_from_copies, model_folder, fresh_model, tmp_path, monkeypatch
):
    learnt, loss = set(), Tuning._loss

    def note(tuning, batch):
        learnt.update(" ".join(example.words) for example in batch)
        return loss(tuning, batch)

    monkeypatch.setattr(Tuning, "_loss", note)
    settings = TrainingSettings(model=str(model_folder), home=tmp_path, steps=steps, batch_size=4)
    told = {"Ann": "lives here", "Bob": "sleeps", "Cleo": "met us", "Dan Day": "is old", "Eve": "sings", "Flo": "ran"}
    annotated = [document(f"{name} {rest}", a=(name, "person")) for name, rest in told.items()]
    learning = Learning(settings, fresh_model, annotated)
    learning.recipe = replace(learning.recipe, copies=10)
    learning.tune([], [])
    assert {one.text for one in annotated} <= learnt
    assert learning.omissions == []
    assert (len(learnt) > len(annotated)) == learns_from_copies
