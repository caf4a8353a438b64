"""Which pods get which key of the signatures, and how the chart makes one."""

from __future__ import annotations

import base64

import pytest
from chart import FEATURES, env_of

from service.versions.keys import public_keys
from service.versions.signature import SignatureRefused, sign, verify


def mounted(pod, container):
    """The keys of Secrets that a container of a pod can read, with the names of their Secrets."""
    sources = {}
    for volume in pod.spec["volumes"]:
        parts = [part["secret"] for part in volume.get("projected", {}).get("sources", [])]
        parts += [{"name": volume["secret"]["secretName"], **volume["secret"]}] if "secret" in volume else []
        sources[volume["name"]] = {(part["name"], item["key"]) for part in parts for item in part.get("items", ())}
        assert all(part.get("items") for part in parts), "without items all keys of a Secret are mounted"
    return set().union(*(sources[one["name"]] for one in container.get("volumeMounts", ())))


@pytest.mark.parametrize("feature", FEATURES)
def test_runs_alone_can_read_the_private_key_and_who_verifies_reads_the_public_one(chart, feature):
    release = chart.render(feature)
    readers = {"tls.key": set(), "tls.crt": set()}
    for pod in release.pods:
        for container in pod.containers:
            for _, key in mounted(pod, container):
                readers.setdefault(key, set()).add((pod.where, container["name"]))
    runs = {("Job/", "training"), ("CronJob/spanloop-retrain", "training")}
    extractor = {("Deployment/spanloop-extractor", name) for name in ("pull", "extractor")}
    assert readers["tls.key"] == runs
    assert readers["tls.crt"] == runs | extractor | {("Deployment/spanloop-backend", "backend")}


def test_the_programs_find_the_keys_where_they_are_mounted(chart):
    release = chart.render()
    for pod in release.pods:
        for container in pod.containers:
            paths = [one["mountPath"] for one in container["volumeMounts"]]
            env = env_of(container) if "env" in container else {}
            assert env.get("SPANLOOP_TRUSTED_KEYS") in (None, "/etc/spanloop/trusted-keys")
            assert ("SPANLOOP_TRUSTED_KEYS" in env) is ("/etc/spanloop/trusted-keys" in paths)
            assert ("SPANLOOP_SIGNING_KEY" in env) is ("/etc/spanloop/signing-key" in paths)
    assert release.env("training")["SPANLOOP_SIGNING_KEY"] == "/etc/spanloop/signing-key/tls.key"


def test_the_key_that_the_chart_makes_signs_and_its_certificate_verifies(chart, tmp_path):
    secret = chart.render().of("Secret")["spanloop-signing"]
    assert secret["type"] == "kubernetes.io/tls"
    assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    for name in ("tls.key", "tls.crt"):
        (tmp_path / name).write_bytes(base64.b64decode(secret["data"][name]))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    sign(tmp_path / "tls.key", tmp_path / "model")
    verify(tmp_path / "model", public_keys(tmp_path / "tls.crt"))
    other = chart.render(name="other").of("Secret")["other-spanloop-signing"]
    (tmp_path / "other.crt").write_bytes(base64.b64decode(other["data"]["tls.crt"]))
    with pytest.raises(SignatureRefused):
        verify(tmp_path / "model", public_keys(tmp_path / "other.crt"))


@pytest.mark.parametrize("policy", ["require", "warn", "off"])
def test_signatures_are_required_unless_a_values_file_says_otherwise(chart, policy, tmp_path):
    (tmp_path / "values.yaml").write_text("" if policy == "require" else f"signatures:\n  verify: {policy}\n")
    release = chart.render(file=tmp_path / "values.yaml")
    (extractor,) = [pod for pod in release.pods if pod.where == "Deployment/spanloop-extractor"]
    assert [env_of(one)["SPANLOOP_VERIFY"] for one in extractor.containers] == [policy, policy]
    assert release.env("training")["SPANLOOP_VERIFY"] == policy


def test_after_a_rotation_runs_sign_with_the_new_key_and_both_are_trusted(chart):
    release = chart.render("existing-secrets")
    assert "spanloop-signing" not in release.of("Secret")
    volumes = {one["name"]: one for one in release.job["spec"]["template"]["spec"]["volumes"]}
    assert volumes["signing-key"]["secret"]["secretName"] == "spanloop-signing-2027"
    trusted = [one["secret"]["name"] for one in volumes["trusted-keys"]["projected"]["sources"]]
    assert trusted == ["spanloop-signing-2027", "spanloop-signing"]


def test_the_pull_says_why_it_refused_a_version(chart):
    deployment = chart.render().component("Deployment", "extractor")
    pull = deployment["spec"]["template"]["spec"]["initContainers"][0]
    assert env_of(pull)["SPANLOOP_TERMINATION_LOG"] == "/dev/termination-log"
