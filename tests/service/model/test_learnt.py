"""A version answers the labels that it has learnt; its base model answers all others as it did before."""

from __future__ import annotations

import json

import pytest
import torch

from service.model.errors import ModelError
from service.model.learnt import BASE_WEIGHTS, FILE, Learnt
from service.model.model import Model
from training import publish

TEXT = "the old house in Paris where Alice Moreau of Tyrell Corp lives, and Bob"
LABELS = ("city", "company", "person")


def changed(base):
    """A model whose weights differ from the base model's, and which has learnt what a person is."""
    model = base.twin()
    with torch.no_grad():
        torch.manual_seed(1)
        for parameter in model.gliner.model.parameters():
            parameter.add_(parameter.std() * 0.6 * torch.randn_like(parameter))
    return model


def found(model, *labels):
    (candidates,) = model.candidates([(TEXT, labels or LABELS)], 0.02, keeps_overlaps=True)
    return {span[:3]: span.score for span in candidates}


def of(answers, *labels):
    return {span: score for span, score in answers.items() if span[2] in labels}


@pytest.fixture
def tuned(shared_model):
    return changed(shared_model)


@pytest.fixture
def version(shared_model, tuned):
    return tuned.with_base(shared_model.gliner, Learnt(labels=("person",)))


def test_each_label_is_answered_by_the_network_that_knows_it(shared_model, tuned, version):
    before, after = found(shared_model), found(tuned)
    assert of(before, "person") != pytest.approx(of(after, "person"))
    assert of(before, "city", "company") != pytest.approx(of(after, "city", "company"))
    expected = of(after, "person") | of(before, "city", "company")
    assert found(version) == pytest.approx(expected, abs=1e-5)


def test_labels_that_were_not_learnt_are_answered_exactly_as_by_the_base_model(shared_model, version):
    assert found(version, "city", "company") == found(shared_model, "city", "company")
    texts = [TEXT, "Bob", ""]
    asked = ("city", "company")
    assert version.extract(texts, asked, None) == shared_model.extract(texts, asked, None)


def test_a_span_of_one_network_does_not_hide_a_lesser_one_that_the_other_answers(shared_model, tuned):
    """The base model is sure that Paris is a city; the tuned network may say that it is something that it learnt."""
    version = tuned.with_base(shared_model.gliner, Learnt(labels=("city",)))
    assert all(window.keeps_overlaps for window in version.prepare(TEXT, LABELS, 0.02))
    assert not any(window.keeps_overlaps for window in version.prepare(TEXT, ("city",), 0.02))


def test_a_kept_version_answers_as_it_did(tmp_path, version):
    publish.save_model(version, tmp_path)
    loaded = Model.load(str(tmp_path))
    assert found(loaded) == pytest.approx(found(version), abs=1e-6)
    loaded.use("auto")
    assert found(loaded) == pytest.approx(found(version), abs=0.02)


def test_tuning_a_twin_leaves_the_model_as_it_is(shared_model):
    before = found(shared_model)
    changed(shared_model)
    assert found(shared_model) == before


@pytest.mark.parametrize("content", [None, b"", b"cut off"])
def test_weights_of_a_base_model_that_cannot_be_read_are_named(tmp_path, version, content):
    publish.save_model(version, tmp_path)
    (tmp_path / BASE_WEIGHTS).unlink() if content is None else (tmp_path / BASE_WEIGHTS).write_bytes(content)
    with pytest.raises(ModelError, match=f"{BASE_WEIGHTS}.*Publish or pull the version again"):
        Model.load(str(tmp_path))


def test_a_newer_format_is_refused(tmp_path, version):
    publish.save_model(version, tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps({**content, "format": content["format"] + 1}))
    with pytest.raises(ModelError, match="upgrade Spanloop"):
        Model.load(str(tmp_path))


def test_the_same_labels_make_the_same_file(tmp_path, version):
    publish.save_model(version, tmp_path / "one")
    publish.save_model(Model.load(str(tmp_path / "one")), tmp_path / "two")
    for name in (FILE, BASE_WEIGHTS):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
