"""The projects that the backend knows, and the host by which Label Studio calls it for each."""

from __future__ import annotations

from service.backend.cluster.errors import ClusterError
from service.backend.local.projects import FILE
from service.backend.projects import parsed
from spanloop.doctor.settings import DoctorSettings


def hosts(settings: DoctorSettings) -> dict[int, str]:
    """The hosts by project; empty where nothing is kept or can be read. What is kept is not touched.

    Why it cannot be read is said by the checks of the home directory or of the cluster. The backend itself knows
    nothing either of what cannot be parsed, until Label Studio calls again.
    """
    try:
        kept = _of_release(settings) if settings.namespace else _of_home(settings)
        return {one.id: one.host for one in parsed(kept).values() if one.is_known}
    except (OSError, ValueError, ClusterError):
        return {}


def _of_home(settings: DoctorSettings) -> str:
    return (settings.home.expanduser() / FILE).read_text(encoding="utf-8")


def _of_release(settings: DoctorSettings) -> str:
    from service.backend.cluster.inspection import Inspection  # it imports Kubernetes' client

    return Inspection(settings).kept_projects()
