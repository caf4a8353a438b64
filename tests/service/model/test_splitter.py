from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
import regex
from gliner.data_processing.tokenizer import WhitespaceTokenSplitter
from hypothesis import given
from hypothesis import strategies as st

from service.model.graphemes import is_blank
from service.model.reading import Rung
from service.model.scripts import script_of
from service.model.splitter import Splitter, _known_kind

CONTROLS = "".join(map(chr, [*range(9), *range(14, 28), *range(127, 160)]))
RUNGS: tuple[Rung, ...] = get_args(Rung)
SCRIPTS = ("Latin", "Han", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Hangul", "Hebrew", "Arabic", "Devanagari")
SCRIPTS += ("Cyrillic", "Common", "Unknown")
DATA = Path(__file__).parents[4] / "shared" / "data"
"""Public data sets, beside the checkout where they are there at all."""
SAMPLES = [
    *["José García", "nguye\u0302\u0303n", "राहुल गांधी", "নরেন্দ্র", "తెలుగు", "שָׁלוֹם", "مُحَمَّد", "کتاب‌خانه", "Ber\u00adlin"],
    *[
        "马云在杭州",
        "ソウルで山田さん",
        "ฉันพบสมศรี",
        "ສະບາຍດີ",
        "ភ្នំពេញ",
        "မြန်မာ",
        "བོད་ལྗོངས",
        "서울에서",
        "בירושלים",
        "417mg",
        "post-COVID-19",
    ],
    *[
        "👩‍⚕️",
        "🇩🇪",
        "1️⃣",
        "\u0600",
        " ",
        "\n",
        "\r\n",
        "-",
        "_",
        ".",
        "2024",
        "\u0301",
        "\u200d",
        "\u200f",
        "\u200b",
        "\u00ad",
        "각",
    ],
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(SAMPLES), max_size=12).map("".join),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=40),
    st.lists(st.sampled_from("".join(SAMPLES)), max_size=40).map("".join),
)


def words_of(text: str, rung: Rung | None = None) -> list[str]:
    """The words of a text, all scripts at one rung, by default at that of a base model."""
    return [text[start:end] for _, start, end in splitter(rung)(text)]


def splitter(rung: Rung | None = None) -> Splitter:
    return Splitter(dict.fromkeys(SCRIPTS, rung) if rung else {}, lambda word: [*range(2, len(word), 3)])


def edges_of(text: str) -> set[int]:
    return {place for match in regex.finditer(r"\X", text) for place in match.span()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("José García met Zoë.", ["José", "García", "met", "Zoë", "."]),
        ("राहुल गांधी दिल्ली गए", ["राहुल", "गांधी", "दिल्ली", "गए"]),
        ("নরেন্দ্র মোদী ঢাকা সফর", ["নরেন্দ্র", "মোদী", "ঢাকা", "সফর"]),
        ("తెలుగు భాష", ["తెలుగు", "భాష"]),
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("שָׁלוֹם", ["שָׁלוֹם"]),
        ("مُحَمَّد عَلِي", ["مُحَمَّد", "عَلِي"]),
        ("کتاب‌خانه بزرگ", ["کتاب‌خانه", "بزرگ"]),
        ("in Ber\u00adlin since", ["in", "Ber\u00adlin", "since"]),
        ("\u00adBer\u00ad lin\u00ad.", ["Ber", "lin", "."]),
        ("a\u2060b \u200fa\u200f", ["a\u2060b", "a"]),
        ("\ufeffAnn Co\u00ad-op post-\u200eCOVID", ["Ann", "Co\u00ad-op", "post-\u200eCOVID"]),
        ("ខ្ញុំ\u200bនៅ Ann\u200bLee", ["ខ្ញុំ", "នៅ", "Ann", "Lee"]),
        ("👩‍⚕️ 🇩🇪🇫🇷 1️⃣", ["👩‍⚕️", "🇩🇪", "🇫🇷", "1️⃣"]),
        ("first-rate snake_case it's 417mg", ["first-rate", "snake_case", "it", "'", "s", "417mg"]),
        ("马云在Apple公司，2024年。", ["马", "云", "在", "Apple", "公", "司", "，", "2024", "年", "。"]),
        ("ソウルで", ["ソ", "ウ", "ル", "で"]),
        ("เชียงราย", ["เ", "ชี", "ย", "ง", "ร", "า", "ย"]),
        ("서울에서 만났다", ["서울에서", "만났다"]),
    ],
)
def test_a_base_model_reads_the_words_that_a_person_would_select(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "rung", "words"),
    [
        ("417mg post-COVID-19 a_b", "words", ["417mg", "post-COVID-19", "a_b"]),
        ("417mg post-COVID-19 a_b", "digits", ["417", "mg", "post", "-", "COVID", "-", "19", "a", "_", "b"]),
        ("IL-2Rα IBM은 5µg", "digits", ["IL", "-", "2", "R", "α", "IBM", "은", "5", "µg"]),
        ("کتاب\u200cها", "digits", ["کتاب\u200c", "ها"]),
        ("Berlinreise 12", "pieces", ["Be", "rli", "nre", "ise", "12"]),
        ("Cafe\u0301s", "characters", ["C", "a", "f", "e\u0301", "s"]),
        ("马云在杭州", "words", ["马云在杭州"]),
        ("ソウルで山田さん", "words", ["ソウルで山田さん"]),
    ],
)
def test_each_rung_cuts_finer_than_the_one_before(text, rung, words):
    assert words_of(text, rung) == words


