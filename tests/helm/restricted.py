"""The Pod Security Standard "restricted": https://kubernetes.io/docs/concepts/security/pod-security-standards/."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SECCOMP = {"RuntimeDefault", "Localhost"}
SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def violations(pod: dict[str, Any]) -> list[str]:
    """What the profile forbids in a pod's spec."""
    return [*_of_pod(pod), *(f"{one['name']}: {what}" for one in _containers(pod) for what in _of_container(one, pod))]


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for kind in ("initContainers", "containers", "ephemeralContainers") for one in pod.get(kind, [])]


def _of_pod(pod: dict[str, Any]) -> Iterator[str]:
    context = pod.get("securityContext", {})
    yield from (f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name))
    if context.get("sysctls"):
        yield "sysctls are set"
    for volume in pod.get("volumes", []):
        yield from (f"volume {volume['name']} is a {kind}" for kind in volume if kind not in {"name", *VOLUMES})


def _of_container(container: dict[str, Any], pod: dict[str, Any]) -> Iterator[str]:
    own, shared = container.get("securityContext", {}), pod.get("securityContext", {})
    both = {**shared, **own}
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if both.get("runAsNonRoot") is not True:
        yield "runAsNonRoot is not true"
    if both.get("runAsUser") == 0:
        yield "runAsUser is 0"
    if both.get("seccompProfile", {}).get("type") not in SECCOMP:
        yield "no seccomp profile"
    if both.get("appArmorProfile", {}).get("type") == "Unconfined":
        yield "AppArmor is off"
    if both.get("windowsOptions", {}).get("hostProcess"):
        yield "a host process"
    if both.get("seLinuxOptions", {}).get("type", "") not in SELINUX:
        yield "SELinux type"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield "capabilities are not dropped"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
    yield from (f"host port {port['hostPort']}" for port in container.get("ports", []) if port.get("hostPort"))
    yield from (f"{where} asks another host" for where, handler in _handlers(container) if handler.get("host"))


def _handlers(container: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The network handlers of probes and hooks."""
    hooks = {
        **container.get("lifecycle", {}),
        **{name: container.get(name) for name in ("startupProbe", "readinessProbe", "livenessProbe")},
    }
    for where, hook in hooks.items():
        for kind in ("httpGet", "tcpSocket"):
            yield where, (hook or {}).get(kind, {})
