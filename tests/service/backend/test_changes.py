"""What a person changes on the page, and who else cannot."""

from __future__ import annotations

import html
import re

import pytest
from starlette.testclient import TestClient

from service.backend.local.projects import FileProjects
from service.runs.run import Run
from service.versions.history import INITIAL, LiveFile
from service.versions.judgement import Decision, Judgement
from service.versions.store import BentoStore
from tests.support.asking import basic, setup

ANNA = basic("anna:secret")
HERE = {"origin": "http://testserver"}
HELD = Judgement(
    decision=Decision.HOLD, difference=0.01, low=-0.1, high=0.1, probability=0.6, needed=0.8, tries=1, texts=9, spans=9,
    deviation=0.1,
)  # fmt: skip


@pytest.fixture
def published(publish, settings):
    """A better version and one that was held back."""
    store = BentoStore(settings().folder)
    publish(store, "v1")
    publish(store, "v2", better=False, verdict=HELD, reason="The difference may be chance.")
    return LiveFile(settings().folder)


@pytest.fixture
def guarded(published, backend, until):
    client = backend(basic_auth_username="anna", basic_auth_password="secret")
    until(lambda: len(client.app.state.supervisor.published) == 2, what="the versions")
    client.headers.update(ANNA)
    return client


def form(client, path, **more):
    """The form of a change as a browser sends it that shows its page."""
    page = client.get(path)
    assert page.status_code == 200, page.text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html.unescape(page.text)))
    return {**fields, **more}


def send(client, path, fields, **headers):
    return client.post(path, data=fields, headers={**HERE, **headers}, follow_redirects=False)


def test_a_version_is_served_and_rolled_back(guarded, published, until):
    page = guarded.get("/").text
    assert 'href="versions/v1/serve"' in page
    assert "rollback" not in page, "nothing is before the base model"
    base = guarded.get("/health").json()["model_version"]
    answer = send(guarded, "/versions/v1/serve", form(guarded, "/versions/v1/serve"))
    assert (answer.status_code, answer.headers["location"]) == (303, "../../")
    until(lambda: guarded.get("/health").json()["model_version"] == "v1", what="the swap")
    assert published.read().why == "Promoted by hand."
    assert 'href="rollback"' in guarded.get("/").text
    answer = send(guarded, "/rollback", form(guarded, "/rollback"))
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    until(lambda: guarded.get("/health").json()["model_version"] == base, what="the swap back")
    assert (published.read().why, published.read().given_up) == ("Rolled back by hand from v1.", ("v1",))


def test_a_version_that_was_held_back_serves_only_against_its_verdict_and_the_history_says_so(guarded, published):
    path = "/versions/v2/serve"
    page = guarded.get(path).text
    assert "The verdict on this version is HOLD" in page
    assert "The difference may be chance." in page
    refused = send(guarded, path, form(guarded, path))
    assert refused.status_code == 409
    assert "Nothing was changed" in refused.text
    assert published.read().live == INITIAL
    assert send(guarded, path, form(guarded, path, against="yes")).status_code == 303
    assert published.read().why == "Promoted by hand with --force, although its verdict is HOLD."


def test_nothing_is_done_if_another_version_became_live_meanwhile(guarded, published):
    serve = form(guarded, "/versions/v1/serve")
    published.swap(INITIAL, "v2", "by somebody else")
    back = form(guarded, "/rollback")
    answer = send(guarded, "/versions/v1/serve", serve)
    assert answer.status_code == 409
    assert "it was changed meanwhile" in answer.text
    published.swap("v2", "v1", "by somebody else")
    assert send(guarded, "/rollback", back).status_code == 409
    assert send(guarded, "/rollback", {**back, "seen": "v1"}).status_code == 403, "the form was for another version"
    assert published.read().live == "v1"


def test_a_project_is_forgotten(guarded, until):
    setup(guarded, project="3.1")
    assert 'href="projects/3/forget"' in guarded.get("/").text
    answer = send(guarded, "/projects/3/forget", form(guarded, "/projects/3/forget"))
    assert (answer.status_code, answer.headers["location"]) == (303, "../../")
    assert guarded.app.state.supervisor.projects.ids == ()
    assert FileProjects(guarded.app.state.supervisor.settings.folder).ids == ()


def test_a_project_is_left_out_of_runs_and_taken_in_again(guarded, until):
    setup(guarded, project="3.1")
    projects = guarded.app.state.supervisor.projects
    for path, learnt_from, told in (("leave-out", (), "left out of runs"), ("take-in", (3,), "Leave out…")):
        assert f'href="projects/3/{path}"' in guarded.get("/").text
        answer = send(guarded, f"/projects/3/{path}", form(guarded, f"/projects/3/{path}"))
        assert (answer.status_code, answer.headers["location"]) == (303, "../../")
        assert projects.ids == (3,)
        assert projects.learnt_from == FileProjects(guarded.app.state.supervisor.settings.folder).learnt_from
        assert projects.learnt_from == learnt_from
        assert told in guarded.get("/").text


