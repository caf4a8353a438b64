"""Texts of a script that the model does not know: the embedded starter knows Latin alone."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from service.backend.app import build
from service.backend.cluster import compose
from service.extractor.app import build as build_extractor
from service.extractor.settings import ExtractorSettings
from service.settings import STARTER
from tests.support.asking import results, setup
from tests.support.studio import LABEL_CONFIG

LATIN, CHINESE, MIXED = (
    "Angela Merkel spoke in Berlin.",
    "马云在杭州创立了阿里巴巴。",
    "马云 met Angela Merkel in Berlin.",
)
REASON = "the model's tokenizer does not know most of its words (Han)"


@pytest.fixture
def on_one_machine(backend):
    return backend(model=str(STARTER))


@pytest.fixture
def cluster(pods, settings, on_cluster):
    """A backend of a cluster, and an extractor that it reaches over HTTP."""
    pod = pods(build_extractor(settings(ExtractorSettings, model=str(STARTER))))
    pod.start()
    with TestClient(build(on_cluster(model=str(STARTER), extractor_url=pod.url), compose.supervisor)) as client:
        yield client


@pytest.mark.parametrize("where", ["on_one_machine", "cluster"])
def test_a_text_of_unknown_words_is_told_as_not_read(where, request, grown):
    client = request.getfixturevalue(where)
    setup(client)
    latin, chinese, mixed = results(client, LATIN, CHINESE, MIXED)
    assert latin["result"]
    assert mixed["result"]
    assert chinese["error"].startswith(REASON)
    assert "SPANLOOP_MODEL" in chinese["error"]
    # Stored as an empty prediction, in front of all others, and not asked for again until the version changes.
    assert (chinese["result"], chinese["score"]) == ([], 0)
    assert chinese["model_version"] == latin["model_version"]
    assert "1 of 3 tasks: the model&#39;s tokenizer does not know most of its words (Han)" in client.get("/").text
    assert grown("spanloop_errors_total", cause="unknown_words") == 1
    assert [grown("spanloop_texts_total", result=result) for result in ("predicted", "unread", "failed")] == [2, 1, 0]


def test_a_task_of_which_one_text_is_not_read_is_not_predicted_in_part(on_one_machine):
    title = '<Labels name="of_title" toName="title"><Label value="city"/></Labels><Text name="title" value="$title"/>'
    config = LABEL_CONFIG.replace("</View>", f"{title}</View>")
    body = {"tasks": [{"id": 1, "data": {"text": LATIN, "title": CHINESE}}], "label_config": config, "project": "1.1"}
    (item,) = on_one_machine.post("/predict", json=body).json()["results"]
    assert item["error"].startswith(REASON)
    assert (item["result"], item["score"]) == ([], 0)
