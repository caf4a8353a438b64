"""The status page."""

from __future__ import annotations

import html
import json
import os
import re

import pytest

from service.backend.local.projects import FileProjects
from service.runs.curve import CurvePoint, Gain, LearningCurve
from service.runs.run import Run
from service.versions.history import INITIAL, LiveFile
from tests.support.asking import setup
from tests.support.studio import LABEL_CONFIG


def test_the_page_shows_the_version_and_the_runs_with_phase_progress_and_outcome(client):
    runs = client.app.state.supervisor.runs
    lock = runs.acquire("run-a")  # as its process would: a run without one has died
    tuning = Run(id="run-a", projects=(1,), why="Start Training", phase="tune", percent=40, detail="step 7 of 10")
    runs.save(tuning.model_copy(update={"seconds_left": 400.0}))
    runs.save(Run(id="run-b", projects=(1,), outcome="held", message="Not better: the live version stays."))
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert client.app.state.supervisor.extractor.version in page.text
    for shown in (
        "run-a",
        "step 7 of 10",
        "about 7 min left",
        'value="40',
        "run-b",
        "Not better: the live version stays.",
    ):
        assert shown in page.text
    fragment = client.get("/?fragment").text
    assert "run-a" in fragment
    assert "<html" not in fragment
    os.close(lock)


POINTS = tuple(CurvePoint(tasks=tasks, f1=f1) for tasks, f1 in ((0, 0.271), (50, 0.3), (100, 0.352), (200, 0.394)))
GAINS = {50: Gain(expected=0.012, low=-0.004, high=0.03), 200: Gain(expected=0.03, low=-0.009, high=0.06)}
CURVE = LearningCurve(points=POINTS, gains=GAINS, message="50 more would change F1 by about +0.012.")


def figures(text, kind):
    """The figures of a drawing."""
    drawn = re.search(rf'data-kind="{kind}" data-points="([^"]*)"', text)
    return json.loads(html.unescape(drawn[1])) if drawn else None


def test_the_page_has_the_figures_of_a_learning_curve_in_a_table_and_for_its_drawing(client):
    runs = client.app.state.supervisor.runs
    runs.save(Run(id="run-a", projects=(1,), outcome="promoted", curve=CURVE))
    text = client.get("/?fragment").text
    for shown in (CURVE.message, "0, the base model", "0.271", "0.394", "50 more<", "+0.012", "-0.004 to +0.030"):
        assert shown in text
    assert figures(text, "curve") == {
        "tasks": [0, 50, 100, 200, 250, 400],
        "measured": [0.271, 0.3, 0.352, 0.394, None, None],
        "expected": [None, None, None, 0.394, pytest.approx(0.406), pytest.approx(0.424)],
        "low": [None, None, None, 0.394, pytest.approx(0.39), pytest.approx(0.385)],
        "high": [None, None, None, 0.394, pytest.approx(0.424), pytest.approx(0.454)],
    }


def test_a_curve_that_was_not_measured_has_its_reason_and_no_drawing(client):
    none = LearningCurve(message="What more tasks would bring was not measured.")
    client.app.state.supervisor.runs.save(Run(id="run-a", projects=(1,), outcome="promoted", curve=none))
    text = client.get("/?fragment").text
    assert none.message in text
    assert figures(text, "curve") is None


def test_the_page_escapes_what_strangers_wrote(client):
    attack = "<script>alert(1)</script>"
    client.app.state.supervisor.runs.save(Run(id="run-a", projects=(1,), why=attack, outcome="failed", message=attack))
    setup(client, schema=f'<View><Labels name="l" toName="t"><Label value="{"&lt;script&gt;" * 3}" hint="{"x" * 400}"/>'
          '</Labels><Text name="t" value="$t"/></View>')  # fmt: skip
    for path in ("/", "/?fragment"):
        text = client.get(path).text
        assert attack not in text
        assert "&lt;script&gt;" in text
        assert "<script>" not in text


def test_a_version_that_does_not_work_is_said_to_be_taken_back_and_runs_are_told(client, until):
    LiveFile(client.app.state.supervisor.settings.folder).swap(INITIAL, "v9", "better")
    until(lambda: client.get("/live").json()["given_up"] == ["v9"])
    assert client.get("/live").json()["reference"] == INITIAL
    assert "v9 was taken back" in client.get("/").text


