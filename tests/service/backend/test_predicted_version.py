"""The version that /setup names and predictions are stamped with."""

from __future__ import annotations

import pytest

from service.extractor.loaded import Loaded
from service.model.calibration import Calibration
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
        (None, None),
        ("", None),
        ("null", None),
        ({}, None),
        ({"foo": "bar"}, None),
        ("nonsense", None),
        ("[1, 2]", None),
        ([1], None),
        (7, None),
        ('{"threshold": "high"}', None),
        ({"threshold": 2}, None),
        ({"threshold": 0}, None),
        ({"threshold": -1}, None),
        ({"threshold": True}, None),
        ('{"threshold": NaN}', None),
        ('{"threshold": 1e999}', None),
        ('{"threshold": ' + "9" * 5000 + "}", None),
        ("[" * 100_000, None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_projects_threshold_is_taken_from_extra_params_where_it_makes_sense(client, given, threshold):
    named = setup(client, extra_params=given)
    predictor, project = client.app.state.supervisor.predictor, client.app.state.supervisor.projects.get(1)
    assert predictor.decoding(project).threshold == threshold
    assert (named == setup(client, project="2.1")) == (threshold is None)
    assert client.get("/health").status_code == 200


def test_a_projects_threshold_counts_for_its_predictions_only_and_survives_a_restart(backend, running):
    client = backend()
    setup(client, project="1.1", extra_params={"threshold": 0.99999})
    assert results(client, "Tyrell Corp", project="1.1")[0]["result"] == []
    assert len(results(client, "Tyrell Corp", project="2.1")[0]["result"]) == 1
    running.close()
    again = backend()
    assert results(again, "Tyrell Corp", project="1.1")[0]["result"] == []


def test_a_threshold_that_is_taken_back_is_gone(client):
    default = setup(client)
    assert setup(client, extra_params={"threshold": 0.9}) != default
    assert setup(client, extra_params="") == default


def test_setup_answers_whatever_the_project(client):
    for project in (None, "", "x", "7", 7, "7.1", {"id": 7}, "9" * 40, "-1"):
        assert setup(client, project=project)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (None, "not well-formed"),
        ("", "not well-formed"),
        ("<View/>", "no Labels"),
        ("<broken", "not well-formed"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><View>&a;</View>", "entities"),
        (
            '<View><Choices name="c" toName="t"><Choice value="x"/></Choices><Text name="t" value="$t"/></View>',
            "Choices",
        ),
    ],
)
def test_setup_refuses_a_config_that_cannot_be_served(client, schema, says):
    """Label Studio shows the model with an error then."""
    answer = client.post("/setup", json={"project": "7.1", "schema": schema})
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert says in client.get("/").text


def test_versions_are_named_as_setup_and_predictions_name_them(client):
    assert client.get("/versions").json()["versions"] == [client.app.state.supervisor.extractor.version]
    one, other = setup(client), setup(client, project="2.1", extra_params={"threshold": 0.3})
    assert client.get("/versions").json()["versions"] == [one, other]
    assert results(client, "Alice")[0]["model_version"] == one


def test_a_label_has_a_threshold_of_its_own_and_it_is_part_of_the_version(client):
    plain = setup(client)
    found = results(client, "Alice in Paris")[0]["result"]
    assert sorted(region["value"]["labels"][0] for region in found) == ["city", "person"]
    named = setup(client, extra_params={"thresholds": {"city": 0.999999}})
    assert named != plain
    (item,) = results(client, "Alice in Paris")
    assert item["model_version"] == named
    assert [region["value"]["labels"] for region in item["result"]] == [["person"]]


def test_a_labels_lower_threshold_finds_more_of_that_label_only(client):
    for label, labels in (("person", []), ("company", [["company"]])):
        setup(client, extra_params={"threshold": 0.99999, "thresholds": {label: 0.3}})
        (item,) = results(client, "Tyrell Corp")
        assert [region["value"]["labels"] for region in item["result"]] == labels


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"treshold": 0.3}, "'treshold'"),
        ({"thresholds": {"Disease": 0.3}}, "'Disease'"),
        ({"thresholds": {"city": 3}}, "'city'"),
        ({"thresholds": [0.3]}, "not a JSON object"),
    ],
)
def test_what_of_the_extra_params_has_no_effect_is_told_on_the_page(client, given, says):
    plain = setup(client)
    named = setup(client, extra_params=given)
    assert says.replace("'", "&#39;") in client.get("/").text
    assert (named == plain) == ("Disease" not in says)


def test_a_projects_way_of_decoding_changes_its_version_and_survives_a_restart(backend, running):
    client = backend()
    default = setup(client)
    seen = [setup(client, extra_params={"overlap": way}) for way in ("flat", "nested", "multi")]
    assert len({default, *seen}) == 4
    assert results(client, "Alice")[0]["model_version"] == seen[-1]
    running.close()
    again = backend()
    assert results(again, "Alice")[0]["model_version"] == seen[-1]
    assert setup(again, extra_params="") == default


@pytest.mark.parametrize("wrong", ["NESTED", "all", 7, True, ["nested"], {"nested": 1}])
def test_an_unknown_way_of_decoding_is_told_and_has_no_effect(client, wrong):
    assert setup(client, extra_params={"overlap": wrong}) == setup(client, project="2.1")
    assert "none of flat, nested, multi" in client.get("/?fragment").text


def test_a_number_that_is_set_gives_another_version_than_the_thresholds_of_the_version(backend):
    own = setup(backend())
    set_to_the_default = setup(backend(threshold=0.5))
    assert own != set_to_the_default


def test_the_versions_own_thresholds_decide_where_nobody_sets_one(client):
    engine = client.app.state.supervisor.extractor
    found = results(client, "Alice in Paris")[0]["result"]
    assert [region["value"]["labels"] for region in found] == [["person"], ["city"]]
    fitted = Calibration(slope=1.0, offsets={"person": -20.0, "city": -20.0}, thresholds={"person": 0.9, "city": 1e-9})
    engine.swap(Loaded("fitted", engine._current.model.with_calibration(fitted)))
    named = setup(client)
    (item,) = results(client, "Alice in Paris")
    assert item["model_version"] == named.replace(named.rpartition(".")[0], "fitted")
    assert [region["value"]["labels"] for region in item["result"]] == [["city"]]
    setup(client, extra_params={"thresholds": {"person": 1e-9}})
    assert len(results(client, "Alice in Paris")[0]["result"]) == 2
    setup(client, extra_params={"threshold": 0.9})
    assert results(client, "Alice in Paris")[0]["result"] == []
