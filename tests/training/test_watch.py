from __future__ import annotations

import httpx
import pytest

from service.runs.curve import CurvePoint, Gain, LearningCurve
from service.runs.run import END_CURVE_PATH, PHASES, Run
from service.versions.lineage import Score
from service.watch import TERMINATION_MESSAGE_BYTES
from tests.support.samples import Scrape
from training.watch import answering, last_words, leave

RUN = Run(id="run-1", projects=(1, 2), phase="tune", percent=40, fingerprint="f" * 200)


def scores(labels):
    names = [f"a label with the number {number}" for number in range(labels)]
    score = Score(
        precision=0.5, recall=0.5, f1=0.5, per_label=dict.fromkeys(names, 0.5), support=dict.fromkeys(names, 7)
    )
    return {"base": score, "champion": score, "new": score}


@pytest.fixture
def port():
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_run_answers_with_its_progress_while_it_lives(port):
    standing = [RUN]
    with answering(port, lambda: standing[0], list):
        assert Run.model_validate_json(httpx.get(f"http://127.0.0.1:{port}/progress").text) == RUN
        standing[0] = RUN.model_copy(update={"percent": 50})
        assert Run.model_validate_json(httpx.get(f"http://127.0.0.1:{port}/progress").text).percent == 50
        assert httpx.get(f"http://127.0.0.1:{port}/other").status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/progress")


def test_prometheus_reads_which_phase_a_run_is_in_and_how_far_it_is(port):
    standing = [RUN]

    def scrape():
        return Scrape(httpx.get(f"http://127.0.0.1:{port}/metrics").text)

    with answering(port, lambda: standing[0], list):
        first = scrape()
        standing[0] = RUN.model_copy(update={"phase": "judge", "percent": 90})
        then = scrape()
    phases = [{phase for (phase,), on in one.of("spanloop_training_phase").items() if on} for one in (first, then)]
    assert phases == [{"tune"}, {"judge"}]
    assert [place for (place,) in first.of("spanloop_training_phase")] == list(PHASES)
    assert [one("spanloop_training_progress_ratio") for one in (first, then)] == [0.4, 0.9]


def test_a_run_hears_that_it_is_to_end_the_measuring_of_its_curve(port):
    heard = []
    with answering(port, lambda: RUN, lambda: heard.append("end")):
        assert httpx.post(f"http://127.0.0.1:{port}{END_CURVE_PATH}").status_code == 202
        assert httpx.post(f"http://127.0.0.1:{port}/progress").status_code == 404
    assert heard == ["end"]


def test_last_words_say_everything_where_there_is_room(tmp_path):
    run = RUN.model_copy(update={"outcome": "held", "message": "Not better.", "scores": scores(3)})
    leave(run, tmp_path / "log")
    assert Run.model_validate_json((tmp_path / "log").read_text(encoding="utf-8")) == run


@pytest.mark.parametrize(("labels", "message"), [(100, "better"), (0, "é" * 6000), (100, "x" * 4000)])
def test_last_words_always_fit_and_keep_phase_rollout_f1_and_the_points_of_the_curve(labels, message):
    gains = {f"a label with the number {number}": Gain(expected=0.1, low=0.0, high=0.2) for number in range(labels)}
    points = (CurvePoint(tasks=0, f1=0.5), CurvePoint(tasks=100, f1=0.6))
    curve = LearningCurve(points=points, labels=gains, message="50 more tasks")
    facts = {"phase": "rollout", "rollout": "wanted", "version": "v1"}
    run = RUN.model_copy(update={**facts, "message": message, "scores": scores(labels), "curve": curve})
    words = last_words(run)
    assert len(words.encode()) <= TERMINATION_MESSAGE_BYTES
    left = Run.model_validate_json(words)
    assert (left.id, left.scores["new"].f1) == ("run-1", 0.5)
    assert {fact: getattr(left, fact) for fact in facts} == facts
    assert message.startswith(left.message.removesuffix(" …"))
    assert left.message
    assert (left.curve.points, left.curve.message) == (points, "50 more tasks")
