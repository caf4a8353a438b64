"""A fake Label Studio whose project has tasks, and predictions that are imported, listed and deleted."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
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
    never_answered: bool = False
    """Whether the next import is answered with 504 and held: `deliver` stores it."""
    bytes_max: int = 0
    """A proxy answers larger bodies with a page and 413; 0: it lets all through."""
    proxy_refuses: str = ""
    """A proxy answers a body that has this in it with a page and 403."""
    passed_over: str = ""
    """An import leaves out predictions that have this in them, and answers 201 with a smaller number."""
    imported: list[int] = field(default_factory=list)
    """How many predictions each import had that was let through."""
    largest: int = 0
    """Bytes of the largest import that was let through."""
    read: int = 0
    """How many tasks it has listed with their predictions."""
    listed: int = 0
    """How many ids it has listed, for requests for ids alone."""
    held: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if self.broken:
            return self.broken, {"detail": "broken"}
        parts = path.strip("/").split("/")
        if parts == ["api", "projects", "1"]:
            return 200, {"id": 1, "label_config": LABEL_CONFIG, "model_version": "", "task_number": len(self.texts)}
        if parts == ["api", "projects", "1", "model-versions"]:
            return 200, dict(Counter(one["model_version"] for one in self.stored))
        if parts[:3] == ["api", "dm", "views"]:
            view = self.views.get(int(parts[3]))
            return (200, view) if view else (404, {"detail": "Not found."})
        if parts != ["api", "tasks"] or query["project"] != ["1"]:
            return 404, {"detail": "Not found."}
        asked = json.loads(query["query"][0])
        conditions = asked.get("filters", {"items": []})["items"]
        with self._lock:
            of: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
            for one in self.stored:
                of[one["task"]].append(one)
            ids = [one for one in sorted(self.texts) if all(self._fulfils(one, of[one], each) for each in conditions)]
            if asked["ordering"] == ["-tasks:total_predictions"]:
                ids.sort(key=lambda one: len(of[one]), reverse=True)
            if query.get("fields") == ["all"]:
                self.read += len(ids[: int(query["page_size"][0])])
            page = [self._task(one, of[one]) for one in ids[: int(query["page_size"][0])]]
            if query.get("include") == ["id"]:
                self.listed += len(page)
                page = [{"id": one["id"]} for one in page]
        return 200, {"tasks": page, "total": len(ids)}

    def change(self, method: str, path: str, sent: Any) -> tuple[int, Any]:
        if method == "DELETE":
            self.stored = [one for one in self.stored if one["id"] != int(path.strip("/").split("/")[2])]
            return 204, b""
        if path == "/api/predictions/":
            self.store([sent])
            return 201, sent
        size = len(json.dumps(sent, separators=(",", ":")))
        if 0 < self.bytes_max < size:
            return 413, b"<h1>413 Request Entity Too Large</h1>"
        if self.proxy_refuses and self.proxy_refuses in json.dumps(sent):
            return 403, b"<h1>403 Forbidden</h1>"
        if self.refused:
            status, self.refused = self.refused, 0
            return status, {"detail": "refused"}
        if any(one["task"] not in self.texts for one in sent):
            return 400, {"detail": "a task is not there"}
        if self.never_answered:
            self.never_answered, self.held = False, sent
            return 504, {"detail": "no answer in time"}
        self.imported.append(len(sent))
        self.largest = max(self.largest, size)
        taken = [one for one in sent if not (self.passed_over and self.passed_over in json.dumps(one))]
        self.store(taken)
        late, self.late = self.late, False
        return (504, {"detail": "no answer in time"}) if late else (201, {"created": len(taken)})

    def deliver(self) -> None:
        """Store the import that was held, as a worker of Label Studio does that a proxy has not waited for."""
        self.store(self.held)
        self.held = []

    def store(self, sent: list[dict[str, Any]]) -> None:
        with self._lock:
            begin = max((one["id"] for one in self.stored), default=0) + 1
            self.stored += [{**one, "id": begin + place} for place, one in enumerate(sent)]

    def of(self, version: str) -> list[int]:
        """The tasks of the predictions of a version, sorted: one that comes twice has two."""
        return sorted(one["task"] for one in self.stored if one["model_version"] == version)

    def _task(self, number: int, predictions: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": number,
            "data": {"text": self.texts[number]},
            "predictions": predictions,
            "total_predictions": len(predictions),
        }

    def _fulfils(self, number: int, predictions: list[dict[str, Any]], condition: dict[str, Any]) -> bool:
        name, operator, value = condition["filter"].rpartition(":")[2], condition["operator"], condition["value"]
        versions = ",".join(one["model_version"] for one in predictions).casefold()
        holds: dict[tuple[str, str], Any] = {
            ("id", "greater"): lambda: number > value,
            ("id", "in"): lambda: value["min"] <= number <= value["max"],
            ("total_predictions", "equal"): lambda: len(predictions) == value,
            ("predictions_model_versions", "contains"): lambda: value[0].casefold() in versions,
            ("predictions_model_versions", "not_contains"): lambda: value[0].casefold() not in versions,
            ("data.text", "contains"): lambda: value in self.texts[number],
        }
        return bool(holds[name, operator]())
