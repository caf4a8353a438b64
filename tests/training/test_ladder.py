from __future__ import annotations

from dataclasses import replace

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from service.model.graphemes import is_blank
from service.model.model import Model
from service.model.reading import Reading
from service.model.spans import Span
from service.model.words import split
from service.settings import STARTER
from training.dataset import Document, align, build, without_blanks
from training.ladder import choose

SCRIPTS = ("Latin", "Common", "Unknown", "Han", "Thai", "Hangul", "Hebrew", "Devanagari", "Khmer", "Myanmar", "Tibetan")
SCRIPTS += ("Arabic", "Lao")


def marked(text: str, *stretches: tuple[int, int], label: str = "x") -> Document:
    return Document(text, (label,), tuple(Span(start, end, label, 1.0) for start, end in stretches))


CASES = {
    "Han": marked("马云在杭州创立了阿里巴巴。", (0, 2), (3, 5)),
    "Kana": marked("ソウルで山田さんに会った。", (0, 3), (4, 6)),
    "Thai": marked("ฉันพบสมศรีที่เชียงราย", (5, 10), (13, 21)),
    "Khmer": marked("ខ្ញុំនៅភ្នំពេញ", (7, 14)),
    "Myanmar": marked("သူကရန်ကုန်မှာနေတယ်", (3, 10)),
    "Tibetan": marked("ང་ལྷ་ས་ལ་འགྲོ", (2, 6)),
    "a dose": marked("took 417mg aspirin", (5, 8)),
    "a virus": marked("signs of post-COVID-19 fatigue", (14, 22)),
    "a compound": marked("Die Berlinreise war kurz.", (4, 10)),
    "a particle": marked("어제 서울에서 만났다.", (3, 5)),
    "a prefix": marked("היא גרה בירושלים", (9, 16)),
    "a word after a non-joiner": marked("تهران\u200cها شلوغ است", (0, 6)),
    "a prefix without a joint": marked("سافر بالقاهرة", (6, 13)),
    "a postposition": marked("दिल्लीमें बारिश", (0, 6)),
    "Lao": marked("ຂ້ອຍຢູ່ວຽງຈັນ", (7, 13)),
    "blanks": marked("We met Jane Smith\n today", (6, 18)),
}


def learnt(document: Document, model: Model) -> list[str]:
    """What a run on a document alone would learn as spans."""
    read = model.with_reading(choose([document], model))
    words = split(document.text, read.splitter, read.subtokens)
    aligned, _ = align(document.spans, words, read.max_width)
    return [document.text[words.starts[first] : words.ends[last]] for first, last, _ in aligned]


@pytest.mark.parametrize("document", CASES.values(), ids=CASES.keys())
def test_a_run_cuts_a_script_finely_enough_for_its_spans(shared_model, document):
    assert learnt(document, shared_model) == [document.text[s.start : s.end].strip() for s in document.spans]


def test_annotations_on_whole_words_leave_the_rungs_as_they_are(shared_model):
    documents = [marked("Alice met 马云", (0, 5), (10, 12)), marked("In New York.", (3, 11)), marked("the house")]
    assert choose(documents, shared_model).rungs == {"Latin": "words", "Han": "characters"}


def test_the_coarsest_rung_that_is_fine_enough_is_taken(shared_model):
    doses = [marked(f"took {n}mg aspirin", (5, 5 + len(str(n)))) for n in range(100, 300)]
    assert choose(doses, shared_model).rungs == {"Latin": "digits"}


def test_one_span_of_a_hundred_does_not_make_a_script_finer(shared_model):
    whole = [marked("Alice met Bob", (0, 5), (10, 13))] * 50
    assert choose([*whole, marked("the house", (5, 8))], shared_model).rungs == {"Latin": "words"}
    assert choose([*whole, *[marked("the house", (5, 8))] * 3], shared_model).rungs["Latin"] == "characters"


def test_each_script_of_a_text_gets_a_rung_of_its_own(shared_model):
    text = "417mg 서울에서 Москва"
    documents = [marked(text, (0, 3), (6, 8), (11, 17))] * 4
    assert choose(documents, shared_model).rungs == {"Latin": "digits", "Hangul": "characters", "Cyrillic": "words"}


def test_a_span_that_ends_inside_a_word_of_another_script_makes_that_script_finer(shared_model):
    vitamins = [marked("含维生素B12很多", (1, 5)), marked("在Berlinreise中", (0, 7))]
    assert choose(vitamins[:1], shared_model).rungs == {"Han": "characters", "Latin": "digits"}
    assert choose(vitamins[1:], shared_model).rungs == {"Han": "characters", "Latin": "pieces"}
    assert [learnt(one, shared_model) for one in vitamins] == [["维生素B"], ["在Berlin"]]


