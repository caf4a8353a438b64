"""The rights of the pods: at the API server, on the network, and which Secrets they see."""

from __future__ import annotations

import base64

import pytest
from chart import env_of
from network import Peer, allowed

from service.backend.cluster.inspection import rights_of

PORTS = {
    "backend": 9090,
    "extractor": 9091,
    "training": 9092,
    "prelabel": 9093,
    "test": 8080,
    "label-studio": 8080,
    "prometheus": 9090,
    "stranger": 8080,
}


@pytest.fixture
def policies(chart):
    return list(chart.render("complete").of("NetworkPolicy").values())


@pytest.fixture
def peers(chart):
    release = chart.render("complete")
    own = {
        pod.metadata["labels"]["app.kubernetes.io/component"]: Peer("here", pod.metadata["labels"])
        for pod in release.pods
    }
    return own | {
        "label-studio": Peer("label-studio", {"app.kubernetes.io/name": "label-studio"}),
        "prometheus": Peer("monitoring", {"app.kubernetes.io/name": "prometheus"}),
        "stranger": Peer("here", {"app": "stranger"}),
    }


def test_the_backend_may_do_exactly_what_it_must(chart):
    (role,) = chart.render().of("Role").values()
    rules = {
        (rule["apiGroups"][0], rule["resources"][0], *rule.get("resourceNames", [])): rule["verbs"]
        for rule in role["rules"]
    }
    assert rules == {
        ("apps", "deployments", "spanloop-extractor"): ["get", "patch"],
        ("apps", "deployments/scale", "spanloop-extractor"): ["patch"],
        ("batch", "jobs"): ["create", "delete", "list", "patch"],
        ("", "pods"): ["list"],
        ("events.k8s.io", "events"): ["create"],
        ("coordination.k8s.io", "leases"): ["create"],
        ("coordination.k8s.io", "leases", "spanloop-backend"): ["get", "update"],
        ("", "configmaps"): ["create"],
        ("", "configmaps", "spanloop-state"): ["get", "patch"],
    }
    assert all(len(rule["apiGroups"]) == len(rule["resources"]) == 1 for rule in role["rules"])


def test_only_the_backends_account_is_bound_to_a_role(chart):
    (binding,) = chart.render(namespace="elsewhere").of("RoleBinding").values()
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "spanloop-backend"}
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "spanloop-backend", "namespace": "elsewhere"}]


def test_every_component_runs_as_an_account_of_its_own(chart):
    release = chart.render()
    accounts = {pod.where: pod.spec["serviceAccountName"] for pod in release.pods}
    assert (
        set(accounts.values())
        == set(release.of("ServiceAccount"))
        == {"spanloop-backend", "spanloop-extractor", "spanloop-training"}
    )
    assert {where for where, name in accounts.items() if name == "spanloop-backend"} == {
        "Deployment/spanloop-backend",
        "Pod/spanloop-test",
    }


def test_pods_talk_along_the_paths_of_the_picture_and_no_others(policies, peers):
    """Connections between pods that are not the release's are not the chart's concern."""
    talks = {
        (source, target)
        for source in peers
        for target in peers
        if source != target and allowed(policies, peers[source], peers[target], PORTS[target])
    }
    elsewhere = {"label-studio", "prometheus", "stranger"}
    assert {(source, target) for source, target in talks if not {source, target} <= elsewhere} == {
        ("label-studio", "backend"),
        ("test", "backend"),
        ("prometheus", "backend"),
        ("prometheus", "extractor"),
        ("prometheus", "training"),
        ("prometheus", "prelabel"),
        ("backend", "extractor"),
        ("backend", "training"),
        ("backend", "prelabel"),
        ("backend", "label-studio"),
        ("training", "label-studio"),
        ("training", "backend"),
        ("prelabel", "label-studio"),
        ("prelabel", "backend"),
    }


def test_only_the_port_of_the_program_is_open(policies, peers):
    assert not allowed(policies, peers["label-studio"], peers["backend"], 9091)
    assert not allowed(policies, peers["backend"], peers["extractor"], 22)


