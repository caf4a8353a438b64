"""What the demonstration ends with."""

from __future__ import annotations

import pytest

from examples.demo.ending import ending
from service.versions import lineage as lineages
from service.versions.store import BentoStore, UnknownVersion
from tests.support.reported import judged, sources

REPORT = "<!doctype html><title>the report of v1</title>"


def test_it_ends_with_the_verdict_its_interval_and_a_copy_of_the_report(tmp_path, publish):
    verdict = sources(judged()).lineage.verdict
    publish(BentoStore(tmp_path / "home"), "v1", report=True, verdict=verdict)
    (BentoStore(tmp_path / "home").fetch("v1") / lineages.REPORT_FILE).write_text(REPORT)
    told, where = ending(tmp_path / "home", "v1", tmp_path)
    assert f"PROMOTE: F1 {verdict.difference:+.3f}" in told
    assert f"{verdict.low:+.3f} to {verdict.high:+.3f}, on 120 texts" in told
    file = tmp_path / "demo-report.html"
    assert str(file) in where
    assert file.read_text() == REPORT


def test_a_version_without_a_report_ends_it_with_an_error(tmp_path, publish):
    publish(BentoStore(tmp_path / "home"), "v1")
    with pytest.raises(UnknownVersion, match=r"Version v1 has no report\.html"):
        ending(tmp_path / "home", "v1", tmp_path)
    assert not (tmp_path / "demo-report.html").exists()
