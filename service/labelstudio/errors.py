"""The errors of requests to Label Studio."""

from __future__ import annotations

from service.errors import Cause


class LabelStudioError(RuntimeError):
    """Label Studio could not be asked. The message says why and what to do, and never holds the API key."""

    cause = Cause.LABEL_STUDIO_UNREACHABLE


class ProjectGone(LabelStudioError):
    """Label Studio has no such project, or no longer has it."""
