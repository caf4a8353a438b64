from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.model.spans import Span
from service.model.words import split
from training.dataset import (
    FEWEST_VALIDATION,
    MOST_VALIDATION,
    NOT_READ,
    Document,
    align,
    build,
    divide,
    is_for_validation,
    is_held_out,
    without_blanks,
)

TEXTS = st.text(st.sampled_from([*"abc .,-\n", "‍", "‏", "é", "́", "😀", "中"]), min_size=1, max_size=60)


@st.composite
def annotated(draw):
    text = draw(TEXTS)
    edges = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(edges, edges), max_size=8))
    return text, [Span(min(p), max(p), "x", 1.0) for p in pairs]


def words_of(model, text):
    return split(text, model.splitter, model.subtokens)


@given(given_document=annotated())
def test_an_aligned_spans_words_cover_exactly_its_slice_and_all_others_are_reported(shared_model, given_document):
    text, spans = given_document
    words = words_of(shared_model, text)
    aligned, unfit = align(spans, words, shared_model.max_width)
    assert len(aligned) + len(unfit) == len(spans)
    kept = iter(aligned)
    for span in spans:
        marked = without_blanks(span, text)
        if marked.start not in words.starts or marked.end not in words.ends or not text[span.start : span.end].strip():
            continue
        first, last = words.starts.index(marked.start), words.ends.index(marked.end)
        if last - first < shared_model.max_width:
            assert next(kept) == (first, last, "x")
            assert (words.starts[first], words.ends[last]) == (marked.start, marked.end)
    assert next(kept, None) is None


def aligned_slices(model, text, *stretches, width=12):
    words = words_of(model, text)
    aligned, unfit = align([Span(start, end, "x", 1.0) for start, end in stretches], words, width)
    slices = [text[words.starts[first] : words.ends[last]] for first, last, _ in aligned]
    return slices, [one.reason for one in unfit]


def test_spans_behind_dropped_words_and_emoji_stay_on_their_words(shared_model):
    text = "‍ 😀 Alice ‏ met Bob"
    start = text.index("Bob")
    assert aligned_slices(shared_model, text, (4, 9), (start, start + 3)) == (["Alice", "Bob"], [])


def test_a_span_inside_a_word_is_reported_and_not_widened(shared_model):
    text = "selegiline-induced"
    slices, unfit = aligned_slices(shared_model, text, (0, 10), (11, 18), (0, 18))
    assert slices == ["selegiline-induced"]
    assert unfit == ["begins or ends inside a word"] * 2


def test_blanks_at_the_edges_of_a_span_are_trimmed(shared_model):
    text = "the house\n today"
    slices, unfit = aligned_slices(shared_model, text, (3, 9), (4, 11), (3, 4), (4, 9), (4, 5))
    assert slices == ["house"] * 3
    assert unfit == ["is empty", "begins or ends inside a word"]


def test_what_nobody_sees_at_the_edges_of_a_span_is_trimmed(shared_model):
    text = "the \u200dhouse \u200d\x07today"
    slices, unfit = aligned_slices(shared_model, text, (3, 13), (5, 11), (11, 13))
    assert slices == ["house"] * 2
    assert unfit == ["is empty"]


def test_trimmed_spans_are_learnt_and_counted(shared_model):
    text = "We met Jane Smith\n today"
    document = Document(text, ("person",), (Span(6, 18, "person", 1.0), Span(19, 24, "person", 1.0)))
    dataset = build([document], shared_model)
    assert [example.spans for example in dataset.examples] == [[(2, 3, "person"), (4, 4, "person")]]
    assert (dataset.trimmed, dataset.omissions) == (1, [])


def test_a_span_wider_than_the_model_is_reported_with_the_width(shared_model):
    slices, unfit = aligned_slices(shared_model, "a b c d", (0, 7), (0, 5), width=3)
    assert slices == ["a b c"]
    assert unfit == ["is longer than the model's 3 words"]


def test_examples_hold_every_span_whole_whatever_the_length_of_the_text(shared_model):
    names = ["Tyrell Corp" if n % 20 == 0 else "house" for n in range(900)]
    text = " ".join(names)
    spans, at = [], 0
    for name in names:
        if name == "Tyrell Corp":
            spans.append(Span(at, at + len(name), "company", 1.0))
        at += len(name) + 1
    dataset = build([Document(text, ("company", "person"), tuple(spans))], shared_model)
    assert len(dataset.examples) > 1
    assert not dataset.left_out
    total = 0
    for example in dataset.examples:
        for first, last, label in example.spans:
            assert example.words[first : last + 1] == ["Tyrell", "Corp"]
            assert label == "company"
        total += len(example.spans)
    assert total >= len(spans)


