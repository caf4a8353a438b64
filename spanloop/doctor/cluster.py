"""A release on a cluster: the rights of its backend, its Secrets, its extractors, and what Events warn of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from service.backend.cluster.errors import ClusterError
from service.backend.cluster.settings import ReleaseSettings
from spanloop.doctor.finding import Finding, look, ok, unchecked, wrong

if TYPE_CHECKING:  # it imports Kubernetes' client
    from service.backend.cluster.inspection import Inspection

RIGHTS, SECRETS, EXTRACTORS, EVENTS = (
    "The backend's rights",
    "The backend's Secrets",
    "The extractors",
    "Events of the last hour",
)
SHOWN = 5
"""Most Events that are told."""


def checks(settings: ReleaseSettings) -> list[Finding]:
    """What is to be said of a release; nothing where none is named."""
    if not settings.namespace:
        return []
    from service.backend.cluster.inspection import Inspection

    try:
        inspection = Inspection(settings)
    except ClusterError as error:
        told = "Name a kubeconfig in KUBECONFIG, or run this in the backend's pod."
        return [wrong(RIGHTS, str(error), "The cluster cannot be asked.", told)]
    looked = ((RIGHTS, _rights), (SECRETS, _secrets), (EXTRACTORS, _extractors), (EVENTS, _events))
    return [_asked(check, look_at, inspection) for check, look_at in looked]


def _asked(check: str, look_at: Callable[[Inspection], Finding], inspection: Inspection) -> Finding:
    try:
        return look_at(inspection)
    except ClusterError as error:
        return unchecked(check, f"the API server did not say: {str(error).rstrip('.')}")


def _rights(inspection: Inspection) -> Finding:
    lacking = inspection.lacking_rights()
    if lacking:
        return wrong(
            RIGHTS,
            f"{inspection.account} may not: {', '.join(map(str, lacking))}.",
            "Runs cannot start, or versions cannot be rolled out.",
            "Install the chart again (helm upgrade), whose Role and RoleBinding give these rights.",
        )
    return ok(RIGHTS, f"{inspection.account} may do all that it must.")


def _secrets(inspection: Inspection) -> Finding:
    if inspection.is_inside:
        return ok(SECRETS, "This pod runs, so the Secrets that it reads are there.")
    missing = inspection.missing_secrets()
    if missing:
        told = f"There is no {', '.join(missing)}."
        return wrong(
            SECRETS,
            told,
            "The backend's pod does not start.",
            "kubectl create secret generic NAME --from-literal=KEY=…",
        )
    return ok(SECRETS, "All that the backend reads are there.")


def _extractors(inspection: Inspection) -> Finding:
    ready, wanted = inspection.extractors()
    if ready < wanted:
        return wrong(
            EXTRACTORS,
            f"{ready} of {wanted} are ready.",
            "Predictions wait, or come late.",
            "kubectl describe pod -l app.kubernetes.io/component=extractor says why. A new version may be rolling out.",
        )
    return ok(
        EXTRACTORS, f"{ready} of {wanted} are ready." if wanted else "They are scaled to zero: the next text wakes one."
    )


def _events(inspection: Inspection) -> Finding:
    found = inspection.warnings(datetime.now(UTC))
    if found:
        told = " ".join(f"{one.rstrip('.')}." for one in found[:SHOWN])
        more = f" {len(found) - SHOWN} more." if len(found) > SHOWN else ""
        return look(
            EVENTS, f"{told}{more}", "Something in the namespace did not go well.", "docs/runbook.md says what to do."
        )
    return ok(EVENTS, "None warns of anything.")