@pytest.mark.parametrize("component", ["backend", "extractor", "training", "prelabel"])
def test_a_component_lets_its_callers_in_at_one_port(policies, peers, component):
    """Prometheus is the caller, because no policy restricts its egress."""
    reached = {port for port in (22, *PORTS.values()) if allowed(policies, peers["prometheus"], peers[component], port)}
    assert reached == {PORTS[component]}
    rules = next(one["spec"]["ingress"] for one in policies if one["metadata"]["name"] == f"spanloop-{component}")
    assert all([one["port"] for one in rule["ports"]] == [PORTS[component]] for rule in rules)


def test_another_release_in_the_same_namespace_is_a_stranger(chart, policies, peers):
    other = chart.render(name="other")
    backend = Peer("here", other.component("Deployment", "backend")["spec"]["template"]["metadata"]["labels"])
    assert not allowed(policies, backend, peers["extractor"], 9091)


def test_all_pods_may_ask_dns(policies, peers):
    dns = Peer("kube-system", {"k8s-app": "kube-dns"})
    for component in ("backend", "extractor", "training", "prelabel", "test"):
        assert allowed(policies, peers[component], dns, 53, "UDP")
        assert allowed(policies, peers[component], dns, 53, "TCP")


def test_only_the_backend_and_its_test_reach_the_api_server(chart):
    release = chart.render("network")
    policies = list(release.of("NetworkPolicy").values())
    reach = {
        pod.metadata["labels"]["app.kubernetes.io/component"]
        for pod in release.pods
        if allowed(policies, Peer("here", pod.metadata["labels"]), Peer(address="10.0.0.1"), 6443)
    }
    assert reach == {"backend", "test"}


def test_the_registry_is_reached_at_the_peers_and_ports_of_the_values(chart):
    release = chart.render("network")
    policies = list(release.of("NetworkPolicy").values())
    pods = {
        pod.metadata["labels"]["app.kubernetes.io/component"]: Peer("here", pod.metadata["labels"])
        for pod in release.pods
    }
    reach = {name for name, pod in pods.items() if allowed(policies, pod, Peer(address="10.0.0.9"), 5000)}
    assert reach == {"backend", "extractor", "training"}
    assert not allowed(policies, pods["extractor"], Peer(address="10.0.0.9"), 443)
    assert not allowed(policies, pods["extractor"], Peer(address="10.0.0.8"), 5000)
    assert allowed(policies, Peer("here", {"app": "gateway"}), pods["backend"], 9090)


@pytest.mark.parametrize(
    ("address", "plain", "port"),
    [
        ("registry.example.com/team/bentos", False, 443),
        ("registry.example.com:8443/bentos", False, 8443),
        ("registry.registries.svc/bentos", True, 80),
        ("registry.registries.svc:5000/bentos", True, 5000),
    ],
)
def test_without_ports_in_the_values_the_registry_is_reached_at_the_port_of_its_address(chart, address, plain, port):
    release = chart.render(registry={"url": address, "plainHttp": plain})
    policies = list(release.of("NetworkPolicy").values())
    for component in ("extractor", "training"):
        pod = next(one for one in release.pods if one.metadata["labels"]["app.kubernetes.io/component"] == component)
        source, registry = Peer("here", pod.metadata["labels"]), Peer(address="203.0.113.7")
        assert [one for one in (22, 80, 443, 5000, 6443, 8443) if allowed(policies, source, registry, one)] == [port]


def test_an_extractor_reaches_the_registry_and_dns_and_nothing_else(chart, peers):
    """It runs a model on other people's texts. Its init container pulls, and a NetworkPolicy is for the whole pod."""
    release = chart.render(registry__url="registry.example.com:5000/bentos")
    policies = list(release.of("NetworkPolicy").values())
    extractor = Peer("here", release.component("Deployment", "extractor")["spec"]["template"]["metadata"]["labels"])
    metadata, internet = Peer(address="169.254.169.254"), Peer(address="203.0.113.7")
    others = [peer for name, peer in peers.items() if name != "extractor"]
    reached = [
        (other, port)
        for other in (*others, metadata, internet)
        for port in (53, 80, 443, 5000, 6443, *PORTS.values())
        if allowed(policies, extractor, other, port)
    ]
    assert reached == [(internet, 5000)]
    release = chart.render(registry__url="")
    (policy,) = [one for one in release.of("NetworkPolicy").values() if one["metadata"]["name"] == "spanloop-extractor"]
    assert "egress" not in policy["spec"]
    assert "Egress" in policy["spec"]["policyTypes"]


