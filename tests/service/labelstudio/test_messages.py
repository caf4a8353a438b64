from __future__ import annotations

import pytest

from service.labelstudio.messages import Predict, Setup, Webhook, extra_params, project_id
from service.web.routes import RequestRefused, decode


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("7.1795459342", 7),
        ("7", 7),
        (7, 7),
        (None, None),
        ("", None),
        ("x.1", None),
        ("-7.1", None),
        ("7e3", None),
        ("9" * 30, None),
        ({"id": 7}, None),
        ([7], None),
    ],
)
def test_a_projects_id_is_the_number_before_the_dot(given, wanted):
    assert project_id(given) == wanted


def test_fields_that_are_not_asked_for_are_passed_over():
    body = decode(b'{"tasks": [{"id": 1, "data": {"t": "x"}, "novelty": [{}]}], "novelty": 1}', Predict)
    assert [task.data for task in body.tasks] == [{"t": "x"}]
    assert decode(b'{"access_token": "x", "hostname": 7}', Setup).schema is None


def test_an_empty_body_is_an_empty_object():
    assert decode(b"", Webhook).action == ""
    with pytest.raises(RequestRefused, match="tasks"):
        decode(b"", Predict)


@pytest.mark.parametrize(
    "given", ["{", "nonsense", "[]", "7", '"x"', [1], 7, True, "[" * 100_000], ids=lambda given: str(given)[:9]
)
def test_nonsense_in_extra_params_is_a_value_error_and_nothing_else(given):
    with pytest.raises(ValueError, match="extra_params"):
        extra_params(given)


@pytest.mark.parametrize("given", [None, "", "null", {}, "{}"])
def test_no_extra_params_are_none(given):
    assert extra_params(given) == {}
