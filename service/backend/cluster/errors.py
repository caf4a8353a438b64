"""The errors of requests to the Kubernetes API server."""

from __future__ import annotations

from service.errors import Cause


class ClusterError(RuntimeError):
    """The API server refused a request or was not reached. The message names the request."""

    cause = Cause.CLUSTER_API


class ClusterAway(ClusterError):
    """The API server was not reached, could not answer, or does not know this backend."""

    def __init__(self, why: str, message: str) -> None:
        """`why`: what happened, whatever was asked."""
        super().__init__(message)
        self.why = why


class ObjectExists(ClusterError):
    """An object of that name exists already."""


class ObjectChanged(ClusterError):
    """The object was changed since it was read; nothing was done."""


class ObjectMissing(ClusterError):
    """There is no such object."""
