"""What Artifact Hub reads of the chart."""

from __future__ import annotations

import tomllib

import yaml
from chart import CHART, ROOT

ABOUT = yaml.safe_load((CHART / "Chart.yaml").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
KINDS = {"added", "changed", "deprecated", "removed", "fixed", "security"}


def annotation(name):
    return yaml.safe_load(ABOUT["annotations"][f"artifacthub.io/{name}"])


def test_the_listed_image_is_the_only_one_that_the_chart_installs_by_default(chart):
    (listed,) = annotation("images")
    assert listed["image"] == f"{VALUES['image']['repository']}:{ABOUT['appVersion']}"
    pods = chart.render(
        "complete", image__repository=VALUES["image"]["repository"], image__tag="", image__digest=""
    ).pods
    assert {container["image"] for pod in pods for container in pod.containers} == {listed["image"]}


def test_the_version_is_that_of_the_code_and_the_licence_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ABOUT["appVersion"] == project["version"]
    assert annotation("license") == project["license"]
    assert ABOUT["description"] == project["description"]


def test_changes_and_links_are_what_artifact_hub_takes():
    assert all(one["kind"] in KINDS and one["description"] for one in annotation("changes"))
    assert all(one["name"] and one["url"].startswith("https://") for one in annotation("links"))
    assert yaml.safe_load((ROOT / "helm" / "artifacthub-repo.yml").read_text()).keys() == {"repositoryID", "owners"}
