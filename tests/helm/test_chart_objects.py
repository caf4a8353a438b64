"""All objects that any feature renders: they are valid, restricted, in one namespace, and their names fit."""

from __future__ import annotations

import functools
import json

import kubernetes_validate
import pytest
from chart import FEATURES, NEWEST, OLDEST, SINCE, pods_of
from restricted import violations

CUSTOM = {"ExternalSecret", "HTTPRoute", "ScaledObject", "ServiceMonitor", "PodMonitor", "PrometheusRule"}
"""Kinds of custom resources, for which Kubernetes has no schema."""

NAMESPACED = {
    *("ConfigMap", "CronJob", "Deployment", "ExternalSecret", "HTTPRoute", "HorizontalPodAutoscaler", "Ingress"),
    *("NetworkPolicy", "Pod"),
    *(
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "PodMonitor",
        "PrometheusRule",
        "Role",
        "RoleBinding",
        "ScaledObject",
    ),
    *("Secret", "Service", "ServiceAccount", "ServiceMonitor"),
}

CLUSTER_WIDE = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
"""Kinds without a namespace."""

LONGEST = "r" * 53
"""The longest name of a release that Helm accepts."""


@functools.cache
def _validate(text: str, kube: str) -> None:
    """Validate an object. The cache skips objects that several features render alike."""
    kubernetes_validate.validate(json.loads(text), kube, strict=True)


every_feature = pytest.mark.parametrize("feature", FEATURES)


@pytest.mark.parametrize("kube", [OLDEST, NEWEST])
@every_feature
def test_manifests_are_valid_at_both_ends_of_the_versions(chart, feature, kube):
    kube = max(kube, SINCE.get(feature, OLDEST))
    release = chart.render(feature, kube=kube)
    for one in [*release.objects, release.job]:
        if one["kind"] not in CUSTOM:
            _validate(json.dumps(one), kube)


def test_the_validator_knows_both_ends_and_finds_an_unknown_field():
    known = {
        kubernetes_validate.utils.major_minor(one.removesuffix("-local"))
        for one in kubernetes_validate.utils.all_versions()
    }
    assert {OLDEST, NEWEST} <= known
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dada": {}}, OLDEST, strict=True
        )


@every_feature
def test_every_pod_meets_the_restricted_profile_and_has_a_read_only_root(chart, feature):
    pods = chart.render(feature).pods
    assert {pod.where.split("/")[0] for pod in pods} == {"Deployment", "CronJob", "Job", "Pod"}
    assert {pod.where: violations(pod.spec) for pod in pods if violations(pod.spec)} == {}
    assert all(one["securityContext"]["readOnlyRootFilesystem"] for pod in pods for one in pod.containers)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"securityContext": {"runAsNonRoot": True}}, "seccomp"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"initContainers": [{"name": "i"}]}, "i: allowPrivilegeEscalation"),
    ],
)
def test_the_check_of_the_profile_finds_what_breaks_it(chart, change, found):
    pod = chart.render().pods[0]
    assert any(found in one for one in violations({**pod.spec, **change}))


@every_feature
def test_every_container_asks_for_and_limits_processor_and_memory(chart, feature):
    for pod in chart.render(feature).pods:
        for one in pod.containers:
            assert {"cpu", "memory"} <= one["resources"]["requests"].keys() & one["resources"]["limits"].keys(), (
                pod.where
            )


@every_feature
def test_only_the_backend_and_its_test_have_a_token(chart, feature):
    release = chart.render(feature)
    with_token = {pod.where for pod in release.pods if pod.spec["automountServiceAccountToken"]}
    assert with_token == {"Deployment/spanloop-backend", "Pod/spanloop-test"}
    assert all(one["automountServiceAccountToken"] is False for one in release.of("ServiceAccount").values())


@every_feature
def test_the_live_version_is_read_from_an_annotation_that_is_never_rendered(chart, feature):
    release = chart.render(feature)
    for one in release.objects:
        assert not any(key.startswith("spanloop.dev/") for key in one["metadata"].get("annotations", {})), one[
            "metadata"
        ]["name"]
    for pod in release.pods:
        assert not any(key.startswith("spanloop.dev/") for key in pod.metadata.get("annotations", {})), pod.where
    path = release.env("extractor")["SPANLOOP_LIVE"]["fieldRef"]["fieldPath"]
    assert path == "metadata.annotations['spanloop.dev/version']"


