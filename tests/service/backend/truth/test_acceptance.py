"""A running backend tells what people make of its versions, and goes back from one that they keep less of."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain, repeat

import pytest

from service.backend.line import ChangeRefused
from service.backend.local.line import LocalLine
from service.backend.truth.acceptance import Acceptance
from service.backend.truth.gauges import LABELS_MAX
from service.backend.truth.places import Place
from service.backend.truth.reconciliation import Totals
from service.backend.truth.standing import TASKS_MIN, standing
from service.backend.truth.tally import Tally
from service.model.fates import Fate
from service.versions.history import INITIAL, Conflict, History, LiveFile
from service.versions.store import BentoStore
from tests.support.annotated import AnnotatedStudio
from tests.support.annotator import region, text_of
from tests.support.asking import scrape, setup
from tests.support.studio import KEY, LABEL_CONFIG, served

TEXT = text_of(0)
ALICE, ACME = region(TEXT, 6, 11, "person"), region(TEXT, 20, 25, "company")
SUFFIX = ".aaaaaa"
NOW = datetime.now(UTC)
FALL = "spanloop_acceptance_fall_probability"


@pytest.fixture
def studio():
    with served(AnnotatedStudio()) as state:
        state.project(1, [])
        yield state


@pytest.fixture
def start(backend, studio, monkeypatch):
    """Start a backend that looks at people's work at each tick."""
    monkeypatch.setattr("service.backend.truth.reconciliation.LOOK_SECONDS", 0.05)

    def started(**settings):
        client = backend(label_studio_url=studio.url, label_studio_api_key=KEY, **settings)
        setup(client, project="1.1")
        return client

    return started


def version_of(client):
    return client.app.state.supervisor.extractor.version


def work(studio, version, tasks, kept):
    """So many tasks with two predicted spans, of which people keep this many, and another one that they make."""
    other = region(TEXT, 34, 39, "city")
    for _ in range(tasks):
        task = 1001 + len(studio.kept[1])
        studio.kept[1][task] = {
            "id": task, "data": {"text": TEXT}, "annotations": [], "predictions": [], "updated_at": studio._now()
        }  # fmt: skip
        prediction = studio.predict(task, version + SUFFIX, [ALICE, ACME])
        studio.annotate(task, [*[ALICE, ACME][:kept], other], parent_prediction=prediction)


def look_twice(client, until):
    """Wait until two more looks have begun: what the first of them leads to is done."""
    reconciliation = client.app.state.supervisor.acceptance.reconciliation
    for _ in range(2):
        before = reconciliation.totals.at
        until(lambda before=before: reconciliation.totals.at != before, what="another look")


@pytest.fixture
def promote(publish):
    def promoted(client, version):
        folder = client.app.state.supervisor.settings.folder
        publish(BentoStore(folder), version)
        live = LiveFile(folder)
        live.swap(live.read().live, version, "better")

    return promoted


def test_the_page_tells_how_much_people_keep_and_make(start, studio, until):
    client = start()
    assert "people kept" not in client.get("/").text
    work(studio, version_of(client), 3, kept=1)
    until(lambda: "On 3 tasks" in client.get("/").text, what="the work on the page")
    page = " ".join(client.get("/").text.split())
    assert "people kept 50 of 100 of its spans as they were and had to make 50 of 100 of theirs themselves" in page
    assert "F1 by their own work 0.50 ±" in page
    assert "compared with Label Studio" in page


def test_the_page_says_what_is_not_compared(start, studio, until):
    client = start()
    studio.project(1, [TEXT])
    studio.annotate(1001, [ALICE])
    told = "Annotations of project 1 that are not compared with predictions: 1 × they did not begin with"
    until(lambda: told in client.get("/").text, what="the reason on the page")


def test_prometheus_reads_the_spans_by_fate(start, studio, until):
    client = start()
    version = version_of(client)
    work(studio, version, 3, kept=1)
    until(lambda: scrape(client)("spanloop_annotated_tasks", project="1", version=version) == 3, what="the work")
    found = scrape(client)
    spans = {place: number for place, number in found.of("spanloop_annotated_spans").items() if number}
    assert spans == {
        ("right", "person", "1", version): 3,
        ("added", "company", "1", version): 3,
        ("missed", "city", "1", version): 3,
    }
    assert found("spanloop_annotated_spans", project="1", version=version, label="city", fate="shifted") == 0
    assert found("spanloop_version_acceptance_ratio", version=version) == 0.5
    assert found("spanloop_version_f1", version=version, on="annotators") == 0.5
    assert found(FALL) is None
    studio.delete(studio.kept[1][1001]["annotations"][0]["id"])
    until(lambda: scrape(client)("spanloop_annotated_tasks", project="1", version=version) == 2, what="the deletion")


