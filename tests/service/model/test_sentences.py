"""Where texts can be cut, in many scripts. `¦` marks a sentence end, `~` a weak cut, `¬` a line, `¶` a paragraph."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.sentences import INSIDE, LINE, PARAGRAPH, SENTENCE, WEAK, cuts
from service.model.splitter import Splitter

GRADES = {"¦": SENTENCE, "~": WEAK, "¬": LINE, "¶": PARAGRAPH}
CASES = {
    "Latin": "The patient came.¦ He had pain!¦ “Really?”¦ (Sure, he said.)¦ So",
    "abbreviations": "Dr. Smith, Prof. Lee et al. Saw J. R. Brown, i.e. Fig. 3 vs. No. 5 and 17.5.¦ Then",
    "numbers": "It fell by 0.05 to 3.5.¦ Then p < 0 . 001 .¦ Am 1. Mai ging er.¦",
    "addresses": "see http://example.com/?a=1.b or foo.Bar today.¦ Then",
    "small letters": "hello there.~ how are you?¦ fine.~ then",
    "quotes": "»Ganz.«¦ Nein.¦ »Doch?«¦ Nein",
    "Cyrillic": "Он пришёл.¦ Она ушла…?¦ Да",
    "Han": "马云在杭州。¦他很忙！¦“真的吗？”¦他问。¦“是。”¦",
    "Kana": "ソウルで会った。¦元気？¦はい",
    "Devanagari": "राम ने खाया।¦ सीता आई।¦ अब",
    "Arabic": "هل جاء؟¦ نعم.¦ حسنا",
    "Urdu": "وہ آیا۔¦ وہ گئی۔¦ اب",
    "Armenian": "Նա եկավ։¦ Այո",
    "Ethiopic": "መጣ።¦ ሄደ",
    "Khmer": "ខ្ញុំនៅភ្នំពេញ។¦ គាត់",
    "Myanmar": "သူနေတယ်။¦ သူ",
    "Thai": "ฉันพบสมศรี~ ที่เชียงราย~ แล้ว",
    "Tibetan": "ང་ལྷ་ས་ལ་འགྲོ།~ ཁྱེད་རང་།",
    "lines": "History¬\nTook aspirin~\nand metformin.~\nthen¬\r\nPlan¶\n\nRest¶\n \nRest",
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_sentences_lines_and_paragraphs_are_seen_in_every_script(case):
    assert shown(re.sub("[¦~¬¶]", "", case)) == case


def shown(text: str) -> str:
    """The text with a sign of the grade behind each word that can be cut behind."""
    placed = list(Splitter({}, lambda word: [])(text))
    starts, ends = [start for _, start, _ in placed], [end for _, _, end in placed]
    signs = {grade: sign for sign, grade in GRADES.items()} | {INSIDE: ""}
    at = {end: signs[grade] for end, grade in zip(ends, cuts(text, starts, ends), strict=True)}
    return "".join(at.get(place, "") + letter for place, letter in enumerate([*text, ""]))


@given(st.text(alphabet=st.sampled_from([*" \n\r.?!,;:)(”“»«\"'aAZ19é中。ก।؟-"]), max_size=60))
def test_any_text_has_a_grade_for_every_word(text):
    placed = list(Splitter({}, lambda word: [])(text))
    found = cuts(text, [start for _, start, _ in placed], [end for _, _, end in placed])
    assert len(found) == len(placed)
    assert set(found) <= {INSIDE, *GRADES.values()}


@pytest.mark.parametrize(
    "part", [". ", ".", " ", "\n", "\r \n", ".)", ". )", "。 ", ". 1 ", "a. ", "ก ", "?!\u00a0", '."']
)
def test_a_text_of_marks_alone_is_read_without_going_back_and_forth(part):
    text = part * (60_000 // len(part))
    assert cuts(text, [0], [len(text)]) in (bytes([grade]) for grade in range(5))
