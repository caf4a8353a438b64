from __future__ import annotations

import random
import signal

import httpx
import pytest
from typer.testing import CliRunner

from service.model.spans import Span
from service.runs.files import Runs
from service.runs.run import END_CURVE_PATH, Run
from service.versions.history import LiveFile
from tests.support import tiny
from tests.support.servers import free_port
from tests.support.studio import KEY, StudioProject
from training import replay
from training.__main__ import app
from training.dataset import Document
from training.learn import Learning
from training.pace import Pace
from training.parts import PartListener, Parts, nested
from training.progress import Reporter
from training.run import TrainingRun
from training.settings import TrainingSettings
from training.shelf import LocalShelf
from training.split import Apart, TooFew
from training.tune import Stopped

CONFIG = """<View><Labels name="label" toName="text"><Label value="person"/><Label value="city"/></Labels>
<Text name="text" value="$text"/></View>"""
RATES = {"steps": 30, "batch_size": 8, "head_rate": 4e-3, "encoder_rate": 4e-3}


def texts(count):
    """Texts in which only people are marked, with the name's place. The tiny model also finds cities."""
    draw = random.Random(1)
    for number in range(count):
        name = draw.choice(tiny.PEOPLE)
        text = f"{number} the {draw.choice(['old', 'new'])} house where {name} lives in {draw.choice(tiny.CITIES)}"
        yield text, text.index(name), text.index(name) + len(name)


def documents(count):
    return [
        Document(text, ("city", "person"), (Span(start, end, "person", 1.0),), 1, number)
        for number, (text, start, end) in enumerate(texts(count))
    ]


APART = Apart(documents(40), documents(50)[40:], 50)