def test_the_number_of_series_is_bounded(start, studio, until):
    labels = [f"label{number}" for number in range(LABELS_MAX + 9)]
    config = LABEL_CONFIG.replace('<Label value="person"/>', "".join(f'<Label value="{one}"/>' for one in labels))
    client = start()
    (task,) = studio.project(1, [TEXT], label_config=config)
    regions = [region(TEXT, 0, 1, label) for label in labels]
    studio.annotate(task, regions, parent_prediction=studio.predict(task, version_of(client) + SUFFIX, regions))
    found = until(lambda: scrape(client).of("spanloop_annotated_spans"), what="the spans")
    assert len({label for _, label, *_ in found}) == LABELS_MAX + 1
    assert sum(found.values()) == len(labels)
    assert sum(number for (_, label, *_), number in found.items() if label == "other") == 9


def test_a_version_of_which_people_keep_less_is_proposed_for_rollback_and_stays(start, studio, until, promote):
    client = start()
    before = version_of(client)
    promote(client, "v1")
    until(lambda: version_of(client) == "v1", what="the swap")
    work(studio, before, 60, kept=2)
    work(studio, "v1", 49, kept=1)
    until(lambda: "On 49 tasks" in client.get("/").text, what="the work")
    assert "spanloop rollback" not in client.get("/").text, "of too few tasks"
    work(studio, "v1", 1, kept=1)
    until(lambda: "spanloop rollback" in client.get("/").text, what="the proposal")
    look_twice(client, until)
    page = client.get("/").text
    assert f"50 of 100 of v1 on 50 tasks, 100 of 100 of {before} on 60 tasks" in page
    assert f"Before it <code>{before}</code>, on 60 tasks" in page
    assert scrape(client)(FALL) > 0.99
    assert version_of(client) == "v1"
    assert LiveFile(client.app.state.supervisor.settings.folder).read().live == "v1"


def test_by_the_setting_it_is_rolled_back_and_no_run_makes_it_live_again(start, studio, until, promote):
    client = start(rollback_by_acceptance=True)
    before = version_of(client)
    promote(client, "v1")
    until(lambda: version_of(client) == "v1", what="the swap")
    work(studio, before, 60, kept=2)
    work(studio, "v1", 60, kept=1)
    until(lambda: version_of(client) == before, what="the rollback")
    history = LiveFile(client.app.state.supervisor.settings.folder).read()
    assert (history.live, history.given_up) == (INITIAL, ("v1",))
    assert history.why.startswith("v1 was rolled back. People keep fewer of its spans than of those before: 50 of 100")
    page = client.get("/").text
    assert "v1 was rolled back." in page
    assert "spanloop rollback" not in page


@pytest.mark.parametrize("kept", [1, 2])
def test_a_version_of_which_people_keep_as_much_or_more_stays(start, studio, until, promote, kept):
    client = start(rollback_by_acceptance=True)
    before = version_of(client)
    promote(client, "v1")
    until(lambda: version_of(client) == "v1", what="the swap")
    work(studio, before, 60, kept=1)
    work(studio, "v1", 60, kept=kept)
    until(lambda: scrape(client)(FALL) is not None, what="the comparison")
    look_twice(client, until)
    assert scrape(client)(FALL) <= 0.5
    assert version_of(client) == "v1"


def test_a_version_that_went_live_meanwhile_is_not_rolled_back(tmp_path, bento_store):
    """What was decided of one version is done to that one alone."""
    line, file = LocalLine(tmp_path), LiveFile(tmp_path)
    file.swap(INITIAL, "v1", "better")
    file.swap("v1", "v2", "better still")
    with pytest.raises(Conflict, match=r"live version is v2, not v1.*Nothing was done"):
        line.give_up("v1", "people keep less of it")
    assert (file.read().live, file.read().given_up) == ("v2", ())


class Overtaken:
    """A rollout in which another version goes live after `v2` has been named so many times."""

    history = History().swapped("v1", "good", NOW).swapped("v2", "better", NOW)

    def __init__(self, named):
        self._versions = chain(repeat("v2", named), repeat("v3"))

    @property
    def version(self):
        return next(self._versions)


class Looked:
    """A reconciliation that has just looked: people keep fewer spans of `v2` than of the others."""

    def __init__(self):
        self.totals = Totals()
        for version, right, added in (("v1", 9, 0), ("v2", 1, 8), ("v3", 8, 1)):
            tally = Tally()
            for _ in range(TASKS_MIN):
                tally.add({Place("person", Fate.RIGHT): right, Place("person", Fate.ADDED): added})
            self.totals.standings[version] = standing(version, tally)

    def tick(self):
        return True


@pytest.mark.parametrize("named", range(6))
def test_a_version_that_goes_live_while_another_is_weighed_is_not_given_up_for_it(named):
    given_up = []
    Acceptance(Looked(), Overtaken(named), "initial", lambda version, _: given_up.append(version), True).tick()
    assert set(given_up) <= {"v2"}


def test_a_rollback_that_is_refused_is_told_once_and_not_announced(service_log):
    def refuse(version, why):
        raise ChangeRefused("v1 was deleted.")

    acceptance = Acceptance(Looked(), Overtaken(1000), "initial", refuse, True)
    assert acceptance.rolls_back
    acceptance.tick()
    acceptance.tick()
    assert acceptance.proposal
    assert not acceptance.rolls_back
    assert sum("v2 stays live, though a rollback is proposed: v1 was deleted." in line for line in service_log) == 1
