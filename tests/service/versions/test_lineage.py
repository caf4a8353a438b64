from __future__ import annotations

import json

import pytest

from service.model.calibration import Calibration
from service.model.reading import Reading
from service.versions import lineage as lineages
from service.versions.lineage import FORMAT, PLAIN_FORMAT, READING_FORMAT, Canary, FormatError, format_of


def test_a_lineage_comes_back_as_it_was_written(tmp_path, lineage):
    canary = Canary(text="Alice ☃", labels=("person",), threshold=0.5, spans=((0, 5, "person"),))
    written = lineage(canaries=(canary,), left_out={"is longer than the model's 12 words": 3})
    lineages.write(tmp_path, written)
    assert lineages.read(tmp_path) == written


def test_a_newer_format_is_refused_with_what_to_do(tmp_path):
    (tmp_path / lineages.FILE).write_text(json.dumps({"format": FORMAT + 1, "everything": "else is different"}))
    with pytest.raises(FormatError, match=f"format {FORMAT + 1}.*upgrade Spanloop"):
        lineages.read(tmp_path)


def test_fields_of_a_later_release_of_this_format_are_passed_over(tmp_path, lineage):
    lineages.write(tmp_path, lineage())
    content = json.loads((tmp_path / lineages.FILE).read_text())
    (tmp_path / lineages.FILE).write_text(json.dumps({**content, "novelty": 1}))
    assert lineages.read(tmp_path) == lineage()


@pytest.mark.parametrize(
    "reading", [Reading(rungs={"Latin": "digits"}), Reading(window_words=96), Reading(overlap="nested")]
)
def test_a_version_that_an_older_release_would_serve_otherwise_has_a_format_that_it_refuses(tmp_path, lineage, reading):
    lineages.write(tmp_path, lineage(format=format_of(reading, Calibration())))
    assert json.loads((tmp_path / lineages.FILE).read_text())["format"] == 2
    assert lineages.read(tmp_path).format == READING_FORMAT


@pytest.mark.parametrize("reading", [Reading(), Reading(overlap="nested")])
@pytest.mark.parametrize(
    "calibration", [Calibration(offsets={"person": -1.0}), Calibration(thresholds={"person": 0.3})]
)
def test_a_version_with_a_calibration_has_a_format_that_releases_before_calibrations_refuse(reading, calibration):
    assert format_of(reading, calibration) == FORMAT == 3


def test_a_version_with_the_reading_of_older_releases_has_a_format_that_they_serve():
    plain = [format_of(reading, Calibration()) for reading in (Reading(), Reading(rungs={"Latin": "words"}))]
    assert plain == [PLAIN_FORMAT] * 2 == [1, 1]
