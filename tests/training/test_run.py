from __future__ import annotations

import json
import os
import random
import signal

import msgspec
import pytest

from service.backend.local.line import LocalLine
from service.model.model import Model
from service.runs.run import Run
from service.versions import sbom
from service.versions.history import INITIAL, LiveFile
from service.versions.judgement import FILE, PREDICTIONS_FILE, Decision
from tests.support import text_server, tiny
from tests.support.studio import StudioProject
from tests.support.training_bench import CONFIG, TASKS, Killed, annotated
from training.account import Unlearnable
from training.annotations import ExportFailed
from training.course import Course
from training.dataset import is_for_validation, is_held_out
from training.judge.evidence import Facts
from training.judge.sheet import Sheet
from training.judge.verdict import judge
from training.learn import Learning
from training.lengths import choose
from training.progress import Reporter
from training.run import TrainingRun
from training.shelf import LocalShelf
from training.split import TooFew
from training.tune import Stopped, Tuning


def test_a_run_that_learns_something_ends_with_a_better_version_that_is_live(bench):
    one = bench()
    run = one.execute()
    assert (run.outcome, run.phase, run.percent) == ("promoted", "done", 100)
    assert run.scores["new"].f1 > run.scores["base"].f1
    lineage = one.store.get(run.version)
    assert one.live.read().live == lineage.version == run.version
    assert (lineage.run, lineage.projects, lineage.better) == ("run-1", (1,), True)
    assert lineage.annotations == tuple(range(100, 100 + TASKS))
    assert sum(lineage.tasks.values()) == TASKS
    assert lineage.tasks["held_out"] == sum(is_held_out(t["data"]["text"]) for t in annotated(TASKS))
    assert lineage.scores["new"] == run.scores["new"]


def test_a_run_says_what_its_version_has_forgotten(bench):
    one = bench()
    run = one.execute()
    lineage = one.store.get(run.version)
    assert set(lineage.forgetting.score.support) == {"city", "person"}
    assert lineage.forgetting.lost > 0, "the version learns to leave out cities"
    assert lineage.forgetting.score == run.scores["guard"]
    assert lineage.forgetting.told() in run.message
    assert lineage.blend.share in [one.share for one in lineage.blend.tried]
    assert lineage.blend.told() in run.message


def test_the_same_annotations_again_are_nothing_new(bench):
    one = bench()
    first = one.execute("run-1")
    again = one.execute("run-2")
    assert (again.outcome, again.version) == ("nothing new", first.version)
    assert len(one.store.versions()) == 1
    assert len(one.live.read().changes) == 1


def test_a_version_that_is_not_better_is_published_and_held_with_the_reason(bench):
    one = bench(head_rate=1e-9, encoder_rate=1e-9, steps=2)
    run = one.execute()
    assert run.outcome == "held"
    assert "does not serve" in run.message
    assert "HOLD, the live version stays" in run.message
    assert "It finds the same spans as the live version." in run.message
    assert one.live.read().live == INITIAL
    assert not one.store.get(run.version).better


def test_a_version_carries_its_verdict_and_the_predictions_that_it_was_made_from_without_a_text(bench):
    one = bench()
    run = one.execute()
    folder, lineage = one.store.fetch(run.version), one.store.get(run.version)
    verdict = json.loads((folder / FILE).read_text())
    assert verdict["decision"] == lineage.verdict.decision == "PROMOTE"
    assert verdict["reason"] == lineage.reason
    assert verdict["scores"]["new"]["micro"]["strict"]["f1"] == lineage.scores["new"].f1
    assert lineage.verdict.texts == lineage.tasks["held_out"] == lineage.scores["new"].texts
    sheet = msgspec.json.decode((folder / PREDICTIONS_FILE).read_bytes(), type=Sheet)
    facts = Facts("held_out", "the held-out tasks", verdict["versions"], tries=1, forgotten=lineage.forgetting.expected)
    assert judge(sheet, facts, one.settings.rules).json() == (folder / FILE).read_text()
    assert "house where" not in (folder / PREDICTIONS_FILE).read_text()
    made_with = json.loads((folder / sbom.FILE).read_text())
    assert made_with["metadata"]["component"]["version"] == run.version
    assert lineage.base in {one["name"] for one in made_with["components"]}


