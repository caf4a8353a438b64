"""The effects of single values."""

from __future__ import annotations

import pytest
import yaml
from chart import OLDEST


def test_the_backend_gets_the_addresses_and_names_of_its_release(chart):
    env = chart.render(name="r", namespace="team").env("backend")
    assert env["SPANLOOP_EXTRACTOR_URL"] == "http://r-spanloop-extractor.team.svc:9091"
    assert env["SPANLOOP_EXTRACTOR_DEPLOYMENT"] == "r-spanloop-extractor"
    assert env["SPANLOOP_RELEASE"] == "r-spanloop"
    assert env["SPANLOOP_LEASE"] == "r-spanloop-backend"
    assert env["SPANLOOP_JOB_TEMPLATE"] == "/etc/spanloop/training/job.yaml"
    assert env["SPANLOOP_NAMESPACE"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}


def test_numbers_are_written_out(chart):
    env = chart.render(rolloutSeconds=1_000_000, training__activeDeadlineSeconds=10_000_000).env("backend")
    assert env["SPANLOOP_ROLLOUT_SECONDS"] == "1000000"


@pytest.mark.parametrize(
    ("rollout", "strategy"),
    [
        ("surge", {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
        ("recreate", {"type": "Recreate"}),
    ],
)
def test_the_rollout_sets_the_strategy(chart, rollout, strategy):
    release = chart.render(rollout=rollout)
    assert release.component("Deployment", "extractor")["spec"]["strategy"] == strategy


@pytest.mark.parametrize(
    ("feature", "replicas"),
    [("default", 1), ("scale-to-zero", None), ("hpa", None), ("hpa-pods", None), ("keda", None)],
)
def test_replicas_are_in_the_chart_only_where_nobody_else_scales(chart, feature, replicas):
    assert chart.render(feature).component("Deployment", "extractor")["spec"].get("replicas") == replicas


@pytest.mark.parametrize(
    ("feature", "seconds"), [("default", "0"), ("scale-to-zero", "900"), ("hpa", "600"), ("keda", "0")]
)
def test_one_controller_takes_the_extractor_to_zero(chart, feature, seconds):
    assert chart.render(feature).env("backend")["SPANLOOP_IDLE_SECONDS"] == seconds


def test_the_autoscaler_follows_the_demand_per_pod(chart):
    (scaler,) = chart.render("hpa").of("HorizontalPodAutoscaler").values()
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (1, 4)
    assert scaler["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "spanloop-extractor",
    }
    assert scaler["spec"]["metrics"] == [
        {
            "type": "External",
            "external": {
                "metric": {"name": "spanloop_extractor_demand", "selector": {"matchLabels": {"namespace": "here"}}},
                "target": {"type": "AverageValue", "averageValue": "8"},
            },
        }
    ]


def test_the_autoscaler_takes_a_metric_of_pods_as_well(chart):
    (scaler,) = chart.render("hpa-pods").of("HorizontalPodAutoscaler").values()
    target = {"type": "AverageValue", "averageValue": "8"}
    assert scaler["spec"]["metrics"] == [
        {"type": "Pods", "pods": {"metric": {"name": "spanloop_extractor_demand"}, "target": target}}
    ]


def test_keda_asks_prometheus_for_the_same_demand_and_goes_to_zero_itself(chart):
    (scaler,) = chart.render("keda").of("ScaledObject").values()
    assert (scaler["spec"]["minReplicaCount"], scaler["spec"]["cooldownPeriod"]) == (0, 900)
    (trigger,) = scaler["spec"]["triggers"]
    assert trigger["metadata"]["query"] == 'sum(spanloop_extractor_demand{namespace="here"})'
    assert trigger["metadata"]["threshold"] == "8"
    assert trigger["authenticationRef"] == {"name": "prometheus"}
    assert chart.render("keda").of("HorizontalPodAutoscaler") == {}
    (warm,) = chart.render("keda", scaleToZero__enabled=False).of("ScaledObject").values()
    assert warm["spec"]["minReplicaCount"] == 1


def test_a_gpu_brings_its_resource_its_nodes_and_its_runtime(chart):
    release = chart.render("gpu")
    extractor = release.component("Deployment", "extractor")["spec"]["template"]["spec"]
    assert extractor["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert extractor["runtimeClassName"] == "nvidia"
    assert extractor["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-L4"}
    assert extractor["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    training = release.job["spec"]["template"]["spec"]
    assert training["containers"][0]["resources"]["limits"]["nvidia.com/mig-3g.20gb"] == 1
    assert training["nodeSelector"] == {
        "example.com/pool": "training",
        "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB",
    }
    assert [one["key"] for one in training["tolerations"]] == ["example.com/pool", "nvidia.com/gpu"]


@pytest.mark.parametrize(("count", "shares"), [(0, False), (1, False), (2, True)])
def test_processes_of_several_gpus_share_memory(chart, count, shares):
    spec = chart.render(training__gpu__count=count).job["spec"]["template"]["spec"]
    mounted = [one["name"] for one in spec["containers"][0]["volumeMounts"] if one["mountPath"] == "/dev/shm"]
    media = [volume["emptyDir"]["medium"] for volume in spec["volumes"] if volume["name"] in mounted]
    assert media == (["Memory"] if shares else [])


def test_without_a_gpu_nothing_of_its_class_is_rendered(chart):
    for pod in chart.render().pods:
        assert not {"tolerations", "nodeSelector", "runtimeClassName"} & pod.spec.keys()
        assert not any("nvidia.com/gpu" in one["resources"]["limits"] for one in pod.containers)


@pytest.mark.parametrize("component", ["backend", "extractor", "training"])
def test_requests_and_limits_may_be_unset(chart, component):
    assert chart.render(**{f"{component}__resources": None}).container(component)["resources"] == {}


def test_a_gpu_is_asked_for_where_other_requests_and_limits_are_unset(chart):
    extractor = chart.render(extractor__resources=None, extractor__gpu__count=1).container("extractor")
    assert extractor["resources"] == {"limits": {"nvidia.com/gpu": 1}}


def test_the_backend_gets_no_gpu(chart):
    assert "nvidia.com/gpu" not in chart.render("gpu").container("backend")["resources"]["limits"]


@pytest.mark.parametrize("component", ["extractor", "training"])
def test_threads_follow_the_limit_of_the_container_unless_they_are_set(chart, component):
    assert chart.render().env(component)["SPANLOOP_THREADS"] == {
        "resourceFieldRef": {"containerName": component, "resource": "limits.cpu"}
    }
    assert chart.render(**{f"{component}__threads": 3}).env(component)["SPANLOOP_THREADS"] == "3"


@pytest.mark.parametrize(("kube", "rendered"), [(OLDEST, False), ("1.27.0", True)])
def test_a_budget_lets_go_of_pods_that_are_not_ready_where_it_can(chart, kube, rendered):
    budget = chart.render(kube=kube).component("PodDisruptionBudget", "extractor")
    assert ("unhealthyPodEvictionPolicy" in budget["spec"]) is rendered
    assert budget["spec"]["maxUnavailable"] == 1


def test_a_backend_with_a_claim_is_recreated(chart):
    assert chart.render("model-volume").component("Deployment", "backend")["spec"]["strategy"] == {"type": "Recreate"}


def test_a_model_volume_is_mounted_read_only_where_models_run(chart):
    release = chart.render("model-volume")
    for component in ("extractor", "training"):
        mounts = {one["mountPath"]: one for one in release.container(component)["volumeMounts"]}
        assert mounts["/models"] == {"name": "models", "mountPath": "/models", "readOnly": True}
    extractor = release.component("Deployment", "extractor")["spec"]["template"]["spec"]
    assert {"name": "model", "persistentVolumeClaim": {"claimName": "bentos"}} in extractor["volumes"]


@pytest.mark.parametrize(("feature", "offline"), [("default", True), ("model-volume", True), ("complete", False)])
def test_programs_wait_for_the_hub_only_for_a_model_that_is_there(chart, feature, offline):
    assert ("HF_HUB_OFFLINE" in chart.render(feature).env("extractor")) is offline


def test_a_components_variable_wins_over_the_charts_and_is_there_once(chart):
    container = chart.render("complete").container("backend")
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names))
    assert chart.render("complete").env("backend")["SPANLOOP_LOG_JSON"] == "false"
    assert chart.render("complete").env("extractor")["SPANLOOP_MAX_TEXT_CHARACTERS"] == "200000"


def test_the_image_is_named_by_digest_and_pulled_with_secrets(chart):
    extractor = chart.render("complete").component("Deployment", "extractor")["spec"]["template"]["spec"]
    assert extractor["containers"][0]["image"] == f"registry.example.com/spanloop@sha256:{'0' * 64}"
    assert extractor["imagePullSecrets"] == [{"name": "registry"}]
    assert chart.render(image__tag="7").container("backend")["image"] == "spanloop:7"


def test_scrape_annotations_are_on_every_pod_with_metrics_which_are_then_open(chart):
    release = chart.render()
    ports = {
        pod.where: pod.metadata["annotations"]["prometheus.io/port"]
        for pod in release.pods
        if pod.metadata.get("annotations", {}).get("prometheus.io/scrape") == "true"
    }
    assert ports == {
        "Deployment/spanloop-backend": "9090",
        "Deployment/spanloop-extractor": "9091",
        "CronJob/spanloop-retrain": "9092",
        "Job/": "9092",
    }
    assert release.env("backend")["SPANLOOP_METRICS_OPEN"] == "true"


def test_the_operators_monitors_replace_annotations_and_bring_the_credentials(chart):
    release = chart.render("operator")
    assert not any("prometheus.io/scrape" in pod.metadata.get("annotations", {}) for pod in release.pods)
    assert set(release.of("ServiceMonitor")) == {"spanloop-backend", "spanloop-extractor"}
    assert set(release.of("PodMonitor")) == {"spanloop-training", "spanloop-prelabel"}
    endpoint = release.of("ServiceMonitor")["spanloop-backend"]["spec"]["endpoints"][0]
    assert endpoint["basicAuth"]["password"] == {"name": "spanloop-basic-auth", "key": "password"}
    assert release.env("backend")["SPANLOOP_METRICS_OPEN"] == "false"
    assert all(
        one["metadata"]["labels"]["release"] == "prometheus"
        for kind in ("ServiceMonitor", "PodMonitor")
        for one in release.of(kind).values()
    )


def test_monitors_scrape_ports_that_exist(chart):
    release = chart.render("operator")
    for name, monitor in release.of("ServiceMonitor").items():
        assert {one["port"] for one in monitor["spec"]["endpoints"]} <= {
            one["name"] for one in release.of("Service")[name]["spec"]["ports"]
        }
    assert (
        release.of("PodMonitor")["spanloop-training"]["spec"]["podMetricsEndpoints"][0]["port"]
        == release.container("training")["ports"][0]["name"]
    )


def test_the_ingress_leads_to_the_backend(chart):
    (ingress,) = chart.render("ingress").of("Ingress").values()
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "spanloop.example.com"
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": "spanloop-backend", "port": {"name": "http"}}
    assert (path["path"], path["pathType"]) == ("/", "Prefix"), "the backend knows no prefix"
    assert ingress["spec"]["tls"] == [{"hosts": ["spanloop.example.com"], "secretName": "spanloop-tls"}]


def test_spread_is_over_the_components_own_pods(chart):
    for component in ("backend", "extractor"):
        pod = chart.render().component("Deployment", component)["spec"]["template"]
        (constraint,) = pod["spec"]["topologySpreadConstraints"]
        assert constraint["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert constraint["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == component


def test_common_labels_reach_pods_and_never_a_selector(chart):
    release = chart.render("complete")
    assert all(pod.metadata["labels"]["team"] == "annotation" for pod in release.pods)
    assert "team" not in yaml.safe_dump([one["spec"]["selector"] for one in release.of("Deployment").values()])


def test_all_programs_agree_on_the_windows_of_the_base_model(chart):
    """The backend holds no model, but the length is part of the version that it names."""
    rendered = chart.render(model__windowWords=64)
    assert {rendered.env(part)["SPANLOOP_WINDOW_WORDS"] for part in ("backend", "extractor", "training")} == {"64"}