def test_a_non_joiner_separates_the_parts_of_a_word(shared_model):
    assert choose([CASES["a word after a non-joiner"]], shared_model).rungs == {"Arabic": "digits"}


def test_a_name_is_cut_from_the_particle_of_another_script(shared_model):
    document = marked("IBM은 발표했다", (0, 3))
    assert choose([document], shared_model).rungs == {"Latin": "digits"}
    assert learnt(document, shared_model) == ["IBM"]


def test_spans_that_no_rung_represents_leave_the_script_as_it_is(shared_model):
    name = "中华人民共和国国务院办公厅"
    assert choose([marked(f"在{name}工作", (1, 1 + len(name)))], shared_model).rungs == {"Han": "characters"}


@pytest.mark.parametrize("edge", ["\u200b", "\ufeff", "\u200f", "\u00ad", "\u3000", "\u00a0\r\n"])
def test_what_shows_nothing_at_the_edges_of_a_span_is_not_learnt(shared_model, edge):
    text = f"met {edge}Ann Lee{edge} there"
    for stretch in [(4, len(text) - 6), (4 + len(edge), len(text) - 6 - len(edge))]:
        document = marked(text, stretch)
        assert learnt(document, shared_model) == ["Ann Lee"]
        assert choose([document], shared_model).rungs == {"Latin": "words"}


def test_a_rung_that_makes_spans_longer_than_the_model_reads_is_not_taken(shared_model):
    long = "selegiline-induced hypotension"
    documents = [marked(f"had {long} today", (4, 4 + len(long)))] * 50 + [marked("the house", (5, 8))] * 2
    assert choose(documents, shared_model) == Reading(rungs={"Latin": "words"})


def test_too_long_names_without_blanks_are_left_out_and_masked(shared_model):
    name = "中华人民共和国国务院办公厅"
    document = marked(f"在{name}工作", (1, 1 + len(name)))
    words = split(document.text, shared_model.splitter, shared_model.subtokens)
    _, (unfit,) = align(document.spans, words, shared_model.max_width)
    assert unfit.reason == "is longer than the model's 12 words"
    assert (unfit.first, unfit.last) == (1, 13)


@given(data=st.data())
def test_at_the_characters_rung_any_span_on_grapheme_boundaries_comes_back(shared_model, data):
    text = data.draw(
        st.one_of(st.text(TEXT_CHARACTERS, max_size=30), st.sampled_from([d.text for d in CASES.values()]))
    )
    edges = sorted({place for match in regex.finditer(r"\X", text) for place in match.span()})
    if len(edges) < 2:
        return
    start, end = sorted(data.draw(st.lists(st.sampled_from(edges), min_size=2, max_size=2, unique=True)))
    finest = shared_model.with_reading(Reading(rungs=dict.fromkeys(SCRIPTS, "characters")))
    words = split(text, finest.splitter, finest.subtokens)
    aligned, unfit = align([Span(start, end, "x", 1.0)], words, len(text))
    if all(map(is_blank, text[start:end])):
        assert [one.reason for one in unfit] == ["is empty"]
        return
    ((first, last, _),) = aligned
    region = words.starts[first], words.ends[last]
    assert region == without_blanks(Span(start, end, "x", 1.0), text)[:2]
    again, _ = align([Span(*region, "x", 1.0)], words, len(text))
    assert again == aligned


TEXT_CHARACTERS = st.sampled_from(
    [*"ab9-_. \n", "é", "\u0301", "‍", "‌", "\u00ad", "中", "ค", "ำ", "ש", "ָ", "각", "क", "्", "😀", "ខ", "្"]
)


def test_a_published_reading_is_what_an_example_was_cut_by(shared_model):
    documents = [marked(f"took {n}mg aspirin", (5, 8), label="dose") for n in range(100, 300)]
    read = shared_model.with_reading(choose(documents, shared_model))
    dataset = build([replace(document, task=n) for n, document in enumerate(documents)], read)
    assert not dataset.omissions
    assert {
        tuple(example.words[first : last + 1]) for example in dataset.examples for first, last, _ in example.spans
    } == {(str(n),) for n in range(100, 300)}


@pytest.mark.parametrize("town", ["Berlin", "London"])
def test_a_tokenizer_that_knows_the_parts_of_compounds_cuts_between_them(town):
    starter = Model.load(str(STARTER), "cpu")
    documents = [marked(f"Die {town}reise war kurz.", (4, 4 + len(town)))]
    assert choose(documents, starter).rungs == {"Latin": "pieces"}
    assert learnt(documents[0], starter) == [town]