def test_a_run_is_cancelled(guarded, launches, until):
    setup(guarded, project="3.1")
    (launcher,) = launches
    launcher.launch(Run(id="run-1", projects=(3,), phase="tune"))
    assert 'href="runs/run-1/cancel"' in guarded.get("/").text
    answer = send(guarded, "/runs/run-1/cancel", form(guarded, "/runs/run-1/cancel"))
    assert (answer.status_code, answer.headers["location"]) == (303, "../../")
    shown = guarded.get("/").text
    assert "Cancelled" in shown
    assert "Cancel run" not in shown
    assert guarded.get("/runs/run-9/cancel").status_code == 404


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        ("tune", "It ends after its current step, without a version."),
        ("publish", "It is publishing its version, and ends before that serves."),
        ("curve", "Only the learning curve is not measured."),
    ],
)
def test_who_cancels_a_run_is_told_what_becomes_of_its_version(guarded, launches, phase, told):
    setup(guarded, project="3.1")
    (launcher,) = launches
    launcher.launch(Run(id="run-1", projects=(3,), phase=phase))
    assert told in guarded.get("/runs/run-1/cancel").text


@pytest.fixture
def unchanged(guarded, published):
    """What a forged request may not change."""
    setup(guarded, project="3.1")
    published.swap(INITIAL, "v1", "better")
    yield
    assert published.read().live == "v1"
    assert guarded.app.state.supervisor.projects.learnt_from == (3,)


CHANGES = ["/versions/v2/serve", "/rollback", "/projects/3/forget", "/projects/3/leave-out"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", CHANGES)
def test_a_form_without_its_token_or_from_elsewhere_or_without_credentials_changes_nothing(guarded, path):
    fields = form(guarded, path, against="yes")
    others = form(guarded, next(one for one in CHANGES if one != path))["token"]
    for sent in ({**fields, "token": ""}, {**fields, "token": others}, {}):
        assert send(guarded, path, sent).status_code == 403
    for headers in ({"origin": "https://evil.example.com"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert send(guarded, path, fields, **headers).status_code == 403
    assert send(guarded, path, fields, authorization="").status_code == 401
    assert guarded.get(path, headers={"authorization": ""}).status_code == 401
    assert guarded.put(path).status_code == 405


def test_an_unknown_version_or_project_is_said(guarded):
    for path in ("/versions/v9/serve", "/projects/9/forget", "/projects/x/forget"):
        assert guarded.get(path).status_code == 404
        assert send(guarded, path, {}).status_code == 404


# Without credentials


def visitor(client, address, host, **headers):
    """A browser at this address that calls the backend by this name."""
    return TestClient(client.app, base_url=f"http://{host}", client=(address, 5000), headers=headers)


@pytest.mark.parametrize(
    ("address", "host", "headers"),
    [
        ("192.168.1.7", "localhost", {}),
        ("192.168.1.7", "192.168.1.2:9090", {}),
        ("127.0.0.1", "rebound.example.com", {}),
        ("127.0.0.1", "localhost", {"x-forwarded-for": "127.0.0.1"}),
        ("testclient", "testserver", {}),
    ],
)
def test_without_a_password_nobody_from_elsewhere_is_offered_a_change(
    published, backend, until, address, host, headers
):
    client = backend()
    until(lambda: len(client.app.state.supervisor.published) == 2, what="the versions")
    stranger = visitor(client, address, host, **headers)
    page = stranger.get("/").text
    assert "/serve" not in page
    assert "SPANLOOP_BASIC_AUTH_PASSWORD" in page
    for answer in (
        stranger.get("/versions/v1/serve"),
        send(stranger, "/versions/v1/serve", {}, origin=f"http://{host}"),
    ):
        assert answer.status_code == 403
        assert "Nothing was changed" in answer.json()["error"]
    assert published.read().live == INITIAL


@pytest.mark.parametrize(("address", "host"), [("127.0.0.1", "localhost:9090"), ("::1", "[::1]:9090")])
def test_without_a_password_a_browser_on_the_same_machine_may_change(published, backend, until, address, host):
    client = backend()
    until(lambda: len(client.app.state.supervisor.published) == 2, what="the versions")
    here = visitor(client, address, host)
    assert 'href="versions/v1/serve"' in here.get("/").text
    fields = form(here, "/versions/v1/serve")
    assert send(here, "/versions/v1/serve", fields, origin="http://evil.example.com").status_code == 403
    assert send(here, "/versions/v1/serve", fields, origin=f"http://{host}").status_code == 303
    assert published.read().live == "v1"
