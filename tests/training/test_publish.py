from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from service.extractor.loading import check
from service.model.calibration import Calibration
from service.model.model import Model
from service.model.reading import Reading
from service.model.spans import Span
from training import publish
from training.dataset import Document
from training.recipe import Recipe

ONE = Document("Alice met Bob", ("company", "person"), (Span(0, 5, "person", 1.0),), project=1, task=7, annotation=3)
TWO = Document("Acme", ("company", "person"), (Span(0, 4, "company", 1.0),), project=1, task=8, annotation=4)


def digest(*documents, base="base", recipe=None, reading=None, folds=0):
    return publish.digest(documents, base, recipe or Recipe(), reading or Reading(), folds)


def test_the_digest_does_not_depend_on_the_order_or_the_process():
    assert digest(ONE, TWO) == digest(TWO, ONE)
    assert digest(ONE, TWO) == digest(replace(ONE), replace(TWO))
    assert re.fullmatch("[0-9a-f]{64}", digest())


def test_the_digest_changes_with_any_annotation_the_base_and_the_recipe():
    moved = (Span(0, 6, "person", 1.0),)
    relabelled = (Span(0, 5, "company", 1.0),)
    variants = [
        digest(ONE, TWO),
        digest(ONE),
        digest(replace(ONE, spans=()), TWO),
        digest(replace(ONE, spans=moved), TWO),
        digest(replace(ONE, spans=relabelled), TWO),
        digest(replace(ONE, spans=ONE.spans + moved), TWO),
        digest(replace(ONE, text="Alice met Rob"), TWO),
        digest(replace(ONE, labels=("person",)), TWO),
        digest(replace(ONE, task=9), TWO),
        digest(ONE, TWO, base="other"),
        digest(ONE, TWO, reading=Reading(rungs={"Latin": "digits"})),
        digest(ONE, TWO, recipe=Recipe(seed=1)),
        digest(ONE, TWO, recipe=Recipe(steps=1)),
        digest(ONE, TWO, folds=5),
    ]
    assert len(set(variants)) == len(variants)


def test_an_annotation_saved_again_without_a_change_gives_the_same_digest():
    assert digest(replace(ONE, annotation=99), TWO) == digest(ONE, TWO)


def test_a_version_is_named_after_its_time_and_digest():
    started = datetime(2026, 11, 24, 2, 15, 30, tzinfo=UTC)
    assert publish.name(started, "abcdef0123") == "20261124-021530-abcdef"


def test_a_saved_model_finds_what_it_found_and_holds_no_pickle(shared_model, tmp_path):
    publish.save_model(shared_model, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]
    texts = ["Alice met Bob in New York", "the house"]
    again = Model.load(str(tmp_path)).extract(texts, ["person", "city"], 0.5)
    assert [e.spans for e in again] == [e.spans for e in shared_model.extract(texts, ["person", "city"], 0.5)]


def test_canaries_are_sure_texts_with_what_the_model_finds_in_them(shared_model):
    texts = ["the house", "Alice met Bob", "Paris", "Acme", "the river"]
    found = publish.canaries(shared_model, texts, ["person", "city"], 0.5)
    assert len(found) == publish.CANARIES_MAX
    assert found[0].text == "Alice met Bob"
    for canary in found:
        (extraction,) = shared_model.extract([canary.text], canary.labels, canary.threshold)
        assert extraction.certainty >= publish.CANARY_MARGIN
        assert [tuple(s[:3]) for s in extraction.spans] == [tuple(s) for s in canary.spans]


def test_canaries_of_a_calibrated_model_have_one_threshold_for_all_labels(shared_model):
    own = {"person": 0.1, "city": 0.2, "company": 0.3}
    model = shared_model.with_calibration(Calibration(offsets=dict.fromkeys(own, -2.0), thresholds=own))
    found = publish.canaries(model, ["Alice met Bob", "Paris"], sorted(own), None)
    assert [canary.threshold for canary in found] == [0.2, 0.2]
    assert [span[2] for span in found[0].spans] == ["person", "person"]
    check(model, found, "here")


def test_there_are_no_canaries_without_labels_or_certainty(shared_model):
    assert publish.canaries(shared_model, ["Alice"], [], 0.5) == ()
    assert publish.canaries(shared_model, [], ["person"], 0.5) == ()


def test_the_code_version_names_the_release_and_is_stable():
    from service import __version__

    assert publish.code_version() == publish.code_version()
    assert publish.code_version().startswith(f"{__version__}+")


def test_the_licence_of_a_base_model_is_the_one_that_its_card_names(tmp_path):
    card = tmp_path / "README.md"
    assert publish.licence_of(str(tmp_path)) == ""
    card.write_text("---\nlicense: apache-2.0\nlanguage: [en]\n---\n# A model\n")
    assert publish.licence_of(str(tmp_path)) == "apache-2.0"
    card.write_text("# A model without a licence\n")
    assert publish.licence_of(str(tmp_path)) == ""
    card.write_text("---\nlicense: [unclosed\n---\n")
    assert publish.licence_of(str(tmp_path)) == ""
    assert publish.licence_of("nobody/has-loaded-this") == ""
