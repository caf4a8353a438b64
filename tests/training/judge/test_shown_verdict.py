"""What the backend reads of a verdict that a run has written."""

from __future__ import annotations

import json

import pytest

from service.versions import verdict as shown
from service.versions.verdict import BASE, CHAMPION, NEW
from tests.support.reported import LIVE, judged, sources

OWN = "20260301-101500-abcdef"


def test_a_verdict_is_read_as_the_judge_has_written_it():
    written = sources(judged()).verdict
    read = shown.read(written.json().encode())
    assert (read.decision, read.texts, read.spans) == (written.decision, written.texts, written.spans)
    assert read.models(OWN) == {OWN: NEW, LIVE: CHAMPION, "tiny-123456": BASE}
    for model in (NEW, CHAMPION, BASE):
        assert read.scores[model].micro.strict.f1 == written.scores[model].micro.strict.f1
        assert 0 < read.margins[model] < 0.2
    assert (read.gain.value, read.gain.low, read.gain.high) == (written.gain.value, written.gain.low, written.gain.high)
    assert read.flips == written.flips
    assert set(read.flips) == {"Disease", "Drug", "Organ"}


def test_a_held_version_has_its_causes_in_words():
    written = sources(judged(live=0.8, new=0.5)).verdict
    first = shown.read(written.json().encode()).causes[0]
    assert (first.reason, first.suggestion) == (written.causes[0].reason, written.causes[0].suggestion)


def test_a_verdict_of_an_older_release_has_no_margins_and_no_flips():
    older = json.loads(sources(judged()).verdict.json())
    del older["margins"], older["flips"]
    read = shown.read(json.dumps(older).encode())
    assert (read.margins, read.flips) == ({}, None)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"decision": "MAYBE"}'])
def test_what_is_no_verdict_is_refused(content):
    with pytest.raises(ValueError, match="cannot be read"):
        shown.read(content)