def test_the_latest_other_versions_are_scored_on_the_same_tasks_and_tries_are_counted(bench):
    one = bench(judged_versions=1, steps=4)
    published = []
    for number in range(4):
        one.studio.projects[1].export = annotated(TASKS + number)
        published.append(one.execute(f"run-{number}").version)
        one.live.swap(one.live.read().live, INITIAL, "by hand")
    verdict = json.loads((one.store.fetch(published[-1]) / FILE).read_text())
    assert set(verdict["scores"]) == {"base", "new", published[-2]}
    assert verdict["scores"][published[-2]]["texts"] == verdict["texts"]
    assert [one.store.get(version).verdict.tries for version in published] == [1, 2, 3, 4]


def test_a_version_that_cannot_be_loaded_is_not_scored_and_the_verdict_does_not_wait_for_it(bench):
    one = bench(steps=4)
    first = one.execute("run-1").version
    one.live.swap(one.live.read().live, INITIAL, "by hand")
    (one.store.fetch(first) / "gliner_config.json").unlink()
    one.studio.projects[1].export = annotated(TASKS + 1)
    verdict = json.loads((one.store.fetch(one.execute("run-2").version) / FILE).read_text())
    assert first in verdict["unread"]
    assert first not in verdict["scores"]


@pytest.mark.parametrize("labels", ["person", "gone"])
def test_too_few_annotations_are_said_and_nothing_happens(bench, studio, labels):
    studio.projects[1].export = annotated(9 if labels == "person" else 60, label=labels)
    one = bench()
    with pytest.raises(TooFew, match="live version is untouched"):
        one.execute()
    assert one.store.versions() == []
    assert one.live.read().live == INITIAL


def test_a_label_studio_that_is_down_is_said_and_nothing_happens(bench, studio):
    one = bench()
    studio.broken = 503
    with pytest.raises(ExportFailed, match=r"503.*Nothing was trained and the live version is untouched"):
        one.execute()
    studio.broken = 0
    assert one.execute().outcome == "promoted"


def test_a_project_that_is_gone_is_left_out_and_said(bench, studio):
    one = bench(steps=4)
    state = Run(id="run-1", projects=(1, 99))
    one.runs.save(state)
    run = one.execute()
    assert run.outcome in ("promoted", "held")
    assert "Project 99 was left out" in run.message


def test_spans_that_could_not_be_used_are_reported(bench, studio):
    value = {"start": 0, "end": 999, "labels": ["person"]}
    studio.projects[1].export[0]["annotations"][0]["result"].append({"from_name": "label", "value": value})
    run = bench(steps=4).execute()
    assert "1 × the span lies outside of the text" in run.message


def test_a_time_budget_shortens_the_tuning_and_the_message_and_the_lineage_say_so(bench):
    one = bench(steps=80, minutes=0.001)
    run = one.execute()
    assert "Because of the time budget of 0.001 minutes the tuning had 50 of 80 steps." in run.message
    recipe = one.store.get(run.version).recipe
    assert (recipe["steps"], recipe["minutes"]) == (50, 0.001)


def test_a_time_budget_that_suffices_changes_nothing(bench):
    one = bench(steps=40, minutes=600)
    run = one.execute()
    assert "time budget" not in run.message
    assert one.store.get(run.version).recipe["steps"] == 40


def test_every_phase_of_a_run_tells_how_much_of_it_is_done_and_its_time_left_is_told_and_never_negative(
    bench, monkeypatch
):
    one = bench(steps=40, curve=True)
    told, update = [], Reporter._update
    monkeypatch.setattr(
        Reporter, "_update", lambda reporter, **facts: (update(reporter, **facts), told.append(reporter.run))
    )
    one.execute()
    percents = [run.percent for run in told]
    assert percents == sorted(percents)
    for phase in ("dataset", "replay", "tune", "judge", "publish", "curve"):
        assert len({run.percent for run in told if run.phase == phase}) >= 2, phase
    left = [run.seconds_left for run in told if run.seconds_left is not None]
    assert min(left) >= 0
    assert {run.phase for run in told if run.seconds_left is not None} == {"tune", "judge", "publish", "curve"}
    assert told[-1].seconds_left is None
    assert any("(smoothed)" in run.detail for run in told)