@every_feature
def test_two_renderings_differ_in_nothing_but_a_generated_password_and_a_generated_key(chart, feature):
    first, again = chart.render(feature), type(chart)(chart.helm).render(feature)
    for one, other in zip(first.objects, again.objects, strict=True):
        if one["kind"] == "Secret":
            generated = {"password", "tls.key", "tls.crt"} & one["data"].keys()
            assert all(one["data"][name] != other["data"].pop(name) for name in generated)
            other["data"] |= {name: one["data"][name] for name in generated}
        assert one == other


@every_feature
def test_everything_lies_in_the_releases_own_namespace(chart, feature):
    release = chart.render(feature, namespace="elsewhere")
    assert {one["kind"] for one in release.objects} <= NAMESPACED | CLUSTER_WIDE
    for one in [*release.objects, release.job]:
        if one["kind"] in CLUSTER_WIDE:
            assert "elsewhere" in one["metadata"]["name"].split("."), "two namespaces would share it"
        else:
            assert one["metadata"]["namespace"] == "elsewhere"


def test_two_releases_share_no_name_within_one_namespace(chart):
    one, other = chart.render(name="one"), chart.render(name="other")
    names = [{(each["kind"], each["metadata"]["name"]) for each in release.objects} for release in (one, other)]
    assert not names[0] & names[1]


@every_feature
def test_names_and_labels_stay_within_the_limits_for_the_longest_release(chart, feature):
    release = chart.render(feature, name=LONGEST)
    for one in release.objects:
        # The controller adds eleven characters to a CronJob's name.
        assert len(one["metadata"]["name"]) <= (52 if one["kind"] == "CronJob" else 63)
        assert all(len(value) <= 63 for value in one["metadata"]["labels"].values())
    prefix = release.env("backend")["SPANLOOP_RELEASE"]
    assert len(f"{prefix}-run-") <= 63 - 16, "no room for a hash in the name of a run"


@pytest.mark.parametrize("length", [1, 31, 32, 44, 53])
def test_a_cronjob_leaves_room_for_what_its_controller_adds(chart, length):
    (name,) = chart.render(name="r" * length).of("CronJob")
    assert len(name) <= 52


def test_two_long_releases_that_begin_alike_do_not_meet(chart):
    names = [set(chart.render(name=f"{'r' * 50}{end}").of("Deployment")) for end in ("one", "two")]
    assert not names[0] & names[1]


@every_feature
def test_every_object_and_pod_bears_the_recommended_labels(chart, feature):
    release = chart.render(feature)
    on_objects = {"name", "instance", "component", "version", "managed-by", "part-of"}
    for one in release.objects:
        assert {f"app.kubernetes.io/{key}" for key in on_objects} | {"helm.sh/chart"} <= one["metadata"][
            "labels"
        ].keys()
    for pod in release.pods:
        assert {f"app.kubernetes.io/{key}" for key in ("name", "instance", "component", "part-of")} <= pod.metadata[
            "labels"
        ].keys()


@every_feature
def test_selectors_find_their_pods_and_no_others(chart, feature):
    release = chart.render(feature)
    kinds = ("Deployment", "Service", "PodDisruptionBudget", "ServiceMonitor", "PodMonitor")
    for kind in kinds:
        for one in release.of(kind).values():
            selector = one["spec"]["selector"]
            labels = selector.get("matchLabels", selector).items()
            component = one["metadata"]["labels"]["app.kubernetes.io/component"]
            found = {
                pod.metadata["labels"]["app.kubernetes.io/component"]
                for pod in release.pods
                if labels <= pod.metadata["labels"].items()
            }
            assert found == {component}, (kind, one["metadata"]["name"])


@every_feature
def test_every_probe_asks_by_http(chart, feature):
    release = chart.render(feature)
    for pod in pods_of(list(release.of("Deployment").values())):
        ours = pod.spec["containers"][0]
        assert all("httpGet" in ours[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe"))
