"""The errors of requests to the Kubernetes API server."""

from __future__ import annotations

from service.errors import Cause


class ClusterError(RuntimeError):
    """The API server refused a request or was not reached. The message names the request."""

    cause = Cause.CLUSTER_API


class ObjectExists(ClusterError):
    """An object of that name exists already."""


class ObjectChanged(ClusterError):
    """The object was changed since it was read; nothing was done."""


class ObjectMissing(ClusterError):
    """There is no such object."""
