from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from service.model.graphemes import as_typed, is_blank
from service.model.words import MAX_TOKENS_OF_A_WORD, PIECE_CHARACTERS, split

JOINER, RIGHT_TO_LEFT, REPLACEMENT = "‍", "‏", "�"
BLOB = base64.b64encode(bytes(range(256)) * 4).decode()

TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from([*"abz .,-_\n\t 9éß", JOINER, RIGHT_TO_LEFT, "​", "́", "️", "😀", "👩", "中", "א", "ﷺ"]),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=80,
)


@given(text=TEXTS)
def test_offsets_are_slices_in_order_and_miss_only_what_shows_nothing(shared_model, text):
    words = split(text, shared_model.splitter, shared_model.subtokens)
    covered = set()
    end = 0
    for asked, start, stop in zip(words.asked, words.starts, words.ends, strict=True):
        assert end <= start < stop <= len(text)
        assert asked in (text[start:stop], as_typed(text[start:stop]), ".") or stop - start > PIECE_CHARACTERS
        covered.update(range(start, stop))
        end = stop
    assert all(is_blank(text[i]) for i in range(len(text)) if i not in covered)


@given(text=TEXTS)
def test_every_word_the_model_reads_has_sub_tokens(shared_model, text):
    words = split(text, shared_model.splitter, shared_model.subtokens)
    assert shared_model.subtokens.of(words.asked) == (words.ids, words.tokens)
    assert all(0 < count <= MAX_TOKENS_OF_A_WORD for count in words.tokens)


def test_a_word_that_the_tokenizer_drops_has_a_stand_in_of_its_own(shared_model):
    text = f"Alice {REPLACEMENT} met Bob"
    assert shared_model.subtokens.of([REPLACEMENT]) == ([], [0])
    words = split(text, shared_model.splitter, shared_model.subtokens)
    assert words.asked == ["Alice", ".", "met", "Bob"]
    slices = [text[s:e] for s, e in zip(words.starts, words.ends, strict=True)]
    assert slices == ["Alice", REPLACEMENT, "met", "Bob"]


def test_emoji_and_combining_accents_keep_code_point_offsets(shared_model):
    text = "👩‍⚕️ José saw 😀 Bob"
    words = split(text, shared_model.splitter, shared_model.subtokens)
    slices = [text[s:e] for s, e in zip(words.starts, words.ends, strict=True)]
    assert slices[-1] == "Bob"
    assert words.starts[-1] == text.index("Bob")
    assert "".join(slices) == text.replace(" ", "")


def test_a_base64_blob_becomes_pieces_that_cover_exactly_the_blob(shared_model):
    text = f"Alice sent {BLOB} to Bob"
    words = split(text, shared_model.splitter, shared_model.subtokens)
    pieces = [text[s:e] for s, e in zip(words.starts, words.ends, strict=True)]
    assert pieces[:2] == ["Alice", "sent"]
    assert pieces[-2:] == ["to", "Bob"]
    assert "".join(pieces[2:-2]) == BLOB
    assert max(words.tokens) <= MAX_TOKENS_OF_A_WORD


def test_an_empty_text_has_no_words(shared_model):
    assert len(split("", shared_model.splitter, shared_model.subtokens)) == 0
    assert len(split(" \n\t ", shared_model.splitter, shared_model.subtokens)) == 0


def test_a_blob_without_a_character_that_fits_is_read_in_part(shared_model):
    text = "Alice sent a" + "\u0301" * 500 + " and " + "e\u0301" * 200 + " to Bob"
    words = split(text, shared_model.splitter, shared_model.subtokens)
    slices = [text[s:e] for s, e in zip(words.starts, words.ends, strict=True)]
    assert "".join(slices) == text.replace(" ", "")
    assert "a" + "\u0301" * 500 in slices
    assert not any(word.startswith("\u0301") for word in slices)
    assert max(words.tokens) <= MAX_TOKENS_OF_A_WORD


def test_the_model_is_asked_a_word_without_its_soft_hyphens(shared_model):
    text = "She lives in Ber\u00adlin since May."
    words = split(text, shared_model.splitter, shared_model.subtokens)
    assert "Berlin" in words.asked
    assert text[words.starts[3] : words.ends[3]] == "Ber\u00adlin"
    assert [text[s.start : s.end] for s in shared_model.extract([text], ["city"], 0.5)[0].spans] == ["Ber\u00adlin"]