def test_a_label_studio_outside_the_cluster_is_reached_at_its_address(chart):
    release = chart.render("existing-secrets")
    policies = list(release.of("NetworkPolicy").values())
    pods = {
        pod.metadata["labels"]["app.kubernetes.io/component"]: Peer("here", pod.metadata["labels"])
        for pod in release.pods
    }
    for component in ("backend", "training"):
        assert allowed(policies, pods[component], Peer(address="203.0.113.7"), 443)
        assert not allowed(policies, pods[component], Peer(address="203.0.113.7"), 80)
    assert allowed(policies, Peer("ingress-nginx", {}), pods["backend"], 9090)


def test_hosts_of_texts_are_reached_by_those_who_read_texts_and_only_where_they_are_named(chart):
    for hosts, readers in ((["files.example.com", "10.0.0.0/8"], {"backend", "training"}), ([], set())):
        release = chart.render(textHosts=hosts)
        policies = list(release.of("NetworkPolicy").values())
        pods = {pod.metadata["labels"]["app.kubernetes.io/component"]: pod for pod in release.pods}
        reach = {
            name
            for name, pod in pods.items()
            if allowed(policies, Peer("here", pod.metadata["labels"]), Peer(address="203.0.113.7"), 80)
        }
        told = {name for name, pod in pods.items() for one in pod.containers if "SPANLOOP_TEXT_HOSTS" in env_of(one)}
        assert reach == told == readers
    env = chart.render(textHosts=["files.example.com", "10.0.0.0/8"]).env("backend")
    assert env["SPANLOOP_TEXT_HOSTS"] == "files.example.com,10.0.0.0/8"
    own = [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    release = chart.render(textHosts=["10.0.0.0/8"], networkPolicy__textHosts={"peers": own, "ports": [8080]})
    policies = list(release.of("NetworkPolicy").values())
    backend = Peer("here", release.component("Deployment", "backend")["spec"]["template"]["metadata"]["labels"])
    assert allowed(policies, backend, Peer(address="10.0.0.7"), 8080)


@pytest.mark.parametrize(("feature", "reached"), [("complete", True), ("default", False)])
def test_the_model_hub_is_reached_only_for_a_model_that_is_there(chart, feature, reached):
    release = chart.render(feature)
    policies = list(release.of("NetworkPolicy").values())
    extractor = Peer("here", release.component("Deployment", "extractor")["spec"]["template"]["metadata"]["labels"])
    assert allowed(policies, extractor, Peer(address="203.0.113.7"), 443) is reached
    assert not allowed(policies, extractor, Peer(address="169.254.169.254"), 80)


@pytest.mark.parametrize(("feature", "reached"), [("ingress", True), ("default", False)])
def test_an_ingress_controller_is_let_in_only_with_an_ingress(chart, feature, reached):
    release = chart.render(feature)
    policies = list(release.of("NetworkPolicy").values())
    backend = Peer("here", release.component("Deployment", "backend")["spec"]["template"]["metadata"]["labels"])
    assert allowed(policies, Peer("ingress-nginx", {}), backend, 9090) is reached


def test_no_peers_means_nobody(chart):
    release = chart.render(
        networkPolicy__labelStudio__peers=[], networkPolicy__monitoring__peers=[], networkPolicy__dns__peers=[]
    )
    policies = list(release.of("NetworkPolicy").values())
    backend = Peer("here", release.component("Deployment", "backend")["spec"]["template"]["metadata"]["labels"])
    for other in (Peer("label-studio", {"app.kubernetes.io/name": "label-studio"}), Peer("monitoring", {})):
        assert not allowed(policies, other, backend, 9090)
    assert not allowed(policies, backend, Peer("kube-system", {"k8s-app": "kube-dns"}), 53, "UDP")


def test_secrets_come_by_reference_only(chart):
    for pod in chart.render("complete").pods:
        for container in pod.containers:
            for name, value in env_of(container).items():
                secret = "PASSWORD" in name or "KEY" in name or "USERNAME" in name
                is_mounted = str(value).startswith("/etc/spanloop/")
                assert is_mounted or ("secretKeyRef" in value) is secret, (pod.where, name)


def test_the_container_that_runs_a_model_on_texts_has_no_credentials(chart):
    """The container that pulls has the registry's credentials. A run needs them and Label Studio's."""
    release = chart.render("complete")
    pull, extractor = (
        release.component("Deployment", "extractor")["spec"]["template"]["spec"]["initContainers"][0],
        release.container("extractor"),
    )
    assert not any(isinstance(value, dict) and "secretKeyRef" in value for value in release.env("extractor").values())
    assert "DOCKER_CONFIG" not in release.env("extractor")
    mounted = [{one["mountPath"] for one in container["volumeMounts"]} for container in (pull, extractor)]
    assert "/etc/spanloop/registry" in mounted[0] - mounted[1]


def secrets_of(release):
    """The files with Secrets in the backend's pod: the name of each, and the Secret and the key that it comes from."""
    env, pod = release.env("backend"), release.of("Deployment")["spanloop-backend"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (place,) = (one["mountPath"] for one in container["volumeMounts"] if one["name"] == "secrets")
    assert env.get("SPANLOOP_LABEL_STUDIO_API_KEY_FILE") in (None, f"{place}/api-key")
    assert env["SPANLOOP_BASIC_AUTH_FOLDER"] == place
    # An image from before the folder knows the variables alone.
    assert env["SPANLOOP_BASIC_AUTH_PASSWORD"]["secretKeyRef"]["key"] == "password"
    (volume,) = (one for one in pod["volumes"] if one["name"] == "secrets")
    secrets = (source["secret"] for source in volume["projected"]["sources"])
    return {item["path"]: (secret["name"], item["key"]) for secret in secrets for item in secret["items"]}


def test_basic_auth_is_on_with_a_long_random_password(chart):
    release = chart.render()
    secret = release.of("Secret")["spanloop-basic-auth"]
    assert secret["type"] == "kubernetes.io/basic-auth"
    assert base64.b64decode(secret["data"]["username"]) == b"label-studio"
    fresh = chart.render(name="fresh").of("Secret")["fresh-spanloop-basic-auth"]
    assert len(base64.b64decode(fresh["data"]["password"])) == 32
    assert secrets_of(release)["password"] == (secret["metadata"]["name"], "password")
    reference = release.env("training")["SPANLOOP_BASIC_AUTH_PASSWORD"]["secretKeyRef"]
    assert reference == {"name": secret["metadata"]["name"], "key": "password"}


def test_a_secret_that_exists_replaces_the_generated_one(chart):
    release = chart.render("existing-secrets")
    assert release.of("Secret") == {}
    assert secrets_of(release) == {
        "api-key": ("label-studio", "token"),
        "username": ("spanloop-login", "username"),
        "password": ("spanloop-login", "password"),
    }
    assert release.env("training")["SPANLOOP_LABEL_STUDIO_API_KEY"]["secretKeyRef"] == {
        "name": "label-studio",
        "key": "token",
    }


def test_backend_and_runs_know_the_address_at_which_people_open_label_studio(chart):
    url = "https://studio.example.com"
    release = chart.render(labelStudio__publicUrl=url)
    for component in ("backend", "training"):
        assert release.env(component)["SPANLOOP_LABEL_STUDIO_PUBLIC_URL"] == url


def test_open_means_no_policies_and_no_credentials(chart):
    release = chart.render("open")
    assert release.of("NetworkPolicy") == release.of("PodDisruptionBudget") == {}
    assert release.of("Secret").keys() == {"spanloop-signing"}
    assert not any("BASIC_AUTH" in name for name in release.env("backend"))


def test_the_doctor_asks_for_all_rights_of_the_backend(chart):
    (role,) = chart.render().of("Role").values()
    given = {
        (verb, rule["apiGroups"][0], rule["resources"][0], "".join(rule.get("resourceNames", [])))
        for rule in role["rules"]
        for verb in rule["verbs"]
    }
    assert given == {tuple(right) for right in rights_of("spanloop", "spanloop-extractor")}
