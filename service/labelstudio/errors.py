"""What keeps Label Studio from being asked."""

from __future__ import annotations

from service.errors import Cause


class LabelStudioError(RuntimeError):
    """Label Studio could not be asked; says why and what to do. The message never holds the API key."""

    cause = Cause.LABEL_STUDIO_UNREACHABLE


class ProjectGone(LabelStudioError):
    """Label Studio has no such project (any more)."""
