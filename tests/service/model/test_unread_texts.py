"""Texts and labels whose words a tokenizer does not know, for tokenizers that write blanks as pieces of their own."""

from __future__ import annotations

import copy
import string

import pytest

from service.model.errors import UnknownLabels, Unread
from service.model.subtokens import Subtokens

LABELS = ["person", "place"]


@pytest.fixture
def unigram(shared_model):
    """The tiny model with the kind of tokenizer that DeBERTa-v3 has: an unknown word is "▁" and "[UNK]"."""
    from transformers import DebertaV2Tokenizer  # after GLiNER, which trims what transformers imports

    pieces = [(piece, 0.0) for piece in ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "<<ENT>>", "<<SEP>>")]
    letters = [(letter, -4.0) for letter in string.ascii_letters + string.digits + ".,"]
    tokenizer = DebertaV2Tokenizer(vocab=[*pieces, ("▁", -2.0), ("▁the", -3.0), *letters])
    model = copy.copy(shared_model)
    model.subtokens, model._known_groups, model._known_unknowns = Subtokens(tokenizer), {}, {}
    return model


@pytest.mark.parametrize("text", ["马云在杭州创立了阿里巴巴。", "สมศรีที่เชียงราย", "नरेंद्र मोदी दिल्ली गए"])
def test_a_unigram_tokenizer_reads_no_text_of_letters_that_it_does_not_know(unigram, text):
    with pytest.raises(Unread, match="does not know most of its words"):
        unigram.prepare(text, LABELS, 0.5)


@pytest.mark.parametrize("text", ["Alice met 马云 in Paris", "the naïve Zoë", "😀 ?!", "2024"])
def test_a_unigram_tokenizer_reads_a_text_of_which_it_knows_most_words(unigram, text):
    assert unigram.prepare(text, LABELS, 0.5)


def test_a_text_is_not_asked_for_labels_of_which_the_tokenizer_knows_no_word(shared_model, unigram):
    for model in (shared_model, unigram):
        with pytest.raises(UnknownLabels, match=r"does not know the words of any label .*地点.*predicted_values"):
            model.prepare("Alice lives in Paris", ["人名", "地点"], 0.5)
        assert model.prepare("Alice lives in Paris", ["person", "地点"], 0.5)
        assert model.prompts.unknown(["person", "人名 地点", "name 人名", "地点"]) == ["人名 地点", "地点"]
