"""The page's button that starts a pre-labelling, and what the page and the metrics say of pre-labellings."""

from __future__ import annotations

import os

import pytest

from service.prelabel.progress import Prelabelling, Prelabellings
from tests.support.asking import setup
from tests.support.studio import LABEL_CONFIG

HERE = {"origin": "http://testserver"}


@pytest.fixture
def started(client, monkeypatch):
    """What was started, instead of processes."""
    found = []
    monkeypatch.setattr(
        client.app.state.supervisor.prelabeller, "start", lambda project, backend: found.append((project, backend))
    )
    setup(client, project="7.1")
    return found


@pytest.fixture
def kept(client):
    return Prelabellings(client.app.state.supervisor.settings.folder)


@pytest.mark.parametrize("headers", [HERE, {"sec-fetch-site": "same-origin"}])
def test_the_button_starts_a_pre_labelling_and_shows_the_page_again(client, started, headers):
    assert '<button name="project" value="7"' in client.get("/").text
    answer = client.post("/prelabel", data={"project": "7"}, headers=headers, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    assert [project for project, _ in started] == [7]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", **HERE},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_of_another_page_starts_nothing(client, started, headers):
    answer = client.post("/prelabel", data={"project": "7"}, headers=headers)
    assert answer.status_code == 403
    assert "nothing was done" in answer.json()["error"]
    assert not started


@pytest.mark.parametrize("project", ["8", "x", ""])
def test_an_unknown_project_starts_nothing(client, started, project):
    assert client.post("/prelabel", data={"project": project}, headers=HERE).status_code == 404
    assert not started


def test_the_button_wants_the_credentials(backend):
    client = backend(basic_auth_username="a", basic_auth_password="b")
    assert client.post("/prelabel", data={"project": "7"}, headers=HERE).status_code == 401


def test_one_that_cannot_be_started_is_said(client, started, monkeypatch):
    def refuse(project, backend):
        raise OSError("no more processes")

    monkeypatch.setattr(client.app.state.supervisor.prelabeller, "start", refuse)
    answer = client.post("/prelabel", data={"project": "7"}, headers=HERE)
    assert (answer.status_code, "no more processes" in answer.json()["error"]) == (503, True)


def test_the_page_shows_how_pre_labellings_stand(client, kept):
    told = {"waits": "Label Studio does not answer (503)", "reasons": {"the text is <too> long": 1234}}
    working = Prelabelling(project=1, version="base.111111", total=2000, written=500, **told)
    held = kept.hold(working)
    kept.save(working)
    kept.save(Prelabelling(project=2, version="base.111111", total=10, written=4))
    kept.save(Prelabelling(project=3, outcome="failed", message="Label Studio has <no> project 3."))
    page = client.get("/").text
    assert "500 of 2,000 tasks" in page
    assert 'value="25.0"' in page
    assert "Label Studio does not answer (503)" in page
    assert "1,234 × the text is &lt;too&gt; long" in page
    assert "4 of 10 tasks were done" in page
    assert "Label Studio has &lt;no&gt; project 3." in page
    os.close(held)


def test_the_metrics_count_the_tasks(client, kept):
    kept.save(Prelabelling(project=1, total=20, written=5, failed=1, reasons={"too long": 1}))
    kept.save(Prelabelling(project=2, shard=0, shards=2, total=20, written=9))
    kept.save(Prelabelling(project=2, shard=1, shards=2, total=20, written=8, outcome="done"))
    text = client.get("/metrics").text
    for line in (
        'spanloop_prelabel_tasks{project="1",result="written"} 5.0',
        'spanloop_prelabel_tasks{project="1",result="failed"} 1.0',
        'spanloop_prelabel_tasks{project="1",result="left"} 14.0',
        'spanloop_prelabel_tasks{project="2",result="written"} 17.0',
        'spanloop_prelabel_tasks{project="2",result="left"} 1.0',
    ):
        assert line in text


def test_the_version_for_others_than_label_studio_is_the_one_that_setup_names(client):
    named = setup(client, project="7.1", extra_params={"threshold": 0.3})
    answer = client.post("/model_version", json={"project": "7", "schema": LABEL_CONFIG})
    assert answer.json()["model_version"] == named
    assert client.app.state.supervisor.projects.get(7).threshold == 0.3, "asking configures nothing"
