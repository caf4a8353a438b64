"""Whether Label Studio can reach the backend: the form of its address, and what Label Studio refuses."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from service.labelstudio.errors import LabelStudioError
from service.labelstudio.inspection import Inspection
from spanloop.doctor.finding import Finding, look, ok, unchecked, wrong

NAME, RULES = "The backend's address", "Label Studio's rules for addresses"

UNBLOCK = (
    "Start Label Studio with both ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false, or with "
    "USE_DEFAULT_BANNED_SUBNETS=false alone."
)


def name(url: str) -> Finding:
    """Whether Label Studio makes a webhook for an address."""
    host = urlsplit(url).hostname or ""
    if "." in host or host == "localhost" or _is_address(host):
        return ok(NAME, f"{url} is an address for which Label Studio makes a webhook.")
    return wrong(
        NAME,
        f"{host or url} is a short name, without a dot.",
        "Label Studio makes no webhook for a short name, and says nothing. Runs do not start by themselves.",
        "Connect the model by an IP address or by a name with a dot, in a cluster http://SERVICE.NAMESPACE.svc:9090.",
    )


def other_machine(url: str, label_studio: str) -> Finding | None:
    """A warning if the address means this machine alone, and Label Studio is on another one."""
    if not _is_loopback(url) or _is_loopback(label_studio):
        return None
    return look(
        NAME,
        f"{url} means this machine alone, and Label Studio is on another one.",
        "Label Studio cannot reach the backend there.",
        "Start the backend with --host 0.0.0.0, connect it by this machine's own address, and name that address here "
        "with --backend.",
    )


def rules(url: str, inspection: Inspection) -> Finding:
    """Whether Label Studio would take a model at an address, and its webhook. Nothing is left in Label Studio."""
    try:
        refusals = inspection.refusals(url)
    except LabelStudioError as error:
        return unchecked(RULES, f"Label Studio did not say: {str(error).rstrip('.')}")
    if refusals.model:
        meaning = "The model cannot be connected, or is not called."
        return wrong(RULES, f"Label Studio refuses a model at {url}: {refusals.model}", meaning, _cure(refusals.model))
    if refusals.webhook:
        meaning = "The model can be connected, but gets no webhook. Runs do not start by themselves."
        told = f"Label Studio refuses a webhook to {url}: {refusals.webhook}"
        return wrong(RULES, told, meaning, _cure(refusals.webhook))
    return ok(RULES, f"Label Studio takes a model at {url}, and its webhook.")


def _cure(refusal: str) -> str:
    if "resolve hostname" in refusal:
        return "Connect the model by a name that Label Studio's machine knows, or by an IP address."
    if "network address" in refusal or "not allowed" in refusal:
        return UNBLOCK
    return "Connect the model by an IP address or by a name with a dot. If that is so, read Label Studio's log."


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
