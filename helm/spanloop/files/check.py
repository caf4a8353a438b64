"""`helm test` runs this: the backend must be healthy, reach what it needs, predict, and may create Jobs."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path

import httpx

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS = 120
"""Timeout of a request: longer than the backend's own deadline for a prediction."""

LABEL_CONFIG = """
<View>
  <Labels name="label" toName="text"><Label value="Medication"/><Label value="Disease"/></Labels>
  <Text name="text" value="$text"/>
</View>
"""
TASK = {"id": 1, "data": {"text": "She takes aspirin against migraine."}}


class Failed(Exception):
    """A check failed; the message says which and what to do."""


def main() -> None:
    with backend() as client:
        print(f"health: {health(client)}")
        print(f"dependencies: {dependencies(client)}")
        print(f"predict: {predict(client)}")
    with api_server() as client:
        print(f"jobs: {may_create_jobs(client, os.environ['SPANLOOP_NAMESPACE'])}")


def backend() -> httpx.Client:
    credentials = (
        os.environ.get("SPANLOOP_BASIC_AUTH_USERNAME", ""),
        os.environ.get("SPANLOOP_BASIC_AUTH_PASSWORD", ""),
    )
    return httpx.Client(
        base_url=os.environ["SPANLOOP_URL"],
        auth=credentials if any(credentials) else None,
        timeout=SECONDS,
        trust_env=False,
    )


def api_server() -> httpx.Client:
    """A client of the API server, with the token of the pod's service account."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return httpx.Client(
        base_url=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}"},
        verify=ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
        timeout=30,
        trust_env=False,
    )


def health(client: httpx.Client) -> str:
    answer = client.get("/health").raise_for_status().json()
    if answer.get("status") != "UP":
        raise Failed(f"/health answered {answer}. Read the backend's log.")
    return "UP"


def dependencies(client: httpx.Client) -> str:
    """What the backend needs and reached when it last asked: Label Studio, the registry, the API server."""
    found = client.get("/health").raise_for_status().json().get("dependencies", {})
    away = [name for name, state in found.items() if not state["up"]]
    if away:
        raise Failed(f"The backend cannot use {', '.join(away)}. Its page says why, and docs/runbook.md what to do.")
    return ", ".join(found)


def predict(client: httpx.Client) -> str:
    body = {"tasks": [TASK], "label_config": LABEL_CONFIG, "project": "1.1"}
    results = client.post("/predict", json=body).raise_for_status().json().get("results") or []
    if len(results) != 1 or "error" in results[0]:
        raise Failed(f"/predict answered {results} for one task. Read the extractor's log.")
    return f"{len(results[0]['result'])} spans by {results[0]['model_version']}"


def may_create_jobs(client: httpx.Client, namespace: str) -> str:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {"namespace": namespace, "verb": "create", "group": "batch", "resource": "jobs"}
        },
    }
    answer = (
        client.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review).raise_for_status().json()
    )
    if not answer["status"]["allowed"]:
        raise Failed(
            f"The backend may not create Jobs in {namespace}, so no run can start. Check its Role and RoleBinding."
        )
    return f"may be created in {namespace}"


if __name__ == "__main__":
    try:
        main()
    except (Failed, httpx.HTTPError) as error:
        sys.exit(f"failed: {error}")
