from __future__ import annotations

import pytest

from service.model import reading
from service.model.errors import ModelError
from service.model.facts import FactsError
from service.model.model import Model
from service.model.reading import Reading
from training.publish import save_model

CHOSEN = Reading(rungs={"Latin": "digits", "Han": "characters"}, window_words=96, overlap="nested")


def test_a_base_model_has_the_default_reading(tmp_path):
    assert reading.read(tmp_path) == Reading(rungs={}, window_words=None, overlap="flat")


def test_a_published_model_is_read_as_it_was_published(shared_model, tmp_path):
    published = Model(shared_model.gliner, CHOSEN)
    save_model(published, tmp_path)
    assert (tmp_path / "reading.json").exists()
    assert Model.load(str(tmp_path), "cpu").reading == CHOSEN


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"format": 2, "anything": 1}', "upgrade Spanloop"),
        ('{"format": 1, "rungs": {"Latin": "syllables"}}', "cannot be read"),
        ('{"format": 1, "window_words": 0}', "cannot be read"),
        ("{", "cannot be read"),
    ],
)
def test_a_reading_that_cannot_be_used_is_refused_with_the_reason(content, told, tmp_path):
    (tmp_path / "reading.json").write_text(content)
    with pytest.raises(FactsError, match=told):
        reading.read(tmp_path)
    with pytest.raises(ModelError, match=told):
        Model.load(str(tmp_path), "cpu")
