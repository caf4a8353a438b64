"""Which Jobs the policy on the backend's Jobs lets through. `cel` evaluates its expressions, as the API server does."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import cel
import pytest
from chart import FEATURES, SINCE

from service.backend.cluster import prelabel_jobs, run_jobs
from service.runs.run import Run

BACKEND = "system:serviceaccount:here:spanloop-backend"
RUN = Run(id="run-1", projects=(3,), why="a click", started=datetime(2026, 1, 1, tzinfo=UTC))


class Policy:
    """The rendered policy."""

    def __init__(self, release):
        (policy,) = release.of("ValidatingAdmissionPolicy").values()
        (binding,) = release.of("ValidatingAdmissionPolicyBinding").values()
        assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
        self.spec = policy["spec"]

    def refusals(self, job, old=None, user=BACKEND):
        """The messages with which a creation, or a change of `old`, is refused."""
        operation = "UPDATE" if old else "CREATE"
        known = {"object": job, "oldObject": old, "request": {"operation": operation, "userInfo": {"username": user}}}
        if not all(cel.evaluate(one["expression"], known) for one in self.spec["matchConditions"]):
            return []
        known["variables"] = {one["name"]: cel.evaluate(one["expression"], known) for one in self.spec["variables"]}
        return [one["message"] for one in self.spec["validations"] if not self._holds(one["expression"], known)]

    def _holds(self, expression, known):
        try:
            return cel.evaluate(expression, known)
        except (KeyError, ValueError):  # the policy's failurePolicy is Fail
            return False


@pytest.fixture
def release(chart):
    return chart.render("admission")


@pytest.fixture
def policy(release):
    return Policy(release)


def jobs_of(release):
    """The Jobs that the backend makes of the chart's templates, with defaults as the API server adds them."""
    made = [
        run_jobs.manifest(release.template("training"), "spanloop", RUN),
        prelabel_jobs.manifest(release.template("prelabel"), "spanloop-prelabel-3-abc-1", 3, "v1"),
    ]
    for job in made:
        pod = job["spec"]["template"]["spec"]
        pod |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
        pod["containers"][0] |= {"terminationMessagePath": "/dev/termination-log"}
        for volume in pod["volumes"]:
            if "secret" in volume:
                volume["secret"]["defaultMode"] = 420
        for one in pod["containers"][0]["env"]:
            if "fieldRef" in one.get("valueFrom", {}):
                one["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    return made


@pytest.fixture
def job(release):
    """The Job of a run."""
    return jobs_of(release)[0]


@pytest.mark.parametrize("feature", FEATURES)
def test_what_the_backend_makes_of_the_templates_is_let_through_with_every_feature(chart, feature):
    release = chart.render(feature, admissionPolicy__enabled=True)
    assert [Policy(release).refusals(made) for made in jobs_of(release)] == [[], []]


def pod_of(job):
    return job["spec"]["template"]["spec"]


def container_of(job):
    return pod_of(job)["containers"][0]


def volume(**source):
    return lambda job: pod_of(job)["volumes"].append({"name": "more", **source})


def variable(**content):
    return lambda job: container_of(job)["env"].append(content)


def of_a_secret(name):
    return {"valueFrom": {"secretKeyRef": {"name": name, "key": "key"}}}


def beside(job):
    pod_of(job)["containers"].append({**container_of(job), "name": "beside"})


HOSTILE = {
    "another image": (lambda job: container_of(job).update(image="evil.example.com/spanloop:0.1.0"), "image"),
    "another tag": (lambda job: container_of(job).update(image="spanloop:latest"), "image"),
    "another program": (lambda job: container_of(job).update(command=["sh", "-c"]), "program"),
    "no program": (lambda job: container_of(job).pop("command"), "program"),
    "another part of the program": (lambda job: container_of(job).update(args=["problems"]), "program"),
    "a program beside it": (
        lambda job: container_of(job).update(lifecycle={"postStart": {"exec": {"command": ["sh"]}}}),
        "beside its program",
    ),
    "a program that probes": (
        lambda job: container_of(job).update(startupProbe={"exec": {"command": ["sh"]}}),
        "beside its program",
    ),
    "no arguments": (lambda job: container_of(job).pop("args"), "program"),
    "the backend's account": (lambda job: pod_of(job).update(serviceAccountName="spanloop-backend"), "ServiceAccount"),
    "no account": (lambda job: pod_of(job).pop("serviceAccountName"), "ServiceAccount"),
    "a token": (lambda job: pod_of(job).update(automountServiceAccountToken=True), "ServiceAccount"),
    "a token by default": (lambda job: pod_of(job).pop("automountServiceAccountToken"), "ServiceAccount"),
    "a projected token": (volume(projected={"sources": [{"serviceAccountToken": {"path": "token"}}]}), "volumes"),
    "the node's files": (volume(hostPath={"path": "/"}), "volumes"),
    "another Secret": (volume(secret={"secretName": "others"}), "volumes"),
    "another claim": (volume(persistentVolumeClaim={"claimName": "others"}), "volumes"),
    "another driver": (volume(csi={"driver": "secrets-store.csi.k8s.io"}), "volumes"),
    "another Secret as a variable": (variable(name="SPANLOOP_HOME", **of_a_secret("others")), "Secrets"),
    "another variable": (variable(name="PYTHONPATH", value="/models"), "variables"),
    "all of a Secret": (lambda job: container_of(job).update(envFrom=[{"secretRef": {"name": "others"}}]), "Secrets"),
    "a second container": (beside, "one container"),
    "an init container": (lambda job: pod_of(job).update(initContainers=[container_of(job)]), "one container"),
    "privileged": (lambda job: container_of(job)["securityContext"].update(privileged=True), "privileges"),
    "a capability": (
        lambda job: container_of(job)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
        "privileges",
    ),
    "root": (lambda job: container_of(job)["securityContext"].update(runAsNonRoot=False), "privileges"),
    "no security context": (lambda job: container_of(job).pop("securityContext"), "privileges"),
    "the node's network": (lambda job: pod_of(job).update(hostNetwork=True), "node"),
    "the node's processes": (lambda job: pod_of(job).update(hostPID=True), "node"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_job_that_is_not_of_the_templates_is_refused_with_the_reason(policy, job, what):
    change, reason = HOSTILE[what]
    change(job)
    (refusal,) = policy.refusals(job)
    assert reason in refusal


def test_the_backend_annotates_and_ends_any_job_and_changes_nothing_else_of_it(policy, job):
    """One of an older release has another image, and one that a person created may have anything."""
    container_of(job)["image"] = "spanloop:0.0.9"
    changed = copy.deepcopy(job)
    changed["metadata"]["annotations"]["spanloop.dev/phase"] = "tuning"
    assert policy.refusals(changed, old=job) == []
    changed["spec"]["activeDeadlineSeconds"] = 1
    assert policy.refusals(changed, old=job) == []
    container_of(changed)["image"] = "another"
    refused = ["The backend may change the labels and annotations of a Job, or end it, and nothing else."]
    assert policy.refusals(changed, old=job) == refused
    changed = copy.deepcopy(job)
    changed["spec"]["parallelism"] = 100
    assert policy.refusals(changed, old=job) == refused


@pytest.mark.parametrize("user", ["system:serviceaccount:kube-system:cronjob-controller", "anna"])
def test_jobs_of_others_are_left_to_their_own_rights(policy, job, user):
    container_of(job)["image"] = "another"
    assert policy.refusals(job, user=user) == []


def test_the_policy_looks_at_jobs_in_its_own_namespace_alone(policy):
    found = policy.spec["matchConstraints"]
    assert found["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "here"}}
    assert found["resourceRules"] == [
        {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["jobs"]}
    ]
    assert policy.spec["failurePolicy"] == "Fail"


def test_it_is_off_by_default_and_refused_where_the_api_server_has_no_such_policies(chart):
    assert chart.render().of("ValidatingAdmissionPolicy") == {}
    assert "needs Kubernetes 1.30, and this is v1.29" in chart.refusal(kube="1.29", admissionPolicy__enabled=True)
    assert chart.render("admission", kube=SINCE["admission"]).of("ValidatingAdmissionPolicy")


def test_a_volume_that_cannot_be_bounded_is_refused_before_anything_is_installed(chart):
    message = chart.refusal(admissionPolicy__enabled=True, extraVolumes=[{"name": "more", "hostPath": {"path": "/"}}])
    assert "the volume more is a hostPath, which the policy cannot bound" in message
