"""What each part may do, asked of the API server, and what is in its pods."""

from __future__ import annotations

import pytest

MAY = [
    ("get", "deployments/loop-spanloop-extractor"),
    ("patch", "deployments/loop-spanloop-extractor"),
    ("patch", "deployments/loop-spanloop-extractor/scale"),
    ("create", "jobs"),
    ("list", "jobs"),
    ("patch", "jobs"),
    ("delete", "jobs"),
    ("list", "pods"),
    ("create", "leases"),
    ("update", "leases/loop-spanloop-backend"),
    ("create", "configmaps"),
    ("patch", "configmaps/loop-spanloop-state"),
]
MAY_NOT = [
    ("get", "secrets"),
    ("list", "secrets"),
    ("list", "configmaps"),
    ("patch", "configmaps/another"),
    ("create", "pods"),
    ("delete", "pods"),
    ("create", "pods/exec"),
    ("get", "pods/log"),
    ("list", "deployments"),
    ("delete", "deployments/loop-spanloop-extractor"),
    ("patch", "deployments/loop-spanloop-backend"),
    ("patch", "deployments/loop-spanloop-backend/scale"),
    ("update", "leases/another"),
    ("create", "cronjobs"),
    ("create", "rolebindings"),
]


@pytest.mark.parametrize(("verb", "what"), MAY)
def test_the_backend_may(release, verb, what):
    assert release.may("backend", verb, what)


@pytest.mark.parametrize(("verb", "what"), MAY_NOT)
def test_the_backend_may_not(release, verb, what):
    assert not release.may("backend", verb, what)


@pytest.mark.parametrize("part", ["extractor", "training"])
@pytest.mark.parametrize(("verb", "what"), [*MAY, *MAY_NOT])
def test_extractor_and_training_may_nothing(release, part, verb, what):
    assert not release.may(part, verb, what)


def test_only_the_backends_pod_has_a_token(release):
    command = ["ls", "/var/run/secrets/kubernetes.io/serviceaccount/token"]
    assert release.kubectl("exec", "deployment/loop-spanloop-backend", "--", *command)
    with pytest.raises(AssertionError, match="No such file"):
        release.kubectl("exec", "deployment/loop-spanloop-extractor", "--", *command)


def test_a_training_pod_has_no_token(release, trained):
    (pod, *_) = release.get("pods", "--selector", "app.kubernetes.io/component=training")["items"]
    sources = [one for volume in pod["spec"]["volumes"] for one in volume.get("projected", {}).get("sources", [])]
    assert not [source for source in sources if "secret" not in source]
    assert not [volume for volume in pod["spec"]["volumes"] if "token" in volume["name"]]