def task(number, text, start, end):
    value = {"start": start, "end": end, "text": text[start:end], "labels": ["person"]}
    result = [{"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value}]
    annotation = {"id": 100 + number, "result": result, "was_cancelled": False, "ground_truth": False}
    return {"id": number, "data": {"text": text}, "annotations": [annotation]}


@pytest.fixture(autouse=True)
def _few_texts_for_replay(monkeypatch):
    few = {"train": ["Alice met Bob", "Acme and Globex", "Carol met Acme"], "guard": ["Alice met Bob"]}
    monkeypatch.setattr(replay, "sentences", few.__getitem__)
    monkeypatch.setattr(replay, "broad_labels", lambda: ["person", "city", "company"])


@pytest.fixture
def learnt_from(monkeypatch):
    """The number of documents of each learning so far."""
    sizes = []
    original = Learning.learn

    def learn(self, *arguments, **options):
        sizes.append(self.documents)
        original(self, *arguments, **options)

    monkeypatch.setattr(Learning, "learn", learn)
    return sizes


@pytest.fixture
def parts(tmp_path, model_folder):
    settings = TrainingSettings(model=str(model_folder), home=tmp_path / "home", **RATES)
    return lambda identity="these": Parts(settings, tmp_path, identity, Pace())


def measure(parts, stopping=lambda: False):
    told = []
    points = parts.measure(APART, [], tell=lambda share, detail: told.append(share), stopping=stopping)
    return points, told


def test_a_larger_part_holds_the_smaller_ones_whatever_the_order_of_the_tasks():
    some = documents(40)
    assert nested(some) == nested(some[::-1])
    assert nested(some)[:10] == nested(nested(some)[:20])[:10]


def test_points_of_the_base_model_and_of_growing_parts_are_scored_on_the_same_documents(parts, learnt_from):
    points, told = measure(parts())
    assert [point.tasks for point in points] == [0, 12, 25, 38, 50]
    assert {len(point.tallies) for point in points} == {10}
    assert learnt_from == [10, 20, 30, 40]
    assert (told[0], told[-1]) == (pytest.approx(0, abs=0.03), pytest.approx(1))


def test_a_part_that_has_been_scored_is_not_learnt_again(parts, learnt_from):
    with pytest.raises(Stopped):
        measure(parts(), stopping=lambda: len(learnt_from) > 2)
    again, _ = measure(parts())
    assert learnt_from == [10, 20, 30, 30, 40]
    assert measure(parts()) == (again, [])


def test_scored_parts_of_other_annotations_or_another_recipe_are_not_used_but_replaced(parts, learnt_from):
    measure(parts("these"))
    for identity in ("others", "these"):
        learnt_from.clear()
        measure(parts(identity))
        assert learnt_from == [10, 20, 30, 40]


def test_a_part_tells_its_progress_while_it_is_evaluated_chosen_and_scored_too(parts, monkeypatch):
    monkeypatch.setattr("training.dataset.FEWEST_VALIDATION", 1)
    monkeypatch.setattr("training.dataset.VALIDATION_OF", 2)
    told = []
    parts().measure(APART, [], tell=lambda *one: told.append(one), stopping=lambda: False)
    for share in ("25%", "50%", "75%", "100%"):
        of_part = [(done, detail) for done, detail in told if f"learning from {share}" in detail]
        for doing in (
            "scoring the validation tasks",
            "choosing what scores mean",
            "scoring it on the tasks that judge",
        ):
            places = [place for place, (_, detail) in enumerate(of_part) if doing in detail]
            assert of_part[places[-1]][0] > of_part[places[0] - 1][0], (share, doing)


class ARun:
    """A run on 170 annotated tasks of a Label Studio: so many that some are held out."""

    def __init__(self, tmp_path, model_folder, studio, **overrides):
        facts = {"model": str(model_folder), "home": tmp_path / "home", "label_studio_url": studio.url}
        held_out = {"cross_validated_texts": 100}
        self.settings = TrainingSettings(**{**facts, "label_studio_api_key": KEY, **RATES, **held_out, **overrides})
        self.runs = Runs(self.settings.folder)
        self.live = LiveFile(self.settings.folder)
        self.runs.save(Run(id="run-1", projects=(1,)))

    def prepare(self, **options):
        reporter = Reporter(self.runs, self.runs.get("run-1"), bar=False)
        return TrainingRun(self.settings, reporter, LocalShelf(self.settings.folder), **options)

    def execute(self):
        self.prepare().execute()
        return self.runs.get("run-1")


@pytest.fixture
def a_run(tmp_path, model_folder, studio, bento_store):
    studio.projects[1] = StudioProject(label_config=CONFIG, export=[task(n, *one) for n, one in enumerate(texts(170))])
    before = signal.getsignal(signal.SIGTERM)
    yield lambda **overrides: ARun(tmp_path, model_folder, studio, **{"curve": True, **overrides})
    signal.signal(signal.SIGTERM, before)


def test_a_run_tells_what_more_tasks_would_bring_and_goes_on_from_the_parts_it_has_when_it_is_killed(
    a_run, learnt_from, monkeypatch
):
    one = a_run()
    seen = []
    original = Learning.learn

    def killed(self, *arguments, **options):
        seen.append(one.live.read().live)
        if len(seen) == 3:
            raise KeyboardInterrupt
        original(self, *arguments, **options)

    monkeypatch.setattr(Learning, "learn", killed)
    with pytest.raises(KeyboardInterrupt):
        one.execute()
    version = one.live.read().live
    assert seen[0] != version == seen[1]  # the version serves before the first part is learnt from
    assert one.runs.get("run-1").outcome is None
    run = one.execute()
    assert (run.outcome, run.version, run.percent) == ("promoted", version, 100)
    assert [point.tasks for point in run.curve.points] == [0, 42, 85, 128, 170]
    assert run.curve.points[-1].f1 == run.scores["new"].f1
    assert run.curve.message in run.message
    assert len(learnt_from) == 4  # all tasks, then three parts, none of them twice
    assert not list(one.runs.work("run-1").glob("curve*"))


def test_the_curve_of_a_run_that_holds_nothing_out_learns_from_two_folds_and_is_scored_on_the_other(
    a_run, studio, learnt_from
):
    studio.projects[1].export = studio.projects[1].export[:120]
    one = a_run(cross_validated_texts=400)
    run = one.execute()
    assert run.outcome == "promoted"
    assert learnt_from == [120, 20, 40, 60, 80], "the version itself, then parts of the 80 tasks of two folds"
    assert run.curve.annotated == 120
    assert [point.tasks for point in run.curve.points] == [0, 20, 40, 60, 80]
    assert "50 more annotated tasks would change F1 by about" in run.message
    assert one.prepare().curve().points[0] == run.curve.points[0]


def test_a_run_that_measures_its_curve_leaves_that_its_part_of_the_progress_and_tells_how_long_it_takes(
    a_run, monkeypatch
):
    told, update = [], Reporter._update
    monkeypatch.setattr(Reporter, "_update", lambda one, **facts: (update(one, **facts), told.append(one.run)))
    a_run().execute()
    percents = [run.percent for run in told]
    assert percents == sorted(percents)
    before = [run.percent for run in told if run.phase not in ("curve", "done")]
    during = [run for run in told if run.phase == "curve" and run.outcome is None]
    assert before[-1] < 50
    assert during[0].percent < 50
    assert len({run.percent for run in during}) > 50
    shares = [int(run.detail.split("% of the curve")[0]) for run in during[1:-1]]
    assert shares == sorted(shares)
    assert "% of the curve, learning from 50% of the tasks: step 3 of 30" in " ".join(run.detail for run in during)
    assert all(run.seconds_left is not None for run in during)
    assert during[0].seconds_left > during[-2].seconds_left >= 0


def test_by_hand_no_part_of_other_annotations_is_used_after_a_restart(a_run, monkeypatch, learnt_from, studio):
    one = a_run()
    with monkeypatch.context() as patched:
        ask_in_part(patched, 3, lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            one.prepare().curve()
    assert len(learnt_from) == 3
    one.prepare().curve()
    assert len(learnt_from) == 3 + 2, "the third part and all tasks"
    for exported in one.runs.work("run-1").glob("project-*"):
        exported.unlink()
    studio.projects[1].export[0]["annotations"][0]["result"] = []
    one.prepare().curve()
    assert len(learnt_from) == 3 + 2 + 4


def ask_in_part(monkeypatch, number, ask):
    """Calls `ask` when a run learns from its part of this number."""
    begun, original = [], PartListener.stepped

    def stepped(self, progress):
        if progress.step == 1:
            begun.append(self)
            if len(begun) == number:
                ask()
        original(self, progress)

    monkeypatch.setattr(PartListener, "stepped", stepped)


def test_a_run_whose_curve_is_being_measured_ends_with_the_parts_it_has_when_another_is_asked_for(
    a_run, learnt_from, monkeypatch
):
    one = a_run()
    ask_in_part(monkeypatch, 2, lambda: one.runs.ask_again("run-1"))
    run = one.execute()
    assert (run.outcome, run.phase) == ("promoted", "done")
    assert len(learnt_from) == 3  # all tasks, a quarter of them, and a half that is not finished
    assert [point.tasks for point in run.curve.points] == [0, 42, 170]
    assert run.curve.gains
    assert "ended early" in run.message
    assert "1 of 3 parts of the tasks are scored" in run.message


def test_a_run_that_is_asked_to_end_its_curve_before_a_part_is_scored_says_that_it_was_not_measured(
    a_run, learnt_from, monkeypatch
):
    one = a_run()
    asked = []
    ask_in_part(monkeypatch, 1, lambda: asked.append(True))
    one.prepare(is_curve_unwanted=lambda: bool(asked)).execute()
    run = one.runs.get("run-1")
    assert (run.outcome, run.curve.points, run.curve.gains) == ("promoted", (), {})
    assert "What more tasks would bring was not measured." in run.message
    assert len(learnt_from) == 2


def test_a_run_in_a_pod_ends_the_measuring_when_its_port_is_asked_to(a_run, monkeypatch, learnt_from):
    one, port = a_run(), free_port(0)
    names = {"model", "home", "label_studio_url", "cross_validated_texts", *RATES}
    facts = {**one.settings.model_dump(include=names), "threads": 1}
    for name, value in {**facts, "label_studio_api_key": KEY, "progress_port": port}.items():
        monkeypatch.setenv(f"SPANLOOP_{name.upper()}", str(value))
    ask_in_part(monkeypatch, 2, lambda: httpx.post(f"http://127.0.0.1:{port}{END_CURVE_PATH}").raise_for_status())
    ended = CliRunner().invoke(app, ["run", "--run", "run-1", "--project", "1"])
    assert ended.exit_code == 0, ended.output
    run = one.runs.get("run-1")
    assert (run.outcome, len(run.curve.points), len(learnt_from)) == ("promoted", 3, 3)


def test_a_run_whose_curve_cannot_be_measured_has_not_failed(a_run, monkeypatch):
    def full(self, *arguments, **options):
        raise OSError("No space left on device")

    monkeypatch.setattr(Parts, "measure", full)
    run = a_run().execute()
    assert run.outcome == "promoted"
    assert "was not measured: it failed with OSError" in run.message


def test_a_version_is_handed_over_before_the_curve_is_measured_and_a_killed_run_publishes_it_once(
    a_run, learnt_from, monkeypatch, tmp_path
):
    """As on a cluster, where the backend rolls the version out."""
    monkeypatch.setattr(LocalShelf, "hand_over", lambda shelf, champion, version, why: False)
    monkeypatch.setattr(LocalShelf, "reference", lambda shelf, version: f"registry.example.com/b:{version}@sha256:0")
    words = tmp_path / "termination-log"
    one = a_run(termination_log=words)

    def kill():
        raise KeyboardInterrupt

    ask_in_part(monkeypatch, 2, kill)
    with pytest.raises(KeyboardInterrupt):
        one.execute()
    standing, left = one.runs.get("run-1"), Run.model_validate_json(words.read_text(encoding="utf-8"))
    assert (standing.phase, standing.rollout, standing.outcome) == ("curve", "wanted", None)
    assert (left.rollout, left.version, left.reference) == ("wanted", standing.version, standing.reference)
    run = one.execute()
    assert (run.phase, run.rollout, run.outcome, run.version) == ("rollout", "wanted", None, standing.version)
    assert [point.tasks for point in run.curve.points] == [0, 42, 85, 128, 170]
    assert len(learnt_from) == 5  # all tasks, and three parts, one of them twice
    assert [lineage.version for lineage in LocalShelf(one.settings.folder)._store.versions()] == [run.version]
    assert not list(one.runs.work("run-1").glob("project-*"))


def test_a_run_measures_no_curve_where_it_is_switched_off(a_run, learnt_from):
    run = a_run(curve=False).execute()
    assert (run.curve, len(learnt_from)) == (None, 1)


def test_by_hand_the_curve_is_measured_without_a_version_and_told_at_once_where_a_run_knows_it(
    a_run, monkeypatch, learnt_from, studio
):
    one = a_run()
    names = {"model", "home", "label_studio_url", "cross_validated_texts", *RATES}
    facts = {**one.settings.model_dump(include=names), "threads": 1}
    for name, value in {**facts, "label_studio_api_key": KEY}.items():
        monkeypatch.setenv(f"SPANLOOP_{name.upper()}", str(value))
    told = CliRunner().invoke(app, ["curve", "--project", "1"])
    assert told.exit_code == 0, told.output
    assert "170 annotated tasks: F1" in told.output
    assert "50 more annotated tasks would change F1" in told.output.replace("\n", " ")
    assert len(learnt_from) == 4
    assert one.live.read().live == ""
    assert [run.id for run in one.runs.all()] == ["run-1"]
    assert not list(one.settings.folder.glob("curves/runs/*/project-*"))
    (measured,) = Runs(one.settings.folder / "curves").all()
    one.runs.save(measured.model_copy(update={"outcome": "promoted"}))
    assert CliRunner().invoke(app, ["curve", "--project", "1"]).stdout == told.stdout
    assert len(learnt_from) == 4


def test_by_hand_no_curve_is_measured_where_tasks_are_few(a_run, monkeypatch, learnt_from, studio):
    one = a_run()
    studio.projects[1].export = studio.projects[1].export[:60]
    with pytest.raises(TooFew, match=r"needs 100 annotated tasks.*60 tasks are annotated"):
        one.prepare().curve()
    assert learnt_from == []
