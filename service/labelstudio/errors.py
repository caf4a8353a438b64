"""The errors of requests to Label Studio."""

from __future__ import annotations

from service.errors import Cause


class LabelStudioError(RuntimeError):
    """Label Studio could not be asked. The message says why and what to do, and never holds the API key."""

    cause = Cause.LABEL_STUDIO_UNREACHABLE


class NoApi(LabelStudioError):
    """Something other than Label Studio's API answered: a login page, a proxy or another program."""

    def __init__(self, message: str, status: int = 0) -> None:
        """`status`: that of the answer, where it alone says what is wrong; else 0."""
        super().__init__(message)
        self.status = status


class ProjectGone(LabelStudioError):
    """Label Studio has no such project, or no longer has it."""
