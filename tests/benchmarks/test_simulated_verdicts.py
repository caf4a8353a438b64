"""The simulation of runs by which the judge is measured, and what annotators do wrong in it."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from typer.testing import CliRunner

import benchmarks.verdicts as simulation
from benchmarks.harms import HARMS
from benchmarks.verdicts import Judge, change, gaining, life, neutral
from service.model.spans import Span
from tests.support.sheets import gold, knowing, sheet
from training.dataset import Document

TEXTS = gold(300)
PAIR = sheet(TEXTS, base=knowing(TEXTS, 0.3, 9), champion=knowing(TEXTS, 0.6), new=knowing(TEXTS, 0.6, 2))


def documents():
    text = "the old drug cures the disease"
    spans = (Span(8, 12, "Drug", 1.0), Span(23, 30, "Disease", 1.0))
    return [
        Document(text, ("Disease", "Drug", "Organ"), spans),
        Document(text, ("Disease", "Drug", "Organ"), spans[:1]),
    ]


@pytest.mark.parametrize("harm", HARMS)
def test_each_harm_spoils_the_annotations_and_leaves_the_texts(harm):
    spoilt = HARMS[harm](documents(), Random(0))
    assert [one.text for one in spoilt] == [one.text for one in documents()]
    assert all(one.spans != before.spans for one, before in zip(spoilt, documents(), strict=True))
    if harm in ("shuffled", "swapped"):
        assert [s[:2] for s in spoilt[0].spans] == [s[:2] for s in documents()[0].spans]


def test_neutral_runs_are_better_as_often_as_worse():
    random = Random(0)
    changes = [change(neutral(PAIR, random, 100)) for _ in range(300)]
    assert 0.4 < sum(one > 0 for one in changes) / 300 < 0.6
    assert abs(sum(changes) / 300) < 0.01


def test_a_gain_is_as_large_as_it_is_said_to_be():
    random, draw = Random(0), gaining(PAIR, 0.1)
    changes = [change(draw(random, 100)) for _ in range(200)]
    assert sum(changes) / 200 == pytest.approx(0.1, abs=0.015)


def test_a_life_has_one_live_version():
    tried = list(life(PAIR, Random(0), 40))
    assert len({one.answers["champion"] for one in tried}) == 1
    assert len({one.answers["new"] for one in tried}) == len(tried) == simulation.TRIES


def test_the_judge_of_the_simulation_knows_what_was_annotated_before_it_was_deleted():
    left = [tuple(span for span in spans if span[2] != "Organ") for spans in TEXTS]
    deleted = sheet(left, base=PAIR.answers["base"], champion=PAIR.answers["champion"], new=knowing(left, 0.6))
    assert Judge([PAIR])(deleted).decision == "REJECT"


def test_the_tables_are_written_between_the_markers(tmp_path, monkeypatch):
    (tmp_path / "again-0.json").write_bytes(msgspec.json.encode(PAIR))
    document = tmp_path / "judging.md"
    document.write_text(f"before\n{simulation.BEGIN}\nold\n{simulation.END}\nafter\n")
    monkeypatch.setattr(simulation, "DOCUMENT", document)
    monkeypatch.setattr(simulation, "SIZES", (40,))
    program = simulation.typer.Typer()
    program.command()(simulation.main)
    done = CliRunner().invoke(program, ["--stored", str(tmp_path), "--runs", "10", "--lives", "2"])
    assert done.exit_code == 0, done.output
    written = document.read_text()
    assert written.startswith("before\n")
    assert written.endswith(f"{simulation.END}\nafter\n")
    assert "old" not in written
    assert "| neutral | 0 | 40 | 5 |" in written
