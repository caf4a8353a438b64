"""What a pre-labelling in a pod shows of itself, and how it ends when it is asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from service.prelabel.progress import Prelabelling, Standing
from service.prelabel.settings import PrelabelSettings
from service.prelabel.watch import brief, last_words, watched
from service.watch import TERMINATION_MESSAGE_BYTES
from tests.support.samples import Scrape
from tests.support.servers import free_port

ROOT = Path(__file__).parents[3]
STANDS = Prelabelling(project=7, version="base.111111", total=1000, written=240, failed=10, reasons={"too long": 10})


def test_it_answers_while_it_lives_and_leaves_its_last_words(tmp_path):
    log = tmp_path / "log"
    standing = [STANDS]
    port = free_port(0)
    with watched(PrelabelSettings(progress_port=port, termination_log=log), lambda: standing[0]):
        told = Prelabelling.model_validate_json(httpx.get(f"http://127.0.0.1:{port}/progress").text)
        assert (told.done, told.total, told.reasons) == (250, 1000, {"too long": 10})
        metrics = Scrape(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
        standing[0] = STANDS.model_copy(update={"outcome": "done", "message": "All tasks are done."})
    assert metrics("spanloop_prelabel_worker_tasks_total", result="written") == 240
    assert metrics("spanloop_prelabel_worker_progress_ratio") == 0.25
    assert Prelabelling.model_validate_json(log.read_text(encoding="utf-8")) == standing[0]


@pytest.mark.parametrize("letter", ["x", "é", "马", "😀", "\x00"])
def test_last_words_always_fit_and_keep_the_counts(letter):
    long = {"reasons": {letter * 500 + str(number): number for number in range(50)}, "message": letter * 5000}
    words = last_words(STANDS.model_copy(update=long))
    assert len(words.encode()) <= TERMINATION_MESSAGE_BYTES
    left = Prelabelling.model_validate_json(words)
    assert (left.written, left.failed, left.version) == (240, 10, "base.111111")
    assert left.message.startswith(letter)


def test_reasons_that_begin_alike_are_counted_together():
    alike = {"x" * 200 + str(number): 2 for number in range(10)}
    left = brief(STANDS.model_copy(update={"reasons": {**alike, "other": 5}}))
    assert left.reasons == {"x" * 100: 20, "other": 5}


def test_the_most_frequent_reasons_are_kept_and_the_others_are_one():
    standing = Standing(STANDS, lambda stands: None)
    for number in range(1000):
        standing.count(failed={f"task {number} is too long": 1})
        standing.count(failed={"no text": 1})
    assert len(standing.now.reasons) == 101
    assert standing.now.reasons["no text"] == 1000
    assert sum(standing.now.reasons.values()) == 2010
    assert len(brief(standing.now).reasons) == 6
    assert sum(brief(standing.now).reasons.values()) == 2010


def test_a_worker_that_waits_for_label_studio_says_so_and_ends_at_once_when_it_is_asked_to(tmp_path, until):
    port, log = free_port(0), tmp_path / "log"
    given = {
        "HOME": str(tmp_path),
        "PROGRESS_PORT": port,
        "TERMINATION_LOG": log,
        "LABEL_STUDIO_URL": f"http://127.0.0.1:{free_port(0)}",
        "LABEL_STUDIO_API_KEY": "0" * 40,
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "service", "prelabel", "--project", "7"],
        cwd=ROOT,
        env={**os.environ, **{f"SPANLOOP_{name}": str(value) for name, value in given.items()}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def waits():
        try:
            return httpx.get(f"http://127.0.0.1:{port}/progress").json()["waits"]
        except httpx.TransportError:
            return ""

    try:
        assert "Label Studio does not answer" in until(waits, 60)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 143
    finally:
        worker.kill()
    assert Prelabelling.model_validate_json(log.read_text(encoding="utf-8")).outcome == "stopped"
