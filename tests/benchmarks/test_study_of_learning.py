"""The study of learning: which tasks a case gets, what its file holds, and what the figures come to."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from benchmarks import backtests, gains, recipes
from benchmarks.cases import Case, at_random, by_certainty, dealt, lines, run
from benchmarks.datasets import divided, read
from benchmarks.learning import app
from service.model.model import Model
from service.model.spans import Span
from training import calibration, replay
from training.dataset import Document
from training.settings import TrainingSettings

NAMES = ["Alice", "Bob", "Carol", "Dave", "Erin", "Frank"]


@pytest.fixture
def data(tmp_path):
    """Two files of one data set, 12 and 6 texts."""
    folder = tmp_path / "people"
    folder.mkdir()
    for file, count in (("train", 12), ("dev", 6)):
        texts = [f"{file} {number} : {NAMES[number % 6]} works in Rome" for number in range(count)]
        spans = [{"start": text.index(": ") + 2, "end": text.index(" works"), "label": "person"} for text in texts]
        entries = [json.dumps({"text": text, "spans": [span]}) for text, span in zip(texts, spans, strict=True)]
        (folder / f"{file}.jsonl").write_text("\n".join(entries) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def case(data, model_folder):
    """The cheapest case: GLiNER's trainer for its fewest steps."""
    train, test = (str(data / f"{file}.jsonl") for file in ("train", "dev"))
    return Case((train,), (test,), (test,), 0, 0, 8, 0, "train_model", "random", str(model_folder), 0.001, 4)


def line(f1, tasks=50, fold=0, seed=0, before=0.3, forgotten=0.01, data="medical"):
    """A line of figures with one label and one remembered set."""

    def scored(old, new):
        found = [{"f1": value, "per_label": {"person": value}, "support": {"person": 9}} for value in (old, new)]
        return {"before": found[0], "after": found[1]}

    identity = {"train": [data], "model": "starter", "recipe": "run", "choose": "random", "folds": 5}
    sets = {"test": scored(before, f1), "general": scored(0.4, 0.4 - forgotten)}
    case = {**identity, "tasks": tasks, "fold": fold, "seed": seed}
    return {
        "case": case,
        "learnt_from": tasks,
        "sets": sets,
        "cpu_seconds": 60,
        "peak_mb": 700,
        "code": "0.1.0",
        "calibration_error": {"scores": 0.2, "probabilities": 0.1},
    }


def test_every_document_is_tested_on_in_one_fold_and_never_learnt_from_there(data):
    files = [data / "train.jsonl"], [data / "dev.jsonl"]
    tested = []
    for fold in range(3):
        pool, test = divided(*files, 3, fold)
        assert len(pool) + len(test) == 18
        assert not {one.text for one in pool} & {one.text for one in test}
        tested += test
    assert len({one.text for one in tested}) == 18
    pool, test = divided(*files, 0, 0)
    assert [one.text.split()[0] for one in (pool[0], test[0])] == ["train", "dev"]


def test_the_tasks_of_a_smaller_case_are_among_those_of_a_larger_one(data, case):
    pool = read(data / "train.jsonl")
    assert at_random(pool, case)[:4] == at_random(pool, replace(case, tasks=8))[:8][:4]
    assert at_random(pool, case) != at_random(pool, replace(case, seed=1))


def test_tasks_chosen_by_certainty_begin_with_the_least_certain(data, case, model_folder):
    pool = read(data / "train.jsonl")
    model = Model.load(str(model_folder))
    order = by_certainty(pool, case)
    found = model.extract_each([(one.text, one.labels) for one in order], TrainingSettings().threshold)
    assert [one.certainty for one in found] == sorted(one.certainty for one in found)


def test_a_case_is_measured_once_and_a_line_that_was_cut_off_is_measured_again(case, tmp_path):
    out = tmp_path / "figures.jsonl"
    out.write_text('{"case": {"trai', encoding="utf-8")
    (measured,) = run([case], out, 1)
    assert lines(out) == [measured]
    assert measured["learnt_from"] == 8
    assert set(measured["sets"]) == {"test", "people/dev"}
    assert (measured["sets"]["test"]["texts"], measured["sets"]["test"]["of"]) == (4, 6)
    assert measured["sets"]["test"]["before"]["support"] == {"person": 4}
    assert measured["peak_mb"] > 0
    assert list(run([case], out, 1)) == []


