"""What backend and extractor of different releases send each other during an upgrade."""

from __future__ import annotations

import json

import msgspec
import pytest

from service.extractor.questions import Answer, Question
from service.extractor.wire import Ask, decode_answer, encode_answer, encode_ask
from service.model.spans import Extraction, Span


class EarlierAsk(msgspec.Struct):
    """The body of /extract as a release from before versions had thresholds reads it."""

    questions: list[Question]
    threshold: float


@pytest.mark.parametrize(
    "question",
    [
        Question(["Alice"], ["person"]),
        Question(["Alice"], ["person"], {"person": 0.4}),
        Question(["Alice"], ["person"], {}, "nested"),
        Question(["Alice"], ["person"], {"person": 0.4}, "multi"),
    ],
)
def test_a_question_comes_through_whole(question):
    sent = msgspec.json.decode(encode_ask([question], 0.5), type=Ask)
    assert (sent.questions, sent.threshold) == ([question], 0.5)


def test_a_question_that_sets_nothing_more_is_that_of_the_first_release():
    assert (
        encode_ask([Question(["Alice"], ["person"])], 0.5) == b'{"questions":[[["Alice"],["person"]]],"threshold":0.5}'
    )


def test_a_question_without_a_threshold_asks_for_the_versions_own_and_an_earlier_extractor_has_the_default():
    body = encode_ask([Question(["Alice"], ["person"])], None)
    assert msgspec.json.decode(body, type=Ask).decisive is None
    assert msgspec.json.decode(body, type=EarlierAsk).threshold == 0.5
    assert msgspec.json.decode(encode_ask([Question(["Alice"], ["person"])], 0.5), type=Ask).decisive == 0.5


def test_a_way_that_no_extractor_knows_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"questions":[[["Alice"],["person"],{},"all"]],"threshold":0.5}', type=Ask)


@pytest.mark.parametrize("threshold", [0, -0.0, 1, 1.5, "0.5", None])
def test_a_threshold_that_is_no_probability_between_0_and_1_is_refused(threshold):
    of_all = {"questions": [[["Alice"], ["person"]]], "threshold": threshold}
    of_a_label = {"questions": [[["Alice"], ["person"], {"person": threshold}]], "threshold": 0.5}
    for body in (of_all, of_a_label):
        with pytest.raises(msgspec.ValidationError, match="Expected"):
            msgspec.json.decode(json.dumps(body), type=Ask)


def test_an_answer_comes_through_whole_and_that_of_the_first_release_is_flat():
    answer = Answer("v", [[Extraction((Span(0, 5, "person", 0.9),), 0.8)]], "nested")
    assert decode_answer(encode_answer(answer)) == answer
    body = b'{"version":"v","items":[[{"spans":[[0,5,"person",0.9]],"certainty":0.8}]]}'
    assert decode_answer(body) == answer._replace(overlap="flat")
