"""A thin client of the Kubernetes API, for the few objects of one release, as plain dicts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from service.backend.cluster.errors import ClusterAway, ClusterError, ObjectChanged, ObjectExists, ObjectMissing
from service.backend.cluster.jobs import KubeObject
from service.backend.cluster.settings import ReleaseSettings
from service.backend.dependencies import Dependency

REQUEST_SECONDS = 10
"""Seconds that one request may take."""

CONTENT_TYPES = {"PATCH": "application/strategic-merge-patch+json"}
AUTH_SETTINGS = ["BearerToken"]


class Cluster:
    """The objects of one release in one namespace.

    Requests name paths instead of using the client's classes for each kind. Those classes import the models of all
    kinds (27 MB, most of a second), and build objects that would have to become plain dicts again.
    """

    def __init__(self, settings: ReleaseSettings) -> None:
        self.namespace = settings.namespace
        self.release = settings.release
        self.extractor = settings.extractor_deployment
        self.dependency = Dependency("api_server")
        self._client = connect()
        self._jobs = f"/apis/batch/v1/namespaces/{self.namespace}/jobs"
        self._pods = f"/api/v1/namespaces/{self.namespace}/pods"
        self._deployment = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.extractor}"
        self._events = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        self._config_maps = f"/api/v1/namespaces/{self.namespace}/configmaps"
        self._leases = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    def jobs(self, component: str = "training") -> list[KubeObject]:
        """The release's Jobs of a component. The chart's labels tell them: a Job that a user created has them too."""
        labels = f"app.kubernetes.io/component={component},spanloop.dev/release={self.release}"
        return self._list("list Jobs", self._jobs, labels)

    def pods_of(self, job: str) -> list[KubeObject]:
        """A Job's pods, the newest first."""
        pods = self._list(f"list the pods of Job {job}", self._pods, f"job-name={job}")
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)

    def pods_with(self, labels: Mapping[str, str]) -> list[KubeObject]:
        """The pods with all of these labels."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        return self._list(f"list the pods with {selector}", self._pods, selector)

    def create_job(self, manifest: KubeObject) -> None:
        """Create a Job. Raises ObjectExists if it exists already."""
        self._ask(f"create Job {manifest['metadata']['name']}", "POST", self._jobs, manifest)

    def annotate_job(self, name: str, annotations: dict[str, str]) -> None:
        body = {"metadata": {"annotations": annotations}}
        self._ask(f"annotate Job {name}", "PATCH", f"{self._jobs}/{name}", body)

    def end_job(self, name: str, annotations: dict[str, str]) -> None:
        """Let a Job end as failed, and annotate it. Its pods get SIGTERM.

        By the shortest deadline: a suspended Job would be resumed by a queue (Kueue) that has admitted it.
        """
        body = {"metadata": {"annotations": annotations}, "spec": {"activeDeadlineSeconds": 1}}
        self._ask(f"end Job {name}", "PATCH", f"{self._jobs}/{name}", body)

    def delete_job(self, name: str) -> None:
        """Delete a Job and its pods."""
        self._ask(f"delete Job {name}", "DELETE", f"{self._jobs}/{name}", propagationPolicy="Background")

    def deployment(self) -> KubeObject:
        """The extractor's Deployment."""
        return self._ask(f"read Deployment {self.extractor}", "GET", self._deployment)

    def patch_deployment(self, body: KubeObject, resource_version: str) -> KubeObject:
        """Change the extractor's Deployment. Raises ObjectChanged if it is not of this resource version any more."""
        guarded = {**body, "metadata": {**body.get("metadata", {}), "resourceVersion": resource_version}}
        return self._ask(f"patch Deployment {self.extractor}", "PATCH", self._deployment, guarded)

    def scale(self, replicas: int) -> None:
        """Set the number of the extractor's pods, by the scale subresource."""
        body = {"spec": {"replicas": replicas}}
        self._ask(f"scale Deployment {self.extractor}", "PATCH", f"{self._deployment}/scale", body)

    def config_map(self, name: str) -> KubeObject:
        """A ConfigMap. Raises ObjectMissing."""
        return self._ask(f"read ConfigMap {name}", "GET", f"{self._config_maps}/{name}")

    def create_config_map(self, name: str, data: Mapping[str, str]) -> None:
        """Create a ConfigMap with the release's label. Raises ObjectExists."""
        labels = {"spanloop.dev/release": self.release}
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": data}
        self._ask(f"create ConfigMap {name}", "POST", self._config_maps, manifest)

    def patch_config_map(self, name: str, data: Mapping[str, str]) -> None:
        """Set keys of a ConfigMap. Raises ObjectMissing."""
        self._ask(f"patch ConfigMap {name}", "PATCH", f"{self._config_maps}/{name}", {"data": data})

    def lease(self, name: str) -> KubeObject:
        """A Lease. Raises ObjectMissing."""
        return self._ask(f"read Lease {name}", "GET", f"{self._leases}/{name}")

    def create_lease(self, manifest: KubeObject) -> KubeObject:
        """Create a Lease. Returns it as stored. Raises ObjectExists."""
        return self._ask("create the Lease", "POST", self._leases, manifest)

    def replace_lease(self, manifest: KubeObject) -> KubeObject:
        """Replace a Lease. Returns it as stored. Raises ObjectChanged if another backend was quicker."""
        name = manifest["metadata"]["name"]
        return self._ask(f"renew Lease {name}", "PUT", f"{self._leases}/{name}", manifest)

    def create_event(self, manifest: KubeObject) -> None:
        """Create an Event. Raises ObjectExists if there is one of its name."""
        self._ask(f"create the Event {manifest['reason']}", "POST", self._events, manifest)

    def named(self, kind: str, name: str) -> KubeObject:
        """A Deployment ("deployments") or a Secret ("secrets"). Raises ObjectMissing."""
        group = "/apis/apps/v1" if kind == "deployments" else "/api/v1"
        return self._ask(f"read {name} of {kind}", "GET", f"{group}/namespaces/{self.namespace}/{kind}/{name}")

    def warnings(self) -> list[KubeObject]:
        """The Events of the namespace that warn of something."""
        path = f"/api/v1/namespaces/{self.namespace}/events"
        found: list[KubeObject] = self._ask("list Events", "GET", path, fieldSelector="type=Warning")["items"] or []
        return found

    def may(self, attributes: Mapping[str, str], account: str = "") -> bool:
        """Whether a ServiceAccount of the namespace has a right; without `account`: whether this program has it."""
        spec: KubeObject = {"resourceAttributes": {"namespace": self.namespace, **attributes}}
        if account:
            spec["user"] = f"system:serviceaccount:{self.namespace}:{account}"
        kind = "SubjectAccessReview" if account else "SelfSubjectAccessReview"
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        found = self._ask("review a right", "POST", f"/apis/authorization.k8s.io/v1/{kind.lower()}s", review)
        return bool(found["status"]["allowed"])

    def _list(self, what: str, path: str, selector: str) -> list[KubeObject]:
        found: list[KubeObject] = self._ask(what, "GET", path, labelSelector=selector)["items"] or []
        return found

    def _ask(self, what: str, method: str, path: str, body: KubeObject | None = None, **query: str) -> KubeObject:
        """Send a request to the API server. `what` names the request in error messages."""
        headers = {"Accept": "application/json", "Content-Type": CONTENT_TYPES.get(method, "application/json")}
        request = self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=AUTH_SETTINGS,
        )
        with self._noted(), _asked(what):
            response = self._client.call_api(*request, _request_timeout=REQUEST_SECONDS)
            text = response.read().decode()  # type: ignore[no-untyped-call]
            if not 200 <= response.status < 300:
                raise ApiException.from_response(http_resp=response, body=text, data=None)
            found: KubeObject = json.loads(text)
        return found

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note whether the API server answered: a refusal of one request is an answer."""
        try:
            yield
        except ClusterAway as away:
            self.dependency.failed(away.why)
            raise
        except ClusterError:
            self.dependency.answered()
            raise
        self.dependency.answered()


def connect() -> client.ApiClient:
    """A client with the pod's service account, or with a kubeconfig outside a pod. Raises ClusterError for neither."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        try:
            config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise ClusterError(f"There is neither a service account's token nor a kubeconfig ({error}).") from error
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it warns of each try of each request
    return client.ApiClient(configuration)


