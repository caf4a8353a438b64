"""A fake Label Studio whose projects have tasks with predictions and annotations, as its Data Manager lists them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.studio import Studio, StudioProject

BEGAN = datetime(2026, 11, 23, 18, tzinfo=UTC)


@dataclass
class AnnotatedStudio(Studio):
    """Every change takes a second of its clock. Tasks, annotations and predictions are as 1.23.2 sends them."""

    kept: dict[int, dict[int, dict[str, Any]]] = field(default_factory=dict)
    """The tasks by project and id."""
    seconds: int = 0
    while_listing: Callable[[], None] = lambda: None
    """What happens while a page of tasks is under way: once, before it is answered."""
    pages: list[list[int]] = field(default_factory=list)
    """The ids of the tasks of each page that was sent with annotations."""

    def project(self, number: int, texts: Sequence[str], **facts: Any) -> list[int]:
        """Make a project, which has nothing but these texts. Returns the ids of its tasks."""
        self.projects[number] = StudioProject(**facts)
        ids = [1000 * number + place for place in range(1, len(texts) + 1)]
        self.kept[number] = {
            one: {"id": one, "data": {"text": text}, "annotations": [], "predictions": [], "updated_at": self._now()}
            for one, text in zip(ids, texts, strict=True)
        }
        return ids

    def predict(self, task: int, version: str, regions: Sequence[dict[str, Any]]) -> int:
        one = {"id": self._number(), "created_at": self._now(), "model_version": version, "result": list(regions)}
        self._task(task)["predictions"].append(one)
        return int(one["id"])

    def annotate(self, task: int, regions: Sequence[dict[str, Any]], **facts: Any) -> int:
        now = self._touch(task)
        made = {"created_at": now, "updated_at": now, "was_cancelled": False, "updated_by": 1}
        one = {"id": self._number(), "result": list(regions), "parent_prediction": None, **made, **facts}
        self._task(task)["annotations"].append(one)
        return int(one["id"])

    def edit(self, annotation: int, regions: Sequence[dict[str, Any]]) -> None:
        task, one = self._found(annotation)
        one |= {"result": list(regions), "updated_at": self._touch(task["id"]), "updated_by": 1}

    def delete(self, annotation: int) -> None:
        task, one = self._found(annotation)
        task["annotations"].remove(one)
        self._touch(task["id"])

    def delete_task(self, task: int) -> None:
        del self.kept[task // 1000][task]

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if self.broken or path.strip("/") != "api/tasks" or int(query["project"][0]) not in self.projects:
            return super().answer(method, path, query)
        asked = json.loads(query["query"][0])
        if query.get("fields") == ["all"]:
            happens, self.while_listing = self.while_listing, lambda: None
            happens()
        tasks = [dict(task) for task in self.kept[int(query["project"][0])].values() if _fulfils(task, asked)]
        tasks.sort(key=lambda task: task["id"])
        if asked["ordering"] == ["-tasks:updated_at"]:
            tasks.sort(key=lambda task: str(task["updated_at"]), reverse=True)
        page = tasks[: int(query["page_size"][0])]
        if query.get("fields") == ["all"]:
            self.pages.append([task["id"] for task in page])
            page = [_part(task, query["include"][0].split(",")) for task in page]
        return 200, {"tasks": page, "total": len(tasks), "total_annotations": sum(map(_annotations, tasks))}

    def _task(self, task: int) -> dict[str, Any]:
        return self.kept[task // 1000][task]

    def _found(self, annotation: int) -> tuple[dict[str, Any], dict[str, Any]]:
        return next((task, one) for task in self._all() for one in task["annotations"] if one["id"] == annotation)

    def _all(self) -> Iterator[dict[str, Any]]:
        return (task for tasks in self.kept.values() for task in tasks.values())

    def _touch(self, task: int) -> str:
        now = self._now()
        self._task(task)["updated_at"] = now
        return now

    def _number(self) -> int:
        return self.seconds

    def _now(self) -> str:
        self.seconds += 1
        return (BEGAN + timedelta(seconds=self.seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _annotations(task: dict[str, Any]) -> int:
    return sum(not one["was_cancelled"] for one in task["annotations"])


def _part(task: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What 1.23.2 sends of a task for `include`: the fields with these names, of its annotations too."""
    annotations = [{name: value for name, value in one.items() if name in names} for one in task["annotations"]]
    return {name: value for name, value in (task | {"annotations": annotations}).items() if name in names}


def _fulfils(task: dict[str, Any], asked: dict[str, Any]) -> bool:
    found = {"total_annotations": _annotations(task), "id": task["id"], "updated_at": task["updated_at"]}
    conditions = asked["filters"]["items"]
    assert all(one["operator"] == "greater" for one in conditions), conditions
    return all(found[one["filter"].rpartition(":")[2]] > one["value"] for one in conditions)
