"""How the parts of a release stand, as one backend knows it: what /health says besides that this backend is up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service import __version__
from service.backend.dependencies import Name, State

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor


def parts(supervisor: Supervisor) -> dict[str, Any]:
    """The release, the live version, whether it answers, how many extractors are ready of those that should be, and
    whether each dependency answered when it was last asked. It asks nobody: Label Studio waits one second."""
    extractors = supervisor.rollout.extractors
    return {
        "release": __version__,
        "model_version": supervisor.rollout.version,
        "answers": supervisor.answers,
        "extractors": {"ready": extractors.ready, "wanted": extractors.wanted} if extractors else None,
        "dependencies": {
            name: {"up": state.is_up, "since": state.since.isoformat()}
            for name, state in asked(supervisor).items()
            if state.since
        },
    }


def asked(supervisor: Supervisor) -> dict[Name, State]:
    """How the dependencies that were asked stand. A Label Studio whose address or key is not set is none."""
    states = {name: one.state for name, one in supervisor.dependencies.items() if one.state.since}
    if not supervisor.studio.is_set:
        states.pop("label_studio", None)
    return states