def test_each_script_of_a_text_has_a_rung_of_its_own():
    cut = Splitter({"Hangul": "characters", "Han": "words"}, lambda word: [])
    text = "서울에서 Berlin 417mg 马云"
    assert [text[s:e] for _, s, e in cut(text)] == ["서", "울", "에", "서", "Berlin", "417mg", "马云"]


@pytest.mark.parametrize("rung", [None, *RUNGS])
@given(text=TEXTS)
def test_no_rung_cuts_inside_a_grapheme_cluster_or_leaves_anything_out_but_blanks(rung, text):
    placed = list(splitter(rung)(text))
    edges = edges_of(text)
    assert all(start in edges and end in edges for _, start, end in placed)
    assert all(start < end for _, start, end in placed)
    assert all(one[2] <= other[1] for one, other in pairwise(placed))
    covered = {place for _, start, end in placed for place in range(start, end)}
    assert all(is_blank(text[place]) for place in range(len(text)) if place not in covered)
    assert placed == list(splitter(rung)(text))


@given(text=TEXTS)
def test_a_finer_rung_keeps_the_cuts_of_a_coarser_one(text):
    edges = [{edge for _, *stretch in splitter(rung)(text) for edge in stretch} for rung in RUNGS]
    assert all(coarse <= fine for coarse, fine in pairwise(edges))


@given(text=TEXTS)
def test_a_word_cut_out_of_its_text_is_one_word_again(text):
    for word in words_of(text):
        assert words_of(word) == [word]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" \u200d ", []),
        ("\ufe0f", []),
        ("\u034f", []),
        ("\x07\x00", []),
        ("\u200cکتاب", ["کتاب"]),
        ("در \u200cکتاب", ["در", "کتاب"]),
        ("Alice \u200d met\x07 Bob", ["Alice", "met", "Bob"]),
        ("☺\ufe0f", ["☺\ufe0f"]),
        (" \u0301", [" \u0301"]),
    ],
)
def test_what_shows_nothing_is_no_word(text, words):
    assert words_of(text) == words


def test_a_cluster_of_a_book_full_of_marks_is_not_kept_in_memory():
    kept = _known_kind.cache_info().currsize
    assert words_of("e" + "\u0301" * 500_000) == ["e" + "\u0301" * 500_000]
    assert _known_kind.cache_info().currsize == kept


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("Ber\u00adlin", "Berlin"),
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("각", "각"),
        ("کتاب‌خانه", "کتاب‌خانه"),
    ],
)
def test_the_model_is_asked_a_word_as_a_person_would_type_it(word, asked):
    assert list(splitter()(word)) == [(asked, 0, len(word))]


@pytest.mark.parametrize(
    ("word", "script"),
    [("417mg", "Latin"), ("2024", "Common"), ("ー山", "Han"), ("서울", "Hangul"), ("ໂລກ", "Lao"), ("😀", "Common")],
)
def test_a_word_has_the_script_of_its_first_letter(word, script):
    assert script_of(word) == script


@given(text=st.text(st.characters(max_codepoint=0x2FF, exclude_characters="\u00ad" + CONTROLS), max_size=60))
def test_a_plain_text_is_cut_as_gliner_cuts_it(text):
    assert list(splitter()(text)) == list(WhitespaceTokenSplitter()(text))


def test_the_published_texts_are_cut_as_before_apart_from_marks_and_scripts_without_blanks(published_texts):
    unlike = regex.compile(
        r"[\p{M}\p{Cf}\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
    )
    gliner, ours = WhitespaceTokenSplitter(), splitter()
    plain = [text for text in published_texts if not unlike.search(text)]
    assert len(plain) > 0.99 * len(published_texts)
    assert [text for text in plain if list(ours(text)) != list(gliner(text))] == []


@pytest.fixture(scope="module")
def published_texts() -> list[str]:
    """The texts of the public data sets."""
    files = sorted(DATA.rglob("*.jsonl"))
    if not files:
        pytest.skip(f"there are no public data sets in {DATA}")
    return [json.loads(line)["text"] for file in files for line in file.open(encoding="utf-8")]
