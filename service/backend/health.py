"""How the parts of a release stand, as one backend knows it: what /health says besides that this backend is up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor


def parts(supervisor: Supervisor) -> dict[str, Any]:
    """The live version, whether it answers, how many extractors are ready of those that should be, and whether each
    dependency answered when it was last asked. It asks nobody: Label Studio waits one second."""
    extractors = supervisor.rollout.extractors
    return {
        "model_version": supervisor.rollout.version,
        "answers": supervisor.answers,
        "extractors": {"ready": extractors.ready, "wanted": extractors.wanted} if extractors else None,
        "dependencies": {
            name: {"up": known.is_up, "since": known.since.isoformat()}
            for name, one in supervisor.dependencies.items()
            if (known := one.state).since is not None
        },
    }
