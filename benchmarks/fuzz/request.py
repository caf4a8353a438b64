"""A request, and the file from which it is sent again."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """What is sent to a service."""

    service: str
    """`backend` or `extractor`."""
    method: str
    route: str
    """The route's path with its parameters, as `/runs/{run}/cancel`."""
    path: str
    headers: dict[str, str]
    body: bytes

    def save(self, path: Path) -> None:
        """Write it to a file that `read` reads."""
        fields = {**asdict(self), "body": base64.b64encode(self.body).decode()}
        path.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Request:
    """The request that a file holds."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    return Request(**{**fields, "body": base64.b64decode(fields["body"])})