@contextmanager
def _asked(what: str) -> Iterator[None]:
    """Turn the client's errors into this module's."""
    try:
        yield
    except ApiException as error:
        raise _refusal(error, what) from error
    except json.JSONDecodeError as error:
        why = "What answers is no API server: it sends no JSON."
        raise ClusterAway(why, f"The answer to: {what}, is no JSON, so it is not from an API server.") from error
    except HTTPError as error:
        why = f"It was not reached ({type(error).__name__})."
        raise ClusterAway(why, f"The API server was not reached ({type(error).__name__}) to: {what}.") from error


def _refusal(error: ApiException, what: str) -> ClusterError:
    """The error for a status that the API server refuses with."""
    status, answer = error.status or 500, f"answered {error.status} {error.reason}"
    sure = "Nothing was changed." if status < 500 else "Whether it was done is not known."
    message = f"The API server {answer} to: {what}. {sure}"
    if status >= 500 or status == 401:
        return ClusterAway(f"It {answer}.", message)
    if status == 409 and '"AlreadyExists"' in str(error.body):
        return ObjectExists(message)
    return {404: ObjectMissing, 409: ObjectChanged}.get(status, ClusterError)(message)


def annotation(found: KubeObject, name: str) -> str:
    """An object's annotation; empty if it has none."""
    annotations: dict[str, Any] = found.get("metadata", {}).get("annotations") or {}
    return str(annotations.get(name, ""))
