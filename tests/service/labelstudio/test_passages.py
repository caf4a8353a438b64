"""The text of a task as a control shows it, for every kind of value in the task."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Cause
from service.labelstudio.label_config import parse
from service.labelstudio.passages import passage_of
from service.labelstudio.unread import Unread
from tests.support.json_values import JSON

LABELS = '<Labels name="label" toName="text"><Label value="Person"/></Labels>'


def control(text='<Text name="text" value="$text"/>', labels=LABELS):
    (found,) = parse(f"<View>{labels}{text}</View>")
    return found


def dialogue(more=""):
    labels = LABELS.replace("Labels", "ParagraphLabels")
    return control(f'<Paragraphs name="text" value="$turns" {more}/>', labels)


@pytest.mark.parametrize(
    ("tag", "data", "text"),
    [
        ('value="$m[0].text"', {"m": [{"text": "Ann met Bob"}]}, "Ann met Bob"),
        ('value="Title: $title - $text"', {"title": "Visit", "text": "Ann met Bob"}, "Title: Visit - Ann met Bob"),
        ('value="$text"', {"text": 12345}, "12345"),
        ('value="$text"', {"text": ["Ann", "Bob"]}, "Ann,Bob"),
        ('value="$text" encoding="base64"', {"text": "QW5uIG1ldCBCb2I="}, "Ann met Bob"),
        ('value="$text" encoding="base64"', {"text": "QW5uIG1ldC\n BCb2I"}, "Ann met Bob"),
        ('value="$text" encoding="none"', {"text": "QW5u"}, "QW5u"),
        ('value="$text" encoding="base64unicode"', {"text": base64.b64encode("Zoë".encode()).decode()}, "Zoë"),
    ],
)
def test_a_text_is_read_as_the_editor_shows_it(tag, data, text):
    assert passage_of(data, control(f'<Text name="text" {tag}/>')).text == text


@pytest.mark.parametrize(
    ("tag", "data", "reason", "cause"),
    [
        ('value="$text"', {"other": "Ann"}, r"no text under \$text", Cause.NO_TEXT),
        ('value="$text"', {"text": None}, r"no text under \$text", Cause.NO_TEXT),
        ('value="$text"', {"text": ""}, r"no text under \$text", Cause.NO_TEXT),
        ('value="$text"', {"text": " \n"}, r"no text under \$text", Cause.NO_TEXT),
        ('value="$text"', {"text": "\u3000\u200b\ufeff\u200d\u3164\x07"}, r"no text under \$text", Cause.NO_TEXT),
        ('value="$text"', {"text": []}, r"no text under \$text", Cause.NO_TEXT),
        ('value="$a and $b"', {}, r"no text under \$a, \$b", Cause.NO_TEXT),
        ('value="text"', {"text": "Ann met Bob"}, r"is a \$ missing", Cause.NO_TEXT),
        ('value="$text"', {"text": {"a": 1}}, "object", Cause.BAD_TEXT),
        ('value="$text"', {"text": [{"a": 1}]}, "object", Cause.BAD_TEXT),
        ('value="A $text"', {"text": {}}, "object", Cause.BAD_TEXT),
        ('value="$text"', {"text": "half \ud83d Angela"}, "half a character", Cause.BAD_TEXT),
        ('value="$text"', {"text": "x" * 101}, "over 100 characters", Cause.TOO_LARGE),
        ('value="$text" encoding="base64"', {"text": "~~~"}, "base64", Cause.BAD_TEXT),
        ('value="$text" encoding="base64"', {"text": "eA==="}, "base64", Cause.BAD_TEXT),
        ('value="$text" encoding="base64unicode"', {"text": "/w=="}, "base64unicode", Cause.BAD_TEXT),
        ('value="$text" valuetype="url"', {"text": "http://127.0.0.1/a"}, "address", Cause.TEXT_FETCH),
    ],
)
def test_what_cannot_be_read_says_why(tag, data, reason, cause):
    with pytest.raises(Unread, match=reason) as caught:
        passage_of(data, control(f'<Text name="text" {tag}/>'), most=100)
    assert caught.value.cause is cause


@given(JSON)
def test_any_json_value_is_a_text_or_says_why_not(value):
    tags = ("Text", "HyperText")
    controls = [control(f'<{tag} name="text" value="{e}"/>') for tag in tags for e in ("$text", "A $text", "$text.x")]
    for one in [*controls, dialogue()]:
        try:
            assert passage_of({"text": value, "turns": value}, one).text.encode().strip()
        except Unread as error:
            assert str(error).encode()


TURNS = [{"author": "A", "text": "I saw Ann 😀 Lee."}, {"author": "B", "text": "In Oslo?"}]


def test_a_dialogue_is_read_turn_by_turn_and_stretches_are_stored_by_turn():
    passage = passage_of({"turns": TURNS}, dialogue())
    assert passage.text == "I saw Ann 😀 Lee.\nIn Oslo?"
    lee, oslo = passage.text.index("Lee"), passage.text.index("Oslo")
    assert passage.value(lee, lee + 3) == {
        "start": "0",
        "end": "0",
        "startOffset": 13,
        "endOffset": 16,
        "text": "Lee",
    }
    across = passage.value(lee, oslo + 4)
    assert (across["start"], across["end"], across["startOffset"], across["endOffset"]) == ("0", "1", 13, 7)
    assert passage.offsets(across) == (lee, oslo + 4)


def test_the_keys_of_turns_are_those_of_the_tag():
    passage = passage_of({"turns": [{"who": "A", "said": "Hello"}]}, dialogue('nameKey="who" textKey="said"'))
    assert passage.text == "Hello"


@given(st.lists(st.text(alphabet="ab \n😀é", max_size=6), min_size=1, max_size=4))
def test_every_stretch_of_a_dialogue_round_trips_but_for_line_feeds_between_turns(turns):
    data = {"turns": [{"author": "A", "text": turn} for turn in turns]}
    if not "".join(turns).strip():
        return
    passage = passage_of(data, dialogue())
    for start in range(len(passage.text)):
        for end in range(start + 1, len(passage.text) + 1):
            if passage.text[start].isspace() or passage.text[end - 1].isspace():
                continue
            value = passage.value(start, end)
            assert passage.offsets(value) == (start, end)
            assert value["text"] == passage.text[start:end]
            own = turns[int(value["start"])].encode("utf-16-le")[2 * value["startOffset"] :].decode("utf-16-le")
            assert own.startswith(passage.text[start:end].partition("\n")[0][:1])


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"start": "9", "end": "9", "startOffset": 0, "endOffset": 1},
        {"start": "0", "end": "0", "startOffset": 3, "endOffset": 3},
        {"start": "-1", "end": "0", "startOffset": 0, "endOffset": 3},
        {"start": True, "end": "0", "startOffset": 0, "endOffset": 3},
        {"start": "1", "end": "0", "startOffset": 0, "endOffset": 3},
        {"start": "0", "end": "0", "startOffset": "0", "endOffset": None},
    ],
)
def test_a_region_that_marks_nothing_of_a_dialogue_has_no_stretch(value):
    assert passage_of({"turns": TURNS}, dialogue()).offsets(value) is None


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ("a text", "list of objects"),
        (["a", "b"], "list of objects"),
        ([{"author": "A", "words": "x"}], "'text'"),
        ([{"text": "x"}], "'author'"),
        ([{"author": "A", "text": {"a": 1}}], "object"),
        ([{"author": "A", "text": "  "}], "no text"),
        ([], "no text"),
    ],
)
def test_a_dialogue_of_another_shape_says_why_it_is_not_read(turns, reason):
    with pytest.raises(Unread, match=reason):
        passage_of({"turns": turns}, dialogue())


def test_turns_are_in_the_order_of_their_times_where_the_tag_scrolls():
    later, sooner = {"author": "A", "text": "b", "start": 9}, {"author": "A", "text": "a", "start": 2.5}
    assert passage_of({"turns": [later, sooner]}, dialogue()).text == "b\na"
    assert passage_of({"turns": [later, sooner]}, dialogue('contextScroll="true"')).text == "a\nb"
    with pytest.raises(Unread, match="order"):
        passage_of({"turns": [later, {**sooner, "start": 0}]}, dialogue('contextScroll="true"'))


def test_a_dialogue_at_an_address_is_json():
    one = dialogue('valueType="url"')
    assert passage_of({"turns": "http://x/t.json"}, one, lambda url: json.dumps(TURNS)).text.endswith("In Oslo?")
    with pytest.raises(Unread, match="not JSON"):
        passage_of({"turns": "http://x/t.json"}, one, lambda url: "<html>")


def test_the_labels_of_each_task_are_its_own():
    one = control(labels='<Labels name="label" toName="text" value="$options"><Label value="City"/></Labels>')
    (own,) = one.of({"options": [{"value": "Person"}, {"value": "Firm", "alias": "ORG", "hint": "company"}]})
    assert own.labels == (("City", "City"), ("Person", "Person"), ("ORG", "company"))
    for odd in (
        None,
        [],
        "Person",
        ["Person"],
        [{"value": ""}],
        [{"value": "\ud83d"}],
        [{"value": " \u200b"}],
        [{"value": 7}],
    ):
        with pytest.raises(Unread, match="labels under"):
            one.of({"options": odd})


REPEATED = (
    '<Repeater on="$turns" indexFlag="{{i}}"><Text name="t{{i}}" value="$turns[{{i}}].text"/>'
    '<Labels name="l{{i}}" toName="t{{i}}"><Label value="Person"/></Labels></Repeater>'
)


def test_a_repeater_repeats_its_controls_for_each_element_of_the_task():
    (one,) = parse(f"<View>{REPEATED}</View>")
    found = one.of({"turns": TURNS})
    assert [(own.name, own.to_name, passage_of({"turns": TURNS}, own).text) for own in found] == [
        ("l0", "t0", TURNS[0]["text"]),
        ("l1", "t1", TURNS[1]["text"]),
    ]
    for odd in (None, [], "x", {"a": 1}):
        with pytest.raises(Unread, match="no text"):
            one.of({"turns": odd})


NESTED = (
    '<Repeater on="$a" indexFlag="{{i}}"><Repeater on="$a[{{i}}].b" indexFlag="{{j}}">'
    '<Text name="t{{i}}-{{j}}" value="$a[{{i}}].b[{{j}}]"/>'
    '<Labels name="l{{i}}-{{j}}" toName="t{{i}}-{{j}}"><Label value="x"/></Labels></Repeater></Repeater>'
)


def test_repeaters_within_one_another_are_repeated_for_each():
    (one,) = parse(f"<View>{NESTED}</View>")
    data = {"a": [{"b": ["Ann", "Bob"]}, {"b": ["Carol"]}]}
    assert [(own.name, passage_of(data, own).text) for own in one.of(data)] == [
        ("l0-0", "Ann"),
        ("l0-1", "Bob"),
        ("l1-0", "Carol"),
    ]


def test_a_repeater_within_another_may_repeat_nothing():
    (one,) = parse(f"<View>{NESTED}</View>")
    assert [own.name for own in one.of({"a": [{"b": []}, {"b": ["Ann"]}, {}, {"b": "x"}]})] == ["l1-0"]
    with pytest.raises(Unread, match="no text"):
        one.of({"a": [{"b": []}, {}]})


def test_repetitions_within_one_another_are_bounded_by_their_product():
    (one,) = parse(f"<View>{NESTED}</View>")
    assert len(one.of({"a": [{"b": ["Ann"] * 40}] * 25})) == 1000
    with pytest.raises(Unread, match=r"over 1000 repetitions under \$a") as caught:
        one.of({"a": [{"b": ["Ann"] * 40}] * 26})
    assert caught.value.cause is Cause.TOO_LARGE
    with pytest.raises(Unread, match="over 1000 repetitions"):
        one.of({"a": [{}] * 1_000_000})


def test_a_repeater_on_an_object_within_a_text_says_so():
    repeater = REPEATED.replace('on="$turns"', 'on="x $turns"')
    (one,) = parse(f"<View>{repeater}</View>")
    with pytest.raises(Unread, match="is an object"):
        one.of({"turns": {"a": 1}})