@pytest.mark.parametrize("phase", ["export", "replay", "tune", "judge", "publish", "rollout"])
def test_a_run_killed_in_any_phase_and_resumed_ends_as_if_it_had_not_been(bench, monkeypatch, phase):
    one = bench()
    enter = Reporter.enter

    def kill(self, at, *told, **more):
        enter(self, at, *told, **more)
        if at == phase:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "enter", kill)
        with pytest.raises(Killed):
            one.execute()
    assert one.live.read().live == INITIAL
    assert one.runs.get("run-1").phase == phase
    assert not one.runs.get("run-1").ended
    run = one.execute()
    assert run.outcome == "promoted"
    assert [lineage.version for lineage in one.store.versions()] == [run.version]
    assert one.live.read().live == run.version


def test_a_run_killed_after_its_version_went_live_and_resumed_knows_that_it_serves(bench, monkeypatch):
    one = bench()

    def kill(self, *args, **kwargs):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "_finish", kill)
        with pytest.raises(Killed):
            one.execute()
    live = one.live.read()
    assert live.live != INITIAL
    run = one.execute()
    assert (run.outcome, run.version) == ("promoted", live.live)
    assert len(one.live.read().changes) == 1


def test_a_version_is_judged_again_when_another_went_live_meanwhile(bench, monkeypatch):
    one = bench()
    first = one.execute("run-1")
    one.studio.projects[1].export = annotated(TASKS + 1)
    swap, seen = LiveFile.swap, []

    def meanwhile(self, expected, version, why):
        if not seen:
            seen.append(expected)
            swap(self, expected, INITIAL, "rolled back by hand")
        return swap(self, expected, version, why)

    monkeypatch.setattr("training.judge.verdict.decide", lambda *facts: Decision.PROMOTE)
    monkeypatch.setattr(LiveFile, "swap", meanwhile)
    run = one.execute("run-2")
    assert seen == [first.version]
    assert run.outcome == "promoted"
    assert run.champion == INITIAL
    assert one.live.read().live == run.version


def test_a_run_that_is_cancelled_while_it_publishes_makes_nothing_live_and_is_judged_again_later(bench, monkeypatch):
    one = bench()
    publish = LocalShelf.publish

    def cancelled_meanwhile(shelf, lineage, save_model):
        one.runs.cancel("run-1")
        publish(shelf, lineage, save_model)

    with monkeypatch.context() as patched:
        patched.setattr(LocalShelf, "publish", cancelled_meanwhile)
        with pytest.raises(Stopped, match="cancelled before"):
            one.execute()
    assert one.live.read().live == INITIAL
    (version,) = one.store.versions()
    one.runs.end_cancelled(one.runs.get("run-1"))
    assert one.execute().version == version.version
    assert one.live.read().live == version.version


def test_a_version_that_was_taken_back_is_held_when_its_run_comes_again(bench):
    here = bench()
    first = here.execute()
    here.live.back(first.version, "it does not work here")
    again = here.execute()
    assert (again.outcome, again.version) == ("held", first.version)
    assert f"promote {first.version}" in again.message
    assert here.live.read().live == INITIAL
    LocalLine(here.settings.folder).promote(first.version)
    assert here.execute().outcome == "promoted"


def leaving_the_rollout_to_the_backend(monkeypatch):
    """Makes the shelf leave the rollout to the backend, as a shelf on a cluster does."""
    monkeypatch.setattr(LocalShelf, "hand_over", lambda shelf, champion, version, why: False)
    monkeypatch.setattr(
        LocalShelf, "reference", lambda shelf, version: f"registry.example.com/bentos:{version}@sha256:0"
    )


def test_a_better_version_that_the_backend_is_to_roll_out_ends_no_run(bench, monkeypatch):
    leaving_the_rollout_to_the_backend(monkeypatch)
    one = bench()
    run = one.execute()
    assert (run.outcome, run.phase, run.rollout, run.in_rollout) == (None, "rollout", "wanted", True)
    assert f":{run.version}@" in run.reference
    assert run.champion == INITIAL
    assert run.scores["new"].f1 > run.scores["base"].f1
    assert "F1 on the held-out tasks" in run.message
    assert not [*one.runs.folder.rglob("project-*")], "nothing of the users' texts stays behind"


