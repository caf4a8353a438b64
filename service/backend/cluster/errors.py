"""What can go wrong between the backend and the API server."""

from __future__ import annotations

from service.errors import Cause


class ClusterError(RuntimeError):
    """The API server refused a request or was not reached; says what was asked and what to do."""

    cause = Cause.CLUSTER_API


class ObjectExists(ClusterError):
    """An object of that name is there already."""


class ObjectChanged(ClusterError):
    """The object was changed since it was read; nothing was done."""


class ObjectMissing(ClusterError):
    """There is no such object."""