def test_the_page_says_what_is_wrong_with_a_projects_config(client):
    client.post("/setup", json={"project": "1.1", "schema": "<View/>"})
    assert "Project 1:" in client.get("/").text
    setup(client)
    assert "Project 1:" not in client.get("/").text


def test_the_page_lists_the_projects_that_runs_learn_from(client, until):
    setup(client, project="3.1", extra_params={"threshold": 0.35})
    client.post("/setup", json={"project": "99.1", "schema": "<View/>"})
    text = client.get("/?fragment").text
    assert ">Project 3<" in text
    assert "0.35" in text
    assert ">Project 99<" in text
    folder = client.app.state.supervisor.settings.folder
    until(lambda: FileProjects(folder).get(99), what="a project that is written")
    forgotten = FileProjects(folder)
    forgotten.forget(99, "forgotten by hand")
    forgotten.flush()
    until(lambda: ">Project 99<" not in client.get("/?fragment").text, what="a page without project 99")


def test_the_page_counts_the_tasks_that_were_not_read_each_once(client):
    setup(client)
    texts = [{"id": 1, "data": {"text": "Alice"}}, {"id": 2, "data": {}}, {"id": 3, "data": {"text": "\ud83d"}}]
    for given in (texts, texts[1:2]):
        body = json.dumps({"tasks": given, "label_config": LABEL_CONFIG, "project": "1.1"})
        assert client.post("/predict", content=body).status_code == 200
    page = client.get("/?fragment").text
    assert "1 of 3 tasks: no text under $text." in page
    assert "1 of 3 tasks: the text has half a character in it." in page
    mended = {"tasks": [{"id": 2, "data": {"text": "Bob"}}], "label_config": LABEL_CONFIG, "project": "1.1"}
    client.post("/predict", json=mended)
    assert "no text" not in client.get("/?fragment").text


def test_the_page_shows_what_each_label_is_asked_as(client):
    hints = '<Label value="PER" hint="name of a person"/><Label value="LocationCity" hint="Press c."/>'
    setup(client, schema=LABEL_CONFIG.replace('<Label value="person"/>', hints))
    page = client.get("/?fragment").text
    assert "<td>PER</td><td>name of a person</td>" in page
    assert "<td>LocationCity</td><td>location city</td>" in page


def test_the_page_links_to_the_spans_that_a_run_left_out(client):
    runs = client.app.state.supervisor.runs
    for name in ("run-a", "run-b"):
        runs.save(Run(id=name, projects=(1,), outcome="held"))
    (runs.work("run-a") / "left-out.jsonl").write_text('{"reason": "is empty", "project": 1, "task": 7}\n')
    text = client.get("/").text
    assert 'href="runs/run-a/left-out"' in text
    assert "runs/run-b/left-out" not in text
    assert client.get("/runs/run-a/left-out").json() == {"reason": "is empty", "project": 1, "task": 7}
    assert client.get("/runs/run-b/left-out").status_code == 404
    assert client.get("/runs/%2e%2e/left-out").status_code == 404


@pytest.mark.parametrize("as_given", [lambda params: params, json.dumps], ids=["dict", "string"])
def test_half_a_character_in_extra_params_is_told_on_the_page(client, until, as_given):
    params = as_given({"thresholds": {"\ud83d": 0.5, "person": 0.3}, "\udc00": 1})
    body = {"project": "3.1", "schema": LABEL_CONFIG, "extra_params": params}
    assert client.post("/setup", content=json.dumps(body)).status_code == 200
    text = client.get("/?fragment").text
    assert r"the label &#39;\ud83d&#39; is unknown and has no effect: it has half a character in it" in text
    assert r"the key &#39;\udc00&#39; is unknown" in text
    assert "0.3" in text
    folder = client.app.state.supervisor.settings.folder
    until(lambda: FileProjects(folder).get(3), what="a project that is written")


def test_the_page_stands_where_the_directory_of_the_base_model_cannot_be_read(client, tmp_path):
    (tmp_path / "reading.json").write_text('{"format": 99}')
    supervisor = client.app.state.supervisor
    supervisor.settings = supervisor.settings.model_copy(update={"model": str(tmp_path)})
    page = client.get("/")
    assert page.status_code == 200
    assert supervisor.extractor.version in page.text
