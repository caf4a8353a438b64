"""What a platform team adds to the chart: a Gateway, users of the platform, objects and containers of its own."""

from __future__ import annotations

import pytest


def test_a_gateway_leads_to_the_backend_and_waits_as_long_as_label_studio(chart):
    (route,) = chart.render("platform").of("HTTPRoute").values()
    assert route["spec"]["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert route["spec"]["hostnames"] == ["spanloop.example.com"]
    (rule,) = route["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "spanloop-backend", "port": 9090}]
    assert rule["timeouts"] == {"request": "100s"}
    assert chart.render().of("HTTPRoute") == {}


def test_the_pods_of_a_gateway_may_reach_the_backend(chart):
    policy = chart.render("platform").component("NetworkPolicy", "backend")
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}}
    assert peer in [peer for rule in policy["spec"]["ingress"] for peer in rule["from"]]


def test_a_route_without_a_gateway_is_refused(chart):
    assert "httpRoute.enabled needs httpRoute.parentRefs" in chart.refusal(httpRoute__enabled=True)


def test_the_platform_may_choose_the_user_of_all_pods(chart):
    for pod in chart.render("platform").pods:
        context = pod.spec["securityContext"]
        assert context["runAsNonRoot"]
        assert context.keys().isdisjoint({"runAsUser", "runAsGroup", "fsGroup"}), pod.where
    for pod in chart.render(runAsUser=2000).pods:
        context = pod.spec["securityContext"]
        assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 2000


def test_nobody_can_ask_for_root(chart):
    assert "runAsUser" in chart.refusal(runAsUser=0)


def test_more_objects_are_rendered_with_what_is_expanded_in_them(chart):
    release = chart.render("platform", namespace="there")
    assert release.of("ExternalSecret")["label-studio"]["metadata"]["namespace"] == "there"
    assert release.env("training")["SPANLOOP_LABEL_STUDIO_API_KEY"]["secretKeyRef"]["name"] == "label-studio"


def test_an_object_that_is_no_text_is_expanded_too(chart):
    note = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "{{ .Release.Name }}-note"},
        "data": {"a": "b"},
    }
    note["metadata"]["labels"] = {"app.kubernetes.io/component": "note"}
    assert chart.render(extraObjects=[note]).of("ConfigMap")["spanloop-note"]["data"] == {"a": "b"}


@pytest.mark.parametrize(
    ("component", "containers", "before"),
    [
        ("backend", ["backend", "recorder"], ["prepare"]),
        ("extractor", ["extractor", "shipper"], ["warm-cache", "pull"]),
    ],
)
def test_more_containers_stand_beside_ours(chart, component, containers, before):
    spec = chart.render("platform").component("Deployment", component)["spec"]["template"]["spec"]
    assert [one["name"] for one in spec["containers"]] == containers
    assert [one["name"] for one in spec["initContainers"]] == before
