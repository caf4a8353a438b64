"""The model card of a version, which is the README of its Bento."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from service.versions.card import card
from service.versions.judgement import Decision, Judgement
from service.versions.lineage import Score
from service.versions.store import BENTO_NAME, BentoStore


@pytest.fixture
def store(tmp_path, bento_store):
    return BentoStore(tmp_path)


def judgement(decision):
    return Judgement(
        decision=decision,
        difference=0.1,
        low=0.05,
        high=0.15,
        probability=0.999,
        needed=0.95,
        tries=1,
        texts=50,
        spans=200,
        deviation=0.02,
    )


def test_the_readme_of_a_bento_has_the_verdict_and_the_scores(store, publish):
    publish(store, "v1", verdict=judgement(Decision.PROMOTE), reason="F1 rose by a tenth.")
    readme = (store.home / "bentos" / BENTO_NAME / "v1" / "README.md").read_text(encoding="utf-8")
    for shown in ("# Spanloop v1", "Verdict: PROMOTE", "F1 rose by a tenth.", "tiny-123456", "0.750", "| person | 3 |"):
        assert shown in readme


def test_the_snippet_of_the_readme_finds_spans_with_gliner_alone(store, publish):
    publish(store, "v1")
    readme = (store.home / "bentos" / BENTO_NAME / "v1" / "README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    program = (
        snippet.replace("Put your text here.", "Alice met Bob") + "import sys\nassert 'service' not in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=store.home, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.findall(r"^(\d+ \d+ \w+) [01]\.\d+$", ran.stdout, re.MULTILINE) == ["0 5 person", "10 13 person"]


def test_a_label_is_no_markup_stays_within_its_cell_and_within_the_snippet(lineage):
    label = r'a\|b <i> "c" `d` *e* ![f](http://g)'
    score = Score(precision=0.5, recall=0.5, f1=0.5, per_label={label: 0.5}, support={label: 3})
    text = card(lineage("v1", scores={"new": score}, reason=f"{label} is worse."), "models/spanloop-model/v1")
    written = r'a\\\|b &lt;i&gt; "c" \`d\` \*e\* !\[f\](http://g)'
    assert f"| {written} | 3 | 0.500 |" in text
    assert f"{written} is worse." in text
    (labels,) = re.findall(r"^labels = (.*)$", text, re.MULTILINE)
    assert eval(labels) == [label]


def test_a_version_from_before_verdicts_is_better_or_held(lineage):
    assert "Verdict: better" in card(lineage("v1"), "models")
    assert "Verdict: held" in card(lineage("v1", better=False), "models")
