"""A thin client of the Kubernetes API: the few objects of one release, as plain dicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from service.backend.cluster.errors import Changed, ClusterError, Exists, Missing
from service.backend.cluster.jobs import Manifest
from service.settings import Settings

SECONDS = 10
"""How long one request may take."""


class Cluster:
    """The objects of one release in one namespace."""

    def __init__(self, settings: Settings) -> None:
        self.namespace = settings.namespace
        self.release = settings.release
        self.extractor = settings.extractor_deployment
        # The chart's own labels, which every training Job has, whoever created it.
        self._training = f"app.kubernetes.io/component=training,spanloop.dev/release={settings.release}"
        self._client = connect()
        self._apps = client.AppsV1Api(self._client)
        self._batch = client.BatchV1Api(self._client)
        self._core = client.CoreV1Api(self._client)
        self._coordination = client.CoordinationV1Api(self._client)

    def jobs(self) -> list[Manifest]:
        """The release's training Jobs."""
        with _asked("list Jobs"):
            found = self._batch.list_namespaced_job(
                self.namespace, label_selector=self._training, _request_timeout=SECONDS
            )
        return [self._plain(job) for job in found.items]

    def pods_of(self, job: str) -> list[Manifest]:
        """A Job's pods, the newest first."""
        with _asked(f"list the pods of Job {job}"):
            found = self._core.list_namespaced_pod(
                self.namespace, label_selector=f"job-name={job}", _request_timeout=SECONDS
            )
        pods = [self._plain(pod) for pod in found.items]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)

    def create_job(self, manifest: Manifest) -> None:
        """Raises Exists where the Job is there already."""
        with _asked(f"create Job {manifest['metadata']['name']}"):
            self._batch.create_namespaced_job(self.namespace, manifest, _request_timeout=SECONDS)  # type: ignore[arg-type]

    def annotate_job(self, name: str, annotations: dict[str, str]) -> None:
        body = {"metadata": {"annotations": annotations}}
        with _asked(f"annotate Job {name}"):
            self._batch.patch_namespaced_job(name, self.namespace, body, _request_timeout=SECONDS)

    def delete_job(self, name: str) -> None:
        """Delete a Job and its pods."""
        with _asked(f"delete Job {name}"):
            self._batch.delete_namespaced_job(
                name, self.namespace, propagation_policy="Background", _request_timeout=SECONDS
            )

    def deployment(self) -> Manifest:
        """The extractor's Deployment."""
        with _asked(f"read Deployment {self.extractor}"):
            return self._plain(
                self._apps.read_namespaced_deployment(self.extractor, self.namespace, _request_timeout=SECONDS)
            )

    def patch_deployment(self, body: Manifest, resource_version: str) -> Manifest:
        """Change the extractor's Deployment if it is still what it was when it was read. Raises Changed."""
        guarded = {**body, "metadata": {**body.get("metadata", {}), "resourceVersion": resource_version}}
        with _asked(f"patch Deployment {self.extractor}"):
            return self._plain(
                self._apps.patch_namespaced_deployment(
                    self.extractor, self.namespace, guarded, _request_timeout=SECONDS
                )
            )

    def scale(self, replicas: int) -> None:
        """Set the extractor's number of pods, by the scale subresource."""
        with _asked(f"scale Deployment {self.extractor}"):
            self._apps.patch_namespaced_deployment_scale(
                self.extractor, self.namespace, {"spec": {"replicas": replicas}}, _request_timeout=SECONDS
            )

    def lease(self, name: str) -> Manifest:
        """Raises Missing."""
        with _asked(f"read Lease {name}"):
            return self._plain(self._coordination.read_namespaced_lease(name, self.namespace, _request_timeout=SECONDS))

    def create_lease(self, manifest: Manifest) -> None:
        """Raises Exists."""
        with _asked("create the Lease"):
            self._coordination.create_namespaced_lease(self.namespace, manifest, _request_timeout=SECONDS)  # type: ignore[arg-type]

    def replace_lease(self, manifest: Manifest) -> None:
        """Raises Changed where another backend was quicker."""
        name = manifest["metadata"]["name"]
        with _asked(f"renew Lease {name}"):
            self._coordination.replace_namespaced_lease(name, self.namespace, manifest, _request_timeout=SECONDS)  # type: ignore[arg-type]

    def _plain(self, found: object) -> Manifest:
        plain: Manifest = self._client.sanitize_for_serialization(found)  # type: ignore[no-untyped-call]
        return plain


def connect() -> client.ApiClient:
    """A client by the pod's service account; outside a pod by the kubeconfig. Raises ClusterError for neither."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        try:
            config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise ClusterError(f"There is neither a service account's token nor a kubeconfig ({error}).") from error
    return client.ApiClient(configuration)


@contextmanager
def _asked(what: str) -> Iterator[None]:
    """Turn the client's errors into this module's."""
    try:
        yield
    except ApiException as error:
        kind = {404: Missing, 409: Changed}.get(error.status or 0, ClusterError)
        if error.status == 409 and '"AlreadyExists"' in str(error.body):
            kind = Exists
        sure = "Nothing was changed." if (error.status or 500) < 500 else "Whether it was done is not known."
        raise kind(f"The API server answered {error.status} {error.reason} to: {what}. {sure}") from error
    except HTTPError as error:
        raise ClusterError(f"The API server was not reached ({type(error).__name__}) to: {what}.") from error


def annotation(found: Manifest, name: str) -> str:
    """An object's annotation; empty where it has none."""
    annotations: dict[str, Any] = found.get("metadata", {}).get("annotations") or {}
    return str(annotations.get(name, ""))
