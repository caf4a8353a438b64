"""A fake Label Studio whose project has tasks, and predictions that are imported, listed and deleted."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.support.studio import LABEL_CONFIG, Studio


@dataclass
class PredictedStudio(Studio):
    """Project 1, with a text for each task's id. The filters are those that a pre-labelling sends."""

    texts: dict[int, str] = field(default_factory=dict)
    stored: list[dict[str, Any]] = field(default_factory=list)
    """The predictions, in the order in which they came."""
    views: dict[int, dict[str, Any]] = field(default_factory=dict)
    late: bool = False
    """Whether the next import is stored, but answered with 504: a proxy did not wait."""
    refused: int = 0
    """The status of the next import, which stores nothing; 0: it is stored."""
    imported: list[int] = field(default_factory=list)
    """How many predictions each import had."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if self.broken:
            return self.broken, {"detail": "broken"}
        parts = path.strip("/").split("/")
        if parts == ["api", "projects", "1"]:
            return 200, {"id": 1, "label_config": LABEL_CONFIG, "model_version": "", "task_number": len(self.texts)}
        if parts[:3] == ["api", "dm", "views"]:
            view = self.views.get(int(parts[3]))
            return (200, view) if view else (404, {"detail": "Not found."})
        if parts != ["api", "tasks"] or query["project"] != ["1"]:
            return 404, {"detail": "Not found."}
        conditions = json.loads(query["query"][0])["filters"]["items"]
        with self._lock:
            ids = [one for one in sorted(self.texts) if all(self._fulfils(one, condition) for condition in conditions)]
            page = [self._task(one) for one in ids[: int(query["page_size"][0])]]
        return 200, {"tasks": page, "total": len(ids)}

    def change(self, method: str, path: str, sent: Any) -> tuple[int, Any]:
        if method == "DELETE":
            self.stored = [one for one in self.stored if one["id"] != int(path.strip("/").split("/")[2])]
            return 200, {}
        if self.refused:
            status, self.refused = self.refused, 0
            return status, {"detail": "refused"}
        self.imported.append(len(sent))
        self.store(sent)
        late, self.late = self.late, False
        return (504, {"detail": "no answer in time"}) if late else (201, {"created": len(sent)})

    def store(self, sent: list[dict[str, Any]]) -> None:
        with self._lock:
            begin = max((one["id"] for one in self.stored), default=0) + 1
            self.stored += [{**one, "id": begin + place} for place, one in enumerate(sent)]

    def of(self, version: str) -> list[int]:
        """The tasks of the predictions of a version, sorted: one that comes twice has two."""
        return sorted(one["task"] for one in self.stored if one["model_version"] == version)

    def _task(self, number: int) -> dict[str, Any]:
        predictions = [one for one in self.stored if one["task"] == number]
        return {"id": number, "data": {"text": self.texts[number]}, "predictions": predictions}

    def _fulfils(self, number: int, condition: dict[str, Any]) -> bool:
        name, operator, value = condition["filter"].rpartition(":")[2], condition["operator"], condition["value"]
        versions = {one["model_version"] for one in self.stored if one["task"] == number}
        holds: dict[tuple[str, str], Any] = {
            ("id", "greater"): lambda: number > value,
            ("id", "in"): lambda: value["min"] <= number <= value["max"],
            ("predictions_model_versions", "contains"): lambda: value[0] in versions,
            ("predictions_model_versions", "not_contains"): lambda: value[0] not in versions,
            ("data.text", "contains"): lambda: value in self.texts[number],
        }
        return bool(holds[name, operator]())
