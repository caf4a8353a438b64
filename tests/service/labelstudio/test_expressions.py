"""The value of a tag, resolved as the editor does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.labelstudio.expressions import NotText, resolve, written
from tests.support.json_values import JSON


@pytest.mark.parametrize(
    ("expression", "data", "found"),
    [
        ("$text", {"text": "x"}, "x"),
        ("$text", {}, None),
        ("$text", {"text": None}, None),
        ("$text", {"text": ["x"]}, ["x"]),
        ("$m[0].text", {"m": [{"text": "Ann"}]}, "Ann"),
        ("$m[1].text", {"m": [{"text": "Ann"}]}, None),
        (f"$m[{'1' * 5000}].text", {"m": [{"text": "Ann"}]}, None),
        ("$m.0.text", {"m": [{"text": "Ann"}]}, "Ann"),
        ("$a.b.c", {"a": {"b": {"c": "deep"}}}, "deep"),
        ("$a.b", {"a.b": "flat", "a": {"b": "deep"}}, "flat"),
        ("$a.b", {"a": "no object"}, None),
        ("$a[b]", {"a": {"b": "deep"}}, "deep"),
        ("Title: $t - $text", {"t": "Visit", "text": "Ann"}, "Title: Visit - Ann"),
        ("Title: $t - $text", {"text": "Ann"}, "Title: undefined - Ann"),
        ("Title: $t - $text", {}, None),
        ("$a$b", {"a": 1, "b": True}, "1true"),
        ("$a, $b", {"a": [1, None, "x"], "b": 0.5}, "1,,x, 0.5"),
        ("text", {"text": "Ann"}, "text"),
        ("5 $", {}, "5 $"),
        ("", {}, ""),
    ],
)
def test_an_expression_is_what_stands_there_or_a_text_around_it(expression, data, found):
    assert resolve(expression, data) == found


def test_an_object_within_a_text_is_none():
    with pytest.raises(NotText):
        resolve("Title: $t", {"t": {"a": 1}})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345, "12345"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (123456789012345680000, "123456789012345680000"),
        (1e21, "1e+21"),
        (1.25e22, "1.25e+22"),
        (2**53 + 1, "9007199254740992"),
        (float("inf"), "Infinity"),
        (-(10**400), "-Infinity"),
        (float("nan"), "NaN"),
        (True, "true"),
        (["Ann met Bob"], "Ann met Bob"),
        (["a", [1, None], "b"], "a,1,,b"),
        ([], ""),
    ],
)
def test_a_value_is_written_as_javascript_writes_it(value, text):
    assert written(value) == text


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.text(max_size=20))
def test_any_expression_on_any_data_is_something_or_not_text(data, expression):
    for one in (expression, *(f"${key}" for key in data)):
        try:
            found = resolve(one, data)
            if found is not None:
                assert isinstance(written(found), str)
        except NotText:
            pass