def test_a_run_in_rollout_is_judged_again_against_what_is_live_by_then(bench, monkeypatch):
    one = bench()
    with monkeypatch.context() as on_cluster:
        leaving_the_rollout_to_the_backend(on_cluster)
        first = one.execute()
    one.live.swap(INITIAL, "another", "by hand")
    fetch = LocalShelf.fetch
    monkeypatch.setattr(LocalShelf, "fetch", lambda shelf, version: fetch(shelf, first.version))
    again = one.execute()
    assert (again.version, again.champion, again.rollout) == (first.version, "another", "")
    assert again.ended


def test_sigterm_while_tuning_saves_and_a_restart_goes_on_from_there(bench, monkeypatch):
    one = bench()
    tuned, steps = Course.stepped, []

    def terminate(self, progress):
        steps.append(progress.step)
        if progress.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        tuned(self, progress)

    monkeypatch.setattr(Course, "stepped", terminate)
    with pytest.raises(Stopped, match="step 5 of 30"):
        one.execute()
    assert not one.runs.get("run-1").ended
    assert one.execute().outcome == "promoted"
    assert steps == list(range(1, len(steps) + 1)), "no step is done twice or left out"
    assert len(steps) > 5


def test_sigterm_after_the_last_step_ends_the_run_before_it_judges(bench, monkeypatch):
    one = bench(steps=4)
    tune, tuned, steps = Learning.tune, Course.stepped, []

    def note(self, progress):
        steps.append(progress.step)
        tuned(self, progress)

    def terminated(self, *args, **facts):
        tune(self, *args, **facts)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Course, "stepped", note)
    with monkeypatch.context() as patched:
        patched.setattr(Learning, "tune", terminated)
        with pytest.raises(Stopped, match="after the tuning"):
            one.execute()
    assert one.store.versions() == []
    assert one.execute().outcome == "promoted"
    assert steps == [1, 2, 3, 4], "nothing is learnt twice"


