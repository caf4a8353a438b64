"""Decides whether NetworkPolicies allow a connection, by the rules of Kubernetes."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any


@dataclass(frozen=True)
class Peer:
    """An end of a connection: a pod in a namespace, or an address outside the cluster."""

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    address: str = ""


def allowed(policies: list[dict[str, Any]], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether the source's egress rules and the target's ingress rules both allow a connection."""
    return _agrees(policies, source, target, "Egress", port, protocol) and _agrees(
        policies, target, source, "Ingress", port, protocol
    )


def _agrees(policies: list[dict[str, Any]], pod: Peer, other: Peer, direction: str, port: int, protocol: str) -> bool:
    chosen = [one for one in policies if direction in one["spec"]["policyTypes"] and _selects(one, pod)]
    if not chosen:
        return True  # no policy selects the pod
    side, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return any(
        _rule(rule, peers, other, port, protocol, one["metadata"]["namespace"])
        for one in chosen
        for rule in one["spec"].get(side) or []
    )


def _selects(policy: dict[str, Any], pod: Peer) -> bool:
    return (
        not pod.address
        and policy["metadata"]["namespace"] == pod.namespace
        and _matches(policy["spec"]["podSelector"], pod.labels)
    )


def _rule(rule: dict[str, Any], peers: str, other: Peer, port: int, protocol: str, namespace: str) -> bool:
    ports = rule.get("ports")
    if ports and not any(one["port"] == port and one.get("protocol", "TCP") == protocol for one in ports):
        return False
    return not rule.get(peers) or any(_is(peer, other, namespace) for peer in rule[peers])


def _is(peer: dict[str, Any], other: Peer, namespace: str) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        inside = bool(other.address) and ip_address(other.address) in ip_network(block["cidr"])
        return inside and not any(ip_address(other.address) in ip_network(one) for one in block.get("except", []))
    if other.address:
        return False
    if "namespaceSelector" in peer:
        if not _matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace}):
            return False
    elif other.namespace != namespace:
        return False
    return _matches(peer.get("podSelector", {}), other.labels)


def _matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert not selector.get("matchExpressions"), "matchExpressions are not judged here"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
