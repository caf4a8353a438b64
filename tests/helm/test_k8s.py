"""The manifests beside the chart."""

from __future__ import annotations

import subprocess

import kubernetes_validate
import pytest
import yaml
from chart import NEWEST, OLDEST, ROOT, pods_of
from restricted import violations

K8S = ROOT / "k8s"
VALUES = K8S / "dev" / "spanloop-values.yaml"


@pytest.fixture(scope="module")
def stack(kubectl):
    done = subprocess.run([kubectl, "kustomize", str(K8S / "dev")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def retrain():
    return yaml.safe_load((K8S / "retrain-job.yaml").read_text())


def test_the_job_by_hand_is_the_charts_plus_a_project(chart, retrain):
    job = chart.render(name="spanloop", namespace="spanloop", kube=OLDEST, file=VALUES).job
    assert retrain["metadata"]["labels"] == job["metadata"]["labels"]
    job["spec"]["template"]["spec"]["containers"][0]["args"] += ["--project", "1"]
    assert retrain["spec"] == job["spec"]


def test_the_job_by_hand_may_be_created_again_and_again(retrain):
    assert retrain["metadata"]["generateName"] == "spanloop-run-"
    assert "name" not in retrain["metadata"]
    assert "namespace" not in retrain["metadata"]


@pytest.mark.parametrize("kube", [OLDEST, NEWEST])
def test_the_job_by_hand_and_the_development_stack_are_valid(stack, retrain, kube):
    for one in [*stack, retrain]:
        kubernetes_validate.validate(one, kube, strict=True)


def test_the_development_stack_is_restricted_as_its_namespace_demands(stack, retrain):
    (namespace,) = [one for one in stack if one["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = list(pods_of([*stack, retrain]))
    assert len(pods) == 4
    assert {pod.where: violations(pod.spec) for pod in pods if violations(pod.spec)} == {}


def test_the_development_stack_is_what_the_charts_values_point_to(stack):
    services = {
        f"{one['metadata']['name']}.{one['metadata']['namespace']}.svc:{one['spec']['ports'][0]['port']}"
        for one in stack
        if one["kind"] == "Service"
    }
    values = yaml.safe_load(VALUES.read_text())
    assert values["registry"]["url"].split("/")[0] in services
    assert values["labelStudio"]["url"].removeprefix("http://") in services


def test_label_studio_of_the_stack_accepts_private_addresses_and_has_a_token(stack):
    (label_studio,) = [pod for pod in pods_of(stack) if pod.where == "Deployment/label-studio"]
    env = {one["name"]: one["value"] for one in label_studio.spec["containers"][0]["env"]}
    assert (env["ML_BLOCK_LOCAL_IP"], env["SSRF_PROTECTION_ENABLED"]) == ("false", "false")
    (secret,) = [one for one in stack if one["kind"] == "Secret"]
    assert {"LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_USER_TOKEN"} == secret["data"].keys()


def test_kind_opens_the_ports_that_the_stack_listens_on(stack):
    kind = yaml.safe_load((K8S / "kind.yaml").read_text())
    mapped = {one["containerPort"] for node in kind["nodes"] for one in node["extraPortMappings"]}
    assert mapped == {
        port["nodePort"]
        for one in stack
        if one["kind"] == "Service"
        for port in one["spec"]["ports"]
        if "nodePort" in port
    }
