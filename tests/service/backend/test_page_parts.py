"""What the parts of the status page say, in each state that a person meets."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from service.backend.page.labels import _advice
from service.backend.page.terms import duration, signed
from service.runs.run import Run, now
from service.versions import judgement
from service.versions.history import INITIAL, LiveFile
from service.versions.store import MODEL_NAME
from service.versions.verdict import Agreement, Quality
from tests.support.annotated import AnnotatedStudio
from tests.support.asking import setup
from tests.support.status_page import FIRST, LIVE, NEWEST, SECOND, fill
from tests.support.studio import KEY, served


def words(client):
    return " ".join(client.get("/?fragment").text.split())


@pytest.fixture
def past(settings, model_folder):
    """The home of a backend with four versions."""
    home = settings().folder
    fill(home, model_folder)
    return home


def verdicts_read(client, until):
    until(lambda: client.app.state.supervisor.verdicts.of(NEWEST), what="the newest verdict")
    return words(client)


def test_versions_stand_on_the_newest_set_of_texts_beside_what_they_scored_on_their_own(past, backend, until):
    client = backend()
    page = verdicts_read(client, until)
    newest = client.app.state.supervisor.verdicts.of(NEWEST)
    for version, model in newest.models(NEWEST).items():
        if version in (FIRST, SECOND, LIVE, NEWEST):
            score = newest.scores[model].micro.strict
            row = page.partition(f"<code>{version}</code>")[2].partition("</tr>")[0]
            rows = [part for part in page.split("<tr>") if f"<code>{version}</code>" in part and "texts" in part]
            assert f"{score.f1:.2f} ± {newest.margins[model]:.2f}" in "".join(rows), row
    live = newest.scores["champion"].micro.strict
    assert f"It finds <b>{100 * live.recall:.0f} of 100</b> entities" in page
    assert f"<b>{100 * live.precision:.0f} of 100</b> of what it marks are right" in page


def test_a_version_without_a_verdict_in_a_file_is_shown_with_what_its_lineage_has(past, backend, until):
    for folder in (past / "bentoml" / "models" / MODEL_NAME).iterdir():
        (folder / judgement.FILE).unlink()
    client = backend()
    until(lambda: len(client.app.state.supervisor.published) == 4, what="the versions")
    page = words(client)
    assert "F1 then is on the texts of its own day, so two of them do not compare." in page
    assert "Procedure" in page
    assert "of 100</b> entities" in page
    assert "A training run compares its version with the one before it" in page


def test_the_last_training_is_told_in_spanloops_words(past, backend, until):
    client = backend()
    runs = client.app.state.supervisor.runs
    assert "Held back" in verdicts_read(client, until)
    assert "A run takes about 14 min: the last 4 took so long." in words(client)
    for ended, told in (
        (Run(id="run-a", projects=(1,), outcome="promoted", version=LIVE), "Now live"),
        (Run(id="run-b", projects=(1,), outcome="promoted", version=FIRST), "Was live"),
        (Run(id="run-c", projects=(1,), outcome="nothing new", message="Nothing new."), "Nothing new"),
        (Run(id="run-d", projects=(1,), outcome="failed", message="The disk is full."), "The disk is full."),
    ):
        runs.save(ended)
        assert told in words(client)
    assert "The live version stays. The disk is full." in words(client)


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        ("export", "Preparing"),
        ("replay", "Guarding what it knows"),
        ("tune", "Learning"),
        ("judge", "Testing"),
    ],
)
def test_a_run_at_work_has_its_phase_in_words_and_in_the_words_of_the_log(client, phase, told):
    runs = client.app.state.supervisor.runs
    lock = runs.acquire("run-a")
    runs.save(Run(id="run-a", projects=(1,), phase=phase, percent=30))
    page = client.get("/?fragment").text
    assert f">{told}<" in page
    assert f"{told.lower()} ({phase})" in page
    os.close(lock)


def test_how_much_is_missing_for_a_run_is_told(backend, until):
    with served(AnnotatedStudio()) as studio:
        tasks = studio.project(1, [f"text {number}" for number in range(30)], title="Letters", tasks=30)
        for task in tasks[:12]:
            studio.annotate(task, [])
        client = backend(label_studio_url=studio.url, label_studio_api_key=KEY, min_annotations=20)
        setup(client, project="1.1")
        client.app.state.supervisor.studio.look()
        page = words(client)
    assert "12 of 20 annotated: a run can start after 8 more." in page
    assert '<progress max="20" value="12" aria-label="Annotated tasks of those that a run needs">' in page
    assert f'<a href="{studio.url}/projects/1/data">Letters</a>' in page


def test_links_lead_to_the_address_at_which_people_open_label_studio(backend):
    with served(AnnotatedStudio()) as studio:
        studio.project(1, ["text"], title="Letters", tasks=1)
        told = {"label_studio_url": studio.url, "label_studio_public_url": "https://studio.example.com/"}
        client = backend(**told, label_studio_api_key=KEY)
        setup(client, project="1.1")
        client.app.state.supervisor.studio.look()
        page = words(client)
    assert '<a href="https://studio.example.com/projects/1/data">Letters</a>' in page


def test_why_the_live_version_is_live_is_told_after_a_rollback(past, backend, until):
    live = LiveFile(past)
    client = backend()
    live.back(LIVE, f"Rolled back by hand from {LIVE}.")
    until(lambda: client.app.state.supervisor.extractor.version == SECOND, what="the swap")
    page = words(client)
    assert f"Rolled back by hand from {LIVE}." in page
    assert "taken back" in page
    assert live.read().live != INITIAL


def quality(recall, precision, support=50):
    f1 = 2 * recall * precision / (recall + precision)
    agreement = Agreement(precision, recall, f1)
    return Quality(support, support, agreement, agreement)


@pytest.mark.parametrize(
    ("own", "base", "wanted", "told"),
    [
        (quality(0.9, 0.9, support=9), 0.2, False, "Too few to tell"),
        (quality(0.5, 0.5), 0.7, True, "base model was better"),
        (quality(0.5, 0.5), 0.2, True, "help most"),
        (quality(0.9, 0.9), 0.2, False, "Good."),
        (quality(0.3, 0.9), 0.2, False, "misses many"),
        (quality(0.9, 0.3), 0.2, False, "marks too much"),
        (quality(0.6, 0.6), None, False, "more tasks may help"),
    ],
)
def test_each_label_has_an_advice(own, base, wanted, told):
    assert told in _advice(own, base, wanted)


def test_figures_read_as_people_say_them():
    assert [signed(one) for one in (0.114, -0.02, 0.004, -0.004)] == ["+0.11", "-0.02", "0.00", "0.00"]
    assert [duration(one) for one in (20, 840, 7300)] == ["less than a minute", "14 min", "2 h 2 min"]


def test_what_the_page_loads_is_kept_by_browsers_and_nothing_else_is_given(client):
    page = client.get("/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for name in ("page.js", "page.css", "uPlot-1.6.32.min.js", "idiomorph-0.8.0.min.js", "favicon.svg"):
        assert f'"static/{name}?' in page.text
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    for name in ("nothing.js", "..%2fapp.py", "%2e%2e"):
        assert client.get(f"/static/{name}").status_code == 404


def test_a_run_that_ended_is_dated(client):
    ended = now() - timedelta(hours=2)
    client.app.state.supervisor.runs.save(Run(id="run-a", projects=(1,), outcome="failed", message="x", updated=ended))
    assert f'<time datetime="{ended.isoformat()}">' in client.get("/?fragment").text
