"""A client of the real Label Studio: the demonstration's client with more calls for the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.support.label_studio import Client

CONFIG = """<View>
  <Labels name="label" toName="text">
    <Label value="person" background="#1f77b4"/>
    <Label value="company" background="#2ca02c"/>
    <Label value="city" background="#d62728"/>
  </Labels>
  <Text name="text" value="$text"/>
</View>"""


class Studio(Client):
    """Label Studio's API. Every call raises httpx.HTTPStatusError if Label Studio refuses it."""

    def project(self, texts: Iterable[str] = (), config: str = CONFIG, title: str = "Test") -> int:
        project = self.create_project(title, config)
        self.import_data(project, [{"text": text} for text in texts])
        return project

    def import_data(self, project: int, data: Sequence[Mapping[str, Any]]) -> None:
        if data:
            self._post(f"/api/projects/{project}/import", list(data))

    def connect(self, project: int, url: str, **settings: Any) -> int:
        """Connect a model with interactive pre-annotation. Returns its id."""
        body = {"project": project, "url": url, "title": "Spanloop", "is_interactive": True, **settings}
        return int(self._post("/api/ml/", body)["id"])

    def change_model(self, model: int, project: int, url: str, **settings: Any) -> None:
        body = {"project": project, "url": url, "is_interactive": True, **settings}
        self._http.patch(f"/api/ml/{model}", json=body).raise_for_status()

    def model(self, model: int) -> dict[str, Any]:
        response = self._http.get(f"/api/ml/{model}")
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found

    def models(self, project: int) -> list[dict[str, Any]]:
        response = self._http.get("/api/ml/", params={"project": project})
        response.raise_for_status()
        found: list[dict[str, Any]] = response.json()
        return found

    def delete(self, project: int) -> None:
        """Delete a project. Backends then no longer learn from it."""
        self._http.delete(f"/api/projects/{project}").raise_for_status()

    def change_config(self, project: int, config: str) -> None:
        self._http.patch(f"/api/projects/{project}", json={"label_config": config}).raise_for_status()

    def show_no_predictions(self, project: int) -> None:
        """Begin annotations empty instead of with a prediction."""
        self._http.patch(f"/api/projects/{project}", json={"show_collab_predictions": False}).raise_for_status()

    def shown_version(self, project: int) -> str:
        """The version, or the model's title, of which the project shows predictions."""
        response = self._http.get(f"/api/projects/{project}")
        response.raise_for_status()
        return str(response.json()["model_version"])

    def show_version(self, project: int, version: str) -> None:
        self._http.patch(f"/api/projects/{project}", json={"model_version": version}).raise_for_status()

    def make_view(self, project: int, ordering: str) -> int:
        """A tab of the Data Manager that shows ids and scores alone, in an order."""
        hidden = [
            f"tasks:{name}" for name in ("completed_at", "total_annotations", "cancelled_annotations", "data.text")
        ]
        hidden += [f"tasks:{name}" for name in ("total_predictions", "annotators", "updated_at", "created_at")]
        data = {"title": ordering, "ordering": [ordering], "hiddenColumns": {"explore": hidden, "labeling": []}}
        return int(self._post("/api/dm/views/", {"project": project, "data": data})["id"])

    def interact(self, model: int, task: int, regions: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
        """The regions that an annotator with these regions gets as suggestions in a task."""
        body = {"task": task, "context": {"result": list(regions)}}
        answer = self._post(f"/api/ml/{model}/interactive-annotating", body)
        assert not answer.get("errors"), answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def skip(self, task: int) -> int:
        """Press Skip, which makes a cancelled annotation. Returns its id."""
        return int(self._post(f"/api/tasks/{task}/annotations/", {"result": [], "was_cancelled": True})["id"])

    def predict(self, task: int, version: str, regions: Sequence[Mapping[str, Any]]) -> None:
        """Store a prediction, as Label Studio stores a backend's answer."""
        self._post("/api/predictions/", {"task": task, "model_version": version, "result": list(regions)})

    def predictions(self, project: int, version: str | None = None) -> dict[int, list[dict[str, Any]]]:
        """The stored predictions by task, of one version or of all."""
        return {
            task["id"]: [p for p in task["predictions"] if version in (None, p["model_version"])]
            for task in self.tasks(project)
        }

    def forget_prediction(self, prediction: int) -> None:
        self._http.delete(f"/api/predictions/{prediction}/").raise_for_status()

    def annotate_from(self, task: int, prediction: int, regions: Sequence[Mapping[str, Any]]) -> int:
        """Submit an annotation that began with a prediction, as the editor does. Returns its id."""
        body = {"result": list(regions), "parent_prediction": prediction, "lead_time": 5.0}
        return int(self._post(f"/api/tasks/{task}/annotations/", body)["id"])

    def edit(self, annotation: int, regions: Sequence[Mapping[str, Any]]) -> None:
        """Press Update."""
        self._http.patch(f"/api/annotations/{annotation}/", json={"result": list(regions)}).raise_for_status()

    def delete_annotation(self, annotation: int) -> None:
        self._http.delete(f"/api/annotations/{annotation}/").raise_for_status()

    def delete_task(self, task: int) -> None:
        self._http.delete(f"/api/tasks/{task}/").raise_for_status()

    def delete_annotations(self, project: int, tasks: Sequence[int]) -> None:
        """Select tasks in the Data Manager, and choose Delete Annotations."""
        selected = {"selectedItems": {"all": False, "included": list(tasks)}}
        self._post("/api/dm/actions", selected, {"id": "delete_tasks_annotations", "project": project})

    def copy_predictions(self, project: int) -> None:
        """Select all tasks, and choose Create Annotations From Predictions."""
        selected = {"selectedItems": {"all": True, "excluded": []}}
        self._post("/api/dm/actions", selected, {"id": "predictions_to_annotations", "project": project})

    def webhooks(self, project: int) -> list[int]:
        response = self._http.get("/api/webhooks/", params={"project": project})
        response.raise_for_status()
        return [int(one["id"]) for one in response.json()]

    def make_webhook(self, project: int, url: str) -> None:
        """Send all events of a project to an address."""
        self._post("/api/webhooks/", {"project": project, "url": url, "send_for_all_actions": True})

    def delete_webhook(self, webhook: int) -> None:
        self._http.delete(f"/api/webhooks/{webhook}/").raise_for_status()

    def turn_off_webhook(self, webhook: int) -> None:
        self._http.patch(f"/api/webhooks/{webhook}/", json={"is_active": False}).raise_for_status()

    def make_personal_access_token(self) -> str:
        return str(self._post("/api/token/", {})["token"])


def marked(text: str, *found: tuple[str, str], control: str = "label") -> list[dict[str, Any]]:
    """The regions of an annotator who marks the first occurrence of each (words, label)."""
    regions = []
    for words, label in found:
        start = text.index(words)
        value = {"start": start, "end": start + len(words), "text": words, "labels": [label]}
        regions.append({"from_name": control, "to_name": "text", "type": "labels", "value": value})
    return regions


def spans(regions: Iterable[Mapping[str, Any]]) -> set[tuple[int, int, str]]:
    return {(r["value"]["start"], r["value"]["end"], r["value"]["labels"][0]) for r in regions}
