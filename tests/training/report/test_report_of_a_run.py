"""The report that a run publishes with its version."""

from __future__ import annotations

import re

from service.versions.lineage import REPORT_FILE
from tests.support import tiny
from tests.support.training_bench import TASKS, annotated
from training.dataset import is_held_out


def test_a_run_publishes_the_report_of_its_version_without_words_of_the_texts(bench):
    one = bench(label_studio_public_url="https://studio.example.com/")
    run = one.execute()
    lineage = one.store.get(run.version)
    report = (one.store.fetch(run.version) / REPORT_FILE).read_text(encoding="utf-8")
    assert lineage.report
    for shown in (run.version, lineage.verdict.decision, "person", "city", f"{lineage.verdict.low:+.3f}"):
        assert shown in report
    assert "The smoothed loss" in report, "the tuning was traced"
    flipped = {int(task) for task in re.findall(r"https://studio\.example\.com/projects/1/data\?task=(\d+)", report)}
    assert flipped, "the version learns to leave out cities"
    assert re.search(r"Against the live version it fixes [1-9]\d* spans and breaks \d+\.", run.message)
    assert flipped <= {task["id"] for task in annotated(TASKS) if is_held_out(task["data"]["text"])}
    words = re.sub("<[^>]*>", " ", report)
    assert not [name for name in (*tiny.PEOPLE, *tiny.CITIES) if re.search(rf"\b{name}\b", words)]
    assert not [path.name for path in one.runs.work(run.id).glob("trace*")], "what is in the report is kept once"