def test_a_recipe_learns_as_a_run_does_and_tells_what_it_left_out(fresh_model, monkeypatch, model_folder):
    monkeypatch.setattr(replay, "sentences", lambda part: ["Alice met Bob", "Carol met Acme", "Acme and Globex"])
    monkeypatch.setattr(replay, "broad_labels", lambda: ["person", "company"])
    good = [Document(f"{n} Alice met Bob", ("person",), (Span(2, 7, "person", 1.0),)) for n in range(8)]
    long = "Alice met Bob " * 5
    bad = Document(long, ("person",), (Span(0, len(long) - 1, "person", 1.0),))
    task = recipes.Task(TrainingSettings(model=str(model_folder)), [*good, bad], 0)
    learnt = recipes.as_a_run(steps=3, replay_share=0.25)(task)
    assert (learnt.steps, learnt.examples, learnt.recipe["replay_share"]) == (3, 9, 0.25)
    assert learnt.left_out == {"is longer than the model's 12 words": 1}


def test_a_case_holds_out_a_quarter_as_many_further_tasks_as_it_learns_from(data, case):
    pool = read(data / "train.jsonl")
    task = dealt(pool, case, TrainingSettings())
    assert (task.documents, task.held_out) == (pool[:8], pool[8:10])
    short = dealt(pool, replace(case, tasks=11), TrainingSettings())
    assert (short.documents, short.held_out) == (pool[:11], pool[11:])
    assert dealt(pool, replace(case, tasks=100), TrainingSettings()).held_out == []


def people(count, word):
    """Texts in every second of which the person is not marked."""
    texts = [f"{word} {number} {NAMES[number % 6]} met Bob" for number in range(count)]
    spans = [(Span(text.index(" met") - 3, text.index(" met"), "person", 1.0),) for text in texts]
    return [Document(text, ("person",), of[at % 2 :]) for at, (text, of) in enumerate(zip(texts, spans, strict=True))]


@pytest.mark.parametrize(("tasks", "told_by"), [(104, 30), (20, 20)])
def test_held_out_tasks_tell_what_scores_mean_where_there_are_no_folds(
    fresh_model, monkeypatch, model_folder, tasks, told_by
):
    monkeypatch.setattr(replay, "sentences", lambda part: ["Alice met Bob", "Carol met Acme", "Acme and Globex"])
    monkeypatch.setattr(replay, "broad_labels", lambda: ["person", "company"])
    monkeypatch.setattr(calibration, "FEWEST", 1)
    settings = TrainingSettings(model=str(model_folder), cross_validated_texts=100)
    task = recipes.Task(settings, people(tasks, "old"), 0, people(30, "new"))
    learnt = recipes.as_a_run(steps=2)(task)
    assert learnt.version["calibrated"]["texts"] == told_by


def test_the_seeds_of_a_fold_count_as_one_observation():
    found = [
        line(0.4 + 0.1 * fold + wobble, fold=fold, seed=n) for fold in (0, 1) for n, wobble in ((0, 0.0), (1, 0.02))
    ]
    assert gains.by_fold(found, gains.change) == pytest.approx([0.11, 0.21])
    assert gains.told(gains.by_fold(found, gains.change)) == "+0.160 ± 0.635"


def test_a_curve_on_which_more_tasks_bring_less_is_named(tmp_path):
    figures = tmp_path / "figures.jsonl"
    rising, falling = (
        (line(f1, tasks) for tasks, f1 in of) for of in ([(50, 0.4), (200, 0.5)], [(50, 0.5), (200, 0.4)])
    )
    for some, told in ((rising, "monotone"), (falling, "NOT monotone")):
        figures.write_text("".join(json.dumps(one) + "\n" for one in some), encoding="utf-8")
        shown = CliRunner().invoke(app, ["show", str(figures)])
        assert shown.exit_code == 0
        assert told in shown.output
        assert ("NOT" in shown.output) == (told != "monotone")


def test_a_backtest_predicts_each_size_from_the_smaller_ones_of_its_own_fold():
    def f1(tasks):
        return 0.3 + 0.05 * math.log1p(tasks / 30)

    sizes = (50, 100, 200, 400)
    found = backtests.predictions([line(f1(tasks), tasks, fold) for tasks in sizes for fold in range(2)])
    assert {(one.from_tasks, one.tasks) for one in found} == {(100, 200), (100, 400), (200, 400)}
    assert len(found) == 6
    assert all(one.is_right for one in found)
    off = backtests.predictions([line(0.3 if tasks == 400 else f1(tasks), tasks) for tasks in sizes])
    assert backtests.told(off).startswith("1 of 3 predictions (33%)")