def test_spans_that_cannot_be_represented_are_counted_by_reason(shared_model):
    text = "selegiline-induced " + "word " * 20
    spans = (Span(0, 10, "x", 1.0), Span(0, len(text) - 1, "x", 1.0), Span(19, 23, "x", 1.0))
    dataset = build([Document(text, ("x",), spans)], shared_model)
    assert dict(dataset.left_out) == {
        "begins or ends inside a word": 1,
        "is longer than the model's 12 words": 1,
    }
    assert [example.spans for example in dataset.examples] == [[(1, 1, "x")]]
    assert [example.masked for example in dataset.examples] == [((0, 0), (0, 20))]


def test_a_span_that_is_left_out_is_named_with_its_place_and_reason(shared_model):
    document = Document("took 417mg aspirin", ("dose",), (Span(5, 8, "dose", 1.0),), project=3, task=7)
    (omission,) = build([document], shared_model).omissions
    assert omission == ("begins or ends inside a word", 3, 7, "dose", 5, 8, "took 417mg aspirin")


def test_labels_of_which_most_spans_cannot_be_learnt_are_named(shared_model):
    text = "took 417mg of aspirin in Paris"
    spans = (Span(5, 8, "dose", 1.0), Span(25, 30, "city", 1.0))
    dataset = build([Document(text, ("city", "dose"), spans)] * 5, shared_model)
    assert dataset.unlearnable == {"dose": "5 of 5 spans (begins or ends inside a word)"}


def test_spans_of_a_text_that_the_tokenizer_does_not_know_are_left_out(shared_model):
    document = Document("马云在杭州创立了阿里巴巴。", ("person",), (Span(0, 2, "person", 1.0),))
    dataset = build([document], shared_model)
    assert dataset.examples == []
    assert dict(dataset.left_out) == {NOT_READ: 1}


def test_a_window_masks_the_words_of_a_span_that_it_cuts(shared_model):
    text = " ".join(["house"] * 900)
    spans = tuple(Span(at, at + 11, "city", 1.0) for at in range(0, len(text), 12))
    examples = build([Document(text, ("city",), spans)], shared_model).examples
    assert len(examples) > 1
    for example in examples:
        covered = {word for first, last, _ in example.spans for word in range(first, last + 1)}
        masked = {word for first, last in example.masked for word in range(first, last + 1)}
        assert covered | masked == set(range(len(example.words)))


def test_a_text_without_entities_is_learned_from_too(shared_model):
    (example,) = build([Document("the house", ("a", "b"), ())], shared_model).examples
    assert example.spans == []
    assert example.labels == ("a", "b")


def test_of_many_labels_a_text_is_asked_those_it_has_and_some_others(shared_model):
    labels = tuple(f"zoo kind {n:03}" for n in range(150))
    document = Document("the house", labels, (Span(4, 9, "zoo kind 003", 1.0),))
    examples = build([document], shared_model).examples
    groups = shared_model.prompts.groups(labels)
    assert len(examples) == 2
    assert all(example.labels in groups for example in examples)
    assert [len(example.spans) for example in examples] == [1, 0]
    again = build([document], shared_model).examples
    assert [example.labels for example in again] == [example.labels for example in examples]


def test_the_split_hangs_on_the_text_alone_and_never_changes():
    """If these figures have to be changed, scores of versions can no longer be compared with older ones."""
    held_out = [n for n in range(40) if is_held_out(f"text {n}")]
    validation = [n for n in range(40) if is_for_validation(f"text {n}")]
    assert held_out == [2, 5, 6, 21, 29, 36, 39]
    assert validation == [14, 16, 21, 35]


def test_about_a_fifth_is_held_out_and_about_an_eighth_of_the_rest_validates():
    texts = [f"patient {n} has symptom {n * 7}" for n in range(5000)]
    held_out = [text for text in texts if is_held_out(text)]
    rest = [text for text in texts if not is_held_out(text)]
    assert 850 < len(held_out) < 1150
    assert 400 < sum(map(is_for_validation, rest)) < 600
    assert sum(map(is_for_validation, held_out)) > 0


def test_any_text_has_a_side():
    assert is_held_out("\ud800") in (True, False)


def test_few_texts_are_all_learned_from_and_many_give_a_part_to_early_stopping():
    few = [Document(f"text {number}", ("a",), ()) for number in range(200)]
    assert divide(few) == (few, [])
    many = [Document(f"text {number}", ("a",), ()) for number in range(1_000)]
    training, validation = divide(many)
    assert len(validation) >= FEWEST_VALIDATION
    assert sorted([*training, *validation], key=many.index) == many
    assert all(is_for_validation(document.text) for document in validation)


def test_of_very_many_texts_no_more_than_some_hundreds_serve_early_stopping_the_same_in_any_order():
    many = [Document(f"text {number}", ("a",), ()) for number in range(6_000)]
    training, validation = divide(many)
    assert len(validation) == MOST_VALIDATION
    assert len(training) + len(validation) == len(many)
    assert {document.text for document in divide(many[::-1])[1]} == {document.text for document in validation}