def test_a_resumed_run_learns_from_the_annotations_it_began_with(bench, monkeypatch):
    one = bench(steps=4)
    with monkeypatch.context() as patched:
        patched.setattr(Tuning, "run", lambda *args: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            one.execute()
    one.studio.projects[1].export = annotated(TASKS + 30, seed=2)
    run = one.execute()
    assert len(one.store.get(run.version).annotations) == TASKS


def test_a_full_disk_while_publishing_leaves_no_version_and_the_live_one_untouched(bench, monkeypatch):
    one = bench(steps=4)

    def full(model, folder):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("training.publish.save_model", full)
        with pytest.raises(OSError, match="No space left"):
            one.execute()
    assert one.store.versions() == []
    assert one.live.read().live == INITIAL
    assert one.execute().version == one.store.versions()[0].version


def test_without_validation_texts_tuning_goes_to_its_end(bench, studio):
    """A small project may have none. A score of zero each time would end the tuning early with its first weights."""
    studio.projects[1].export = [
        task
        for task in annotated(270)
        if is_held_out(task["data"]["text"]) or not is_for_validation(task["data"]["text"])
    ]
    one = bench(steps=60)
    steps = []
    run = one.prepare()
    report = run.course.stepped
    run.course.stepped = lambda progress: (steps.append(progress.step), report(progress))
    run.execute()
    assert steps[-1] == 60
    assert one.runs.get("run-1").scores["new"].f1 > 0


def test_nothing_of_the_users_texts_stays_behind(bench):
    one = bench(steps=4)
    one.execute()
    kept = [path for path in one.runs.folder.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert "house where" not in path.read_text(encoding="utf-8", errors="replace")
    for path in (one.store.home).rglob("*.json"):
        assert "house where" not in path.read_text(encoding="utf-8", errors="replace")


def marked(number, text, start, end, label="person"):
    value = {"start": start, "end": end, "text": text[start:end], "labels": [label]}
    result = [{"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value}]
    annotation = {"id": 500 + number, "result": result, "was_cancelled": False, "ground_truth": False}
    return {"id": 500 + number, "data": {"text": text}, "annotations": [annotation]}


def test_spans_inside_words_are_learnt_by_a_version_that_cuts_finer(bench, studio):
    tasks = [
        marked(n, f"{n} the house of {name}99 in Rome", *edges(f"{n} the house of ", name)) for n, name in names(80)
    ]
    studio.projects[1].export = tasks
    one = bench(steps=60)
    run = one.execute()
    assert run.outcome == "promoted"
    assert "Latin is cut into digits." in run.message
    assert "left out" not in run.message
    served = Model.load(str(one.store.fetch(run.version)), "cpu")
    assert served.reading.rungs == {"Latin": "digits"}
    text = "the house of Alice99"
    assert [text[s.start : s.end] for s in served.extract([text], ["city", "person"], 0.5)[0].spans] == ["Alice"]


def long_tasks(count):
    """Tasks of five short sentences, in which people are marked."""
    rng = random.Random(3)
    for number in range(count):
        text, marks = f"{number} .", []
        for _ in range(5):
            name = rng.choice(tiny.PEOPLE)
            text += " The old house where "
            marks.append(marked(number, text + name, len(text), len(text) + len(name))["annotations"][0]["result"][0])
            text += f"{name} lives in {rng.choice(tiny.CITIES)} ."
        task = marked(number, text, 0, 1)
        task["annotations"][0]["result"] = marks
        yield task


def test_the_length_of_a_versions_windows_is_chosen_on_its_validation_texts(bench, studio):
    studio.projects[1].export = list(long_tasks(460))
    one = bench(steps=20)
    run = one.execute()
    lineage = one.store.get(run.version)
    served = Model.load(str(one.store.fetch(run.version)), "cpu")
    assert lineage.tasks["validation"] >= 40
    assert set(lineage.window_scores) == {32, 384}
    assert lineage.window_words == choose(lineage.window_scores) == served.window_words
    assert f"A window has at most {served.window_words} words (F1 on validation by length: 32: " in run.message


def test_without_validation_texts_a_version_has_the_windows_of_its_base_model(bench):
    one = bench(window_words=64)
    run = one.execute()
    lineage = one.store.get(run.version)
    assert (lineage.window_words, lineage.window_scores) == (64, {})
    assert lineage.base.endswith("-w64")
    assert Model.load(str(one.store.fetch(run.version)), "cpu").window_words == 64


def test_spans_that_are_left_out_are_named_in_a_file_for_the_owner_alone(bench, studio):
    wide = " ".join(["zoo"] * 20)
    few = [marked(n, f"{n} {wide}", 0, len(wide), "city") for n in range(2)]
    (gone,) = annotated(1, label="gone")
    studio.projects[1].export = annotated(60) + few + [{**gone, "id": 400}]
    one = bench(steps=4)
    run = one.execute()
    path = one.runs.left_out(run.id)
    assert path.stat().st_mode & 0o777 == 0o600
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert {"label is no longer" in entry["reason"] or entry["task"] >= 500 for entry in told} == {True}
    assert all(entry["project"] == 1 for entry in told)
    wide_ones = [entry for entry in told if entry["task"] >= 500]
    assert {entry["reason"] for entry in wide_ones} <= {
        "is longer than the model's 12 words",
        "begins or ends inside a word",
    }
    assert wide_ones
    assert "zoo zoo" in wide_ones[0]["excerpt"]
    assert not list(one.runs.work(run.id).glob("project-*"))


def test_a_run_for_a_label_whose_words_the_model_does_not_know_is_refused_with_what_to_do(bench, studio):
    studio.projects[1].label_config = CONFIG.replace('"person"', '"人名"')
    studio.projects[1].export = annotated(60, label="人名")
    with pytest.raises(Unlearnable, match=r"'人名': \d+ of \d+ spans .*give the label predicted_values"):
        bench().execute()


def test_a_run_that_cannot_learn_most_spans_of_a_label_is_refused_with_the_reason(bench, studio):
    text = "马云在杭州创立了阿里巴巴{}。"
    studio.projects[1].export = [marked(n, text.format(n), 0, 2) for n in range(60)]
    one = bench()
    with pytest.raises(Unlearnable, match=r"'person': \d+ of \d+ spans .*tokenizer.*live version is untouched"):
        one.execute()
    assert one.store.versions() == []
    assert one.runs.left_out("run-1")


def names(count):
    return [(number, tiny.PEOPLE[number % len(tiny.PEOPLE)]) for number in range(count)]


def edges(before, name):
    return len(before), len(before) + len(name)


def test_a_held_out_text_is_not_replayed_before_it_is_annotated(bench, studio, monkeypatch):
    texts = [f"{number} the old house" for number in range(40)]
    studio.projects[1].unannotated = [{"id": 900 + n, "data": {"text": text}} for n, text in enumerate(texts)]
    replayed = []
    keep = Learning.replay
    monkeypatch.setattr(Learning, "replay", lambda learning, spare: replayed.extend(spare) or keep(learning, spare))
    bench(steps=2).execute()
    assert sorted(set(replayed)) == sorted(text for text in texts if not is_held_out(text))


def test_a_version_says_that_spans_may_share_words_and_why(bench, studio):
    """Each name has both labels in one region, and in two tasks a span crosses another one."""
    tasks = annotated(60)
    for task in tasks:
        (region,) = task["annotations"][0]["result"]
        region["value"]["labels"] = ["person", "city"]
    learnt_from = [task for task in tasks if not is_held_out(task["data"]["text"])]
    for task in learnt_from[:2]:
        text, (region,) = task["data"]["text"], task["annotations"][0]["result"]
        for start, end in ((text.index("lives"), len(text)), (text.index("house"), text.index("lives") + 5)):
            value = {"start": start, "end": end, "labels": ["city"]}
            task["annotations"][0]["result"].append({**region, "value": value})
    studio.projects[1] = StudioProject(
        label_config=CONFIG.replace("<Labels", '<Labels choice="multiple"'), export=tasks
    )
    one = bench()
    run = one.execute()
    lineage = one.store.get(run.version)
    assert lineage.overlap == "multi"
    assert "may have several labels" in lineage.overlap_why
    assert lineage.overlap_why in run.message
    crossing = "crosses another span: learnt, but one of the two is answered"
    assert lineage.left_out[crossing] == 2
    assert f"2 × {crossing}" in run.message
    told = [json.loads(line) for line in one.runs.left_out(run.id).read_text().splitlines()]
    assert {entry["task"] for entry in told if entry["reason"] == crossing} == {task["id"] for task in learnt_from[:2]}


def test_texts_at_addresses_are_fetched_for_a_run_and_those_that_are_not_are_counted(bench, studio, monkeypatch):
    texts = {f"/{task['id']}.txt": task["data"]["text"].encode() for task in annotated(60)}
    studio.projects[1].label_config = CONFIG.replace("<Text ", '<Text valueType="url" ')
    with text_server.served() as files:
        files.texts = {path: text for path, text in texts.items() if path not in ("/7.txt", "/8.txt")}
        studio.projects[1].export = [
            {**task, "data": {"text": f"{files.url}/{task['id']}.txt"}} for task in annotated(60)
        ]
        one = bench(text_hosts="127.0.0.1", steps=2)
        details = []
        within = Reporter.within
        monkeypatch.setattr(
            Reporter, "within", lambda r, share, told, *left: details.append(told) or within(r, share, told, *left)
        )
        run = one.execute()
    assert sum(one.store.get(run.version).tasks.values()) == 58
    assert "2 × a task was not read: its text at 127.0.0.1 cannot be fetched (404)" in run.message
    assert "project 1: the texts of 60 annotated tasks are fetched" in details


def test_a_run_gives_up_on_texts_that_take_too_long_altogether(bench, studio, monkeypatch):
    monkeypatch.setattr("training.material.TEXTS_SECONDS", -1.0)
    studio.projects[1].label_config = CONFIG.replace("<Text ", '<Text valueType="url" ')
    one = bench(text_hosts="127.0.0.1")
    with text_server.served() as files:
        studio.projects[1].export = [{**task, "data": {"text": f"{files.url}/a.txt"}} for task in annotated(60)]
        with pytest.raises(TooFew):
            one.execute()
        assert files.asked == []
