"""The chart's values: documented, closed, linted."""

from __future__ import annotations

import json
import runpy

import pytest
import yaml
from chart import CHART, FEATURES, ROOT

README = runpy.run_path(str(ROOT / "helm" / "readme.py"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SECTIONS = sorted(
    key for key, value in VALUES.items() if key in SCHEMA["properties"] and "properties" in SCHEMA["properties"][key]
)


def resolved(schema):
    return SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def paths(schema, prefix=""):
    """The paths of the values in the schema. A map with free keys is one value."""
    for key, one in resolved(schema).get("properties", {}).items():
        yield f"{prefix}{key}"
        if not isinstance(default(f"{prefix}{key}"), dict) or "properties" in resolved(one):
            yield from paths(one, f"{prefix}{key}.")


def default(path):
    value = VALUES
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def objects(schema, where="values"):
    """Every schema of type object, at any depth, with its path."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield where, schema
        for key, one in schema.items():
            yield from objects(one, f"{where}.{key}")
    elif isinstance(schema, list):
        for one in schema:
            yield from objects(one, where)


def test_the_readme_is_what_the_values_say():
    assert (CHART / "README.md").read_text() == README["readme"](), "run: python helm/readme.py"


def test_every_value_has_a_comment():
    assert [value.path for value in README["values"]((CHART / "values.yaml").read_text()) if not value.comment] == []


def test_the_schema_knows_every_value_and_no_other():
    documented = {value.path for value in README["values"]((CHART / "values.yaml").read_text())}
    known = {path for path in paths(SCHEMA) if path != "global"}
    inside_free_fields = {
        path for path in known if path not in documented and default(path.rsplit(".", 1)[0]) in ({}, None)
    }
    inside_resources = {path for path in known if ".resources." in path}
    assert known - inside_free_fields - inside_resources == documented


def test_the_schema_is_closed_but_for_maps_that_are_called_free():
    open_ones = [
        where
        for where, one in objects(SCHEMA)
        if one.get("additionalProperties") is not False and "description" not in one
    ]
    assert open_ones == []


@pytest.mark.parametrize("section", SECTIONS)
def test_a_mistyped_value_is_refused_in_every_section(chart, section):
    assert "additional properties 'mistyped' not allowed" in chart.refusal(**{f"{section}__mistyped": 1})


def test_a_mistyped_value_is_refused_at_the_top(chart):
    assert "additional properties 'mistyped' not allowed" in chart.refusal(mistyped=1)


@pytest.mark.parametrize(
    "value",
    [
        {"rollout": "bluegreen"},
        {"model__threshold": 1.5},
        {"registry__url": "https://registry.example.com/bentos"},
        {"labelStudio__url": "label-studio:8080"},
        {"training__schedule__projects": ["3"]},
        {"image__digest": "latest"},
        {"extractor__gpu__count": -1},
        {"networkPolicy__labelStudio__peers": [{}]},
        {"monitoring__alerts__kind": "prometheus"},
        {"backend__predictDeadline": 96},
        {"monitoring__alerts__predictSlow__above": 95},
        {"monitoring__alerts__runFailed__within": "an hour"},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_value_of_the_wrong_kind_is_refused(chart, value):
    assert "values don't meet the specifications" in chart.refusal(**value)


def test_numbers_may_be_set_on_the_command_line_where_helm_makes_texts_of_them(chart):
    """`helm install --set model.threshold=0.4` gives the chart a text."""
    values = {"model__threshold": "0.4", "training__judge__risk": "0.05", "training__minutes": "7.5"}
    told = chart.render(**values).env("training")
    assert [told[f"SPANLOOP_{name}"] for name in ("THRESHOLD", "PROMOTION_RISK", "MINUTES")] == ["0.4", "0.05", "7.5"]


@pytest.mark.parametrize("value", ["1.4", "-0.1", "many", "0,4"])
def test_a_text_that_is_no_such_number_is_refused(chart, value):
    assert "/model/threshold" in chart.refusal(model__threshold=value)


@pytest.mark.parametrize("where", ["extractor__podAnnotations", "backend__podAnnotations", "commonAnnotations"])
def test_annotations_that_belong_to_the_backend_are_refused(chart, where):
    assert "spanloop.dev/version" in chart.refusal(**{where: {"spanloop.dev/version": "v1"}})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"backend__persistence__enabled": True, "backend__replicas": 2}, "backend.replicas=1"),
        ({"training__schedule__enabled": True}, "training.schedule.projects"),
        ({"autoscaling__minReplicas": 5}, "autoscaling.maxReplicas"),
        ({"model__name": "/models/gliner"}, "model.volume"),
        ({"registry__imagePullSecret": True}, "registry.existingSecret"),
        (
            {"monitoring__alerts__kind": "configMap", "backend__predictDeadline": 60},
            "monitoring.alerts.predictSlow.above",
        ),
    ],
)
def test_combinations_that_cannot_work_are_refused_with_what_to_do(chart, values, said):
    refusal = chart.refusal(**values)
    assert said in refusal
    assert "Nothing was installed." in refusal


def test_a_parent_chart_may_pass_its_global_values(chart):
    assert chart.render(**{"global": {"region": "eu"}}).objects


@pytest.mark.parametrize("feature", FEATURES)
def test_helm_lints_every_feature(chart, feature):
    assert "0 chart(s) failed" in chart.lint(feature)


def test_there_is_a_values_file_for_each_of_many_features():
    assert len(FEATURES) >= 8
    assert all((CHART / "ci" / f"{one}-values.yaml").read_text().startswith("# ") for one in FEATURES)
