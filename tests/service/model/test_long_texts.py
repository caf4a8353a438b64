"""Long texts are read in windows, and the answer is that of the whole text."""

from __future__ import annotations

import pytest

from service.model.model import Model
from service.model.reading import Reading
from service.model.reading import write as write_reading
from service.model.spans import Span
from service.model.words import split
from tests.support import toys
from tests.support.lexicon import knowing
from tests.support.tiny import CITIES
from training.dataset import Document, build
from training.publish import save_model

LABELS = ("person", "company", "city")


def read_by(model: Model, window_words: int) -> Model:
    return model.with_reading(Reading(window_words=window_words))


def named(model: Model, text: str) -> list[tuple[str, str]]:
    return [(text[s.start : s.end], s.label) for s in model.extract([text], LABELS, 0.5)[0].spans]


@pytest.mark.parametrize("window_words", [8, 20, 48, 384])
def test_names_anywhere_in_a_long_note_are_found_whatever_the_windows(shared_model, window_words):
    text = "\n".join(f"The house in {city} is old . Alice met Bob ." for city in CITIES * 4)
    expected = [pair for city in CITIES for pair in [(city, "city"), ("Alice", "person"), ("Bob", "person")]] * 4
    assert named(knowing(shared_model, Reading(window_words=window_words)), text) == expected


@pytest.mark.parametrize("filler", range(8))
def test_a_name_that_crosses_a_cut_is_found_whole(shared_model, filler):
    text = f"{'the house ' * 10}{'zoo ' * filler}works at Wayne Corp in New York {'the house ' * 10}"
    model = knowing(shared_model, Reading(window_words=24))
    assert named(model, text) == [("Wayne Corp", "company"), ("New York", "city")]


class SureOfParts:
    """Finds "New York", and is more certain of a "New" that a window ends with."""

    batch_tokens = 1000

    def cost(self, tokens):
        return sum(tokens)

    def __call__(self, windows, floor):
        return [[*self._spans(window)] for window in windows]

    def _spans(self, window):
        for at, word in enumerate(window.words):
            if word == "New":
                last = min(at + 1, len(window.words) - 1)
                yield Span(window.starts[at], window.ends[last], "city", 0.9 if last == at else 0.8)


def test_a_part_of_a_span_that_is_cut_off_at_a_windows_end_does_not_beat_the_whole_span(shared_model):
    model = read_by(shared_model, 24)
    model.runner = SureOfParts()
    for before in range(12, 30):
        text = f"{'zoo ' * before}New York{' zoo' * 30}"
        assert [text[s.start : s.end] for s in model.extract([text], ["city"], 0.5)[0].spans] == ["New York"]


def test_windows_of_a_note_end_with_its_sentences(shared_model):
    sentence = "The old team of Paris met Alice near the river market today."
    words = split(" ".join([sentence] * 20), shared_model.splitter, shared_model.subtokens)
    pieces = read_by(shared_model, 40).windows(words, 10)
    assert len(pieces) > 5
    assert {words.asked[piece.stop - 1] for piece in pieces} == {"."}


def test_a_text_that_fits_the_model_is_cut_all_the_same_where_its_windows_are_shorter(shared_model):
    text = "the house " * 50
    assert len(shared_model.prepare(text, LABELS, 0.5)) == 1
    assert len(read_by(shared_model, 30).prepare(text, LABELS, 0.5)) > 3


@pytest.mark.parametrize("name", toys.TOYS)
def test_spans_of_long_notes_in_other_scripts_are_learnt_and_answered_at_their_places(name, tmp_path):
    model = read_by(Model(toys.build(tmp_path, [toys.TOYS[name]])), 30)
    text, spans = "", []
    for document in toys.documents(toys.TOYS[name], 25):
        spans += [span._replace(start=span.start + len(text), end=span.end + len(text)) for span in document.spans]
        text += f"{document.text}\n"
    note = Document(text, toys.LABELS, tuple(spans))
    dataset = build([note], model)
    learnt = {tuple(e.words[first : last + 1]) for e in dataset.examples for first, last, _ in e.spans}
    assert not dataset.omissions
    assert len(dataset.examples) > 5
    words = split(text, model.splitter, model.subtokens)
    wanted = {span: words.starts.index(span.start) for span in spans}
    assert learnt == {tuple(words.asked[at : words.ends.index(span.end) + 1]) for span, at in wanted.items()}
    for window in model.prepare(text, toys.LABELS, 0.5):
        assert len(window.words) <= 30
        for start, end in zip(window.starts, window.ends, strict=True):
            assert (start, end) in set(zip(words.starts, words.ends, strict=True))


def test_a_published_length_is_served_learnt_and_judged_with(shared_model, tmp_path):
    save_model(read_by(shared_model, 40), tmp_path)
    served = Model.load(str(tmp_path), "cpu")
    text = "The team met Alice near the old house. " * 30
    assert max(len(window.words) for window in served.prepare(text, LABELS, 0.5)) <= 40
    assert max(len(example.words) for example in build([Document(text, LABELS, ())], served).examples) <= 40


def test_a_setting_changes_the_windows_of_a_base_model(model_folder):
    assert Model.load(str(model_folder), "cpu", 64).window_words == 64
    assert Model.load(str(model_folder), "cpu", 10_000).window_words == 384


def test_a_reading_from_before_windows_were_chosen_has_the_models_own_limit(shared_model, tmp_path):
    save_model(shared_model, tmp_path)
    (tmp_path / "reading.json").write_text('{"format": 1, "rungs": {"Latin": "words"}}')
    assert Model.load(str(tmp_path), "cpu").window_words == 384
    (tmp_path / "reading.json").unlink()
    assert Model.load(str(tmp_path), "cpu").window_words == 384
    write_reading(tmp_path, Reading(window_words=64))
    assert Model.load(str(tmp_path), "cpu").window_words == 64
