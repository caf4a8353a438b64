"""The version that /setup names and predictions are stamped with."""

from __future__ import annotations

import pytest

from tests.support.asking import TWO_CONTROLS, results, setup


def test_setup_names_the_version_that_predictions_are_stamped_with(client):
    named = setup(client)
    for item in results(client, "Alice", "", "Bob"):
        assert item["model_version"] == named
    assert named.startswith(client.app.state.supervisor.extractor.version)


def test_two_controls_or_a_project_threshold_still_give_one_version_in_both_places(client):
    named = setup(client, project="4.1", schema=TWO_CONTROLS, extra_params={"threshold": 0.3})
    body = {"tasks": [{"data": {"note": "Alice"}}], "label_config": TWO_CONTROLS, "project": "4.2"}
    (item,) = client.post("/predict", json=body).json()["results"]
    assert item["model_version"] == named


@pytest.mark.parametrize(
    ("given", "threshold"),
    [
        ('{"threshold": 0.99999}', 0.99999),
        ({"threshold": 0.99999}, 0.99999),
        (None, 0.5),
        ("", 0.5),
        ("null", 0.5),
        ({}, 0.5),
        ({"foo": "bar"}, 0.5),
        ("nonsense", 0.5),
        ("[1, 2]", 0.5),
        ([1], 0.5),
        (7, 0.5),
        ('{"threshold": "high"}', 0.5),
        ({"threshold": 2}, 0.5),
        ({"threshold": 0}, 0.5),
        ({"threshold": -1}, 0.5),
        ({"threshold": True}, 0.5),
        ('{"threshold": NaN}', 0.5),
        ('{"threshold": 1e999}', 0.5),
        ('{"threshold": ' + "9" * 5000 + "}", 0.5),
        ("[" * 100_000, 0.5),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_projects_threshold_is_taken_from_extra_params_where_it_makes_sense(client, given, threshold):
    named = setup(client, extra_params=given)
    assert client.app.state.supervisor.predictor.threshold(1) == threshold
    assert (named == setup(client, project="2.1")) == (threshold == 0.5)
    assert client.get("/health").status_code == 200


def test_a_projects_threshold_counts_for_its_predictions_only_and_survives_a_restart(backend):
    client = backend()
    setup(client, project="1.1", extra_params={"threshold": 0.99999})
    assert results(client, "Tyrell Corp", project="1.1")[0]["result"] == []
    assert len(results(client, "Tyrell Corp", project="2.1")[0]["result"]) == 1
    again = backend()
    assert results(again, "Tyrell Corp", project="1.1")[0]["result"] == []


def test_a_threshold_that_is_taken_back_is_gone(client):
    default = setup(client)
    assert setup(client, extra_params={"threshold": 0.9}) != default
    assert setup(client, extra_params="") == default


def test_setup_answers_for_any_config_and_project(client):
    for schema in (None, "", "<View/>", "<broken", "<!DOCTYPE x [<!ENTITY a 'b'>]><View>&a;</View>"):
        for project in (None, "", "x", "7", 7, "7.1", {"id": 7}, "9" * 40, "-1"):
            assert setup(client, schema=schema, project=project)
