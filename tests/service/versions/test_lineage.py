from __future__ import annotations

import json

import pytest

from service.versions import lineage as lineages
from service.versions.judgement import Decision, Judgement
from service.versions.lineage import FORMAT, Canary, FormatError


def test_a_lineage_comes_back_as_it_was_written(tmp_path, lineage):
    canary = Canary(text="Alice ☃", labels=("person",), threshold=0.5, spans=((0, 5, "person"),))
    verdict = Judgement(
        decision=Decision.REJECT,
        difference=-0.1,
        low=-0.2,
        high=-0.01,
        probability=0.01,
        needed=0.95,
        tries=1,
        texts=40,
        spans=60,
        deviation=0.03,
        causes=("labels confused",),
    )
    written = lineage(canaries=(canary,), verdict=verdict, left_out={"is longer than the model's 12 words": 3})
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


@pytest.mark.parametrize("older", range(1, FORMAT))
def test_versions_of_older_releases_are_read(tmp_path, lineage, older):
    lineages.write(tmp_path, lineage(format=older))
    assert lineages.read(tmp_path).format == older
