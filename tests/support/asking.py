"""Requests of Label Studio, Prometheus and others to a backend."""

from __future__ import annotations

import base64

from tests.support.samples import Scrape
from tests.support.studio import LABEL_CONFIG

SECRET = "xyzzy-secret"
TWO_CONTROLS = """<View>
  <Labels name="people" toName="note"><Label value="PER" hint="person"/></Labels>
  <Labels name="places" toName="title"><Label value="city" alias="CTY"/></Labels>
  <Choices name="mood" toName="note"><Choice value="good"/></Choices>
  <Text name="note" value="$note"/><Text name="title" value="$title"/>
</View>"""


def tasks(*texts):
    return [{"id": number, "data": {"text": text}} for number, text in enumerate(texts)]


def predict(client, *texts, **more):
    body = {"tasks": tasks(*texts), "label_config": LABEL_CONFIG, "project": "1.1795459342", **more}
    return client.post("/predict", json=body)


def results(client, *texts, **more):
    answer = predict(client, *texts, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def setup(client, **more):
    body = {"project": "1.1795459342", "schema": LABEL_CONFIG, "hostname": "http://ls", "access_token": SECRET, **more}
    answer = client.post("/setup", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["model_version"]


def basic(content):
    return {"authorization": "Basic " + base64.b64encode(content.encode()).decode()}


def scrape(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return Scrape(answer.text)


def assert_item(item, texts, version=None):
    """Assert that Label Studio accepts a prediction: no nulls, a number as score, regions with the text they mark."""
    assert set(item) == {"result", "score", "model_version"}
    assert isinstance(item["score"], (int, float))
    assert 0 <= item["score"] <= 1
    assert isinstance(item["model_version"], str)
    assert version in (None, item["model_version"])
    ids = [region["id"] for region in item["result"]]
    assert len(set(ids)) == len(ids)
    for region in item["result"]:
        assert set(region) == {"id", "from_name", "to_name", "type", "score", "value"}
        value = region["value"]
        assert texts[region["to_name"]][value["start"] : value["end"]] == value["text"] != ""
        assert isinstance(value[region["type"]], list)
        assert 0 <= value["score"] <= 1


def fail_on_poison(client, monkeypatch):
    """Let the backend's own model run out of memory on texts with the word poison."""
    model = client.app.state.supervisor.extractor._current.model
    run = model.run

    def failing(batch):
        if any("poison" in window.words for window in batch):
            raise RuntimeError("no memory")
        return run(batch)

    monkeypatch.setattr(model, "run", failing)
