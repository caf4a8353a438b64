from __future__ import annotations

from training import replay


def test_the_sentences_for_training_and_for_the_guard_are_many_and_disjoint():
    train, guard = replay.sentences("train"), replay.sentences("guard")
    assert len(train) >= 200
    assert len(guard) >= 20
    assert not set(train) & set(guard)
    assert len(set(train)) == len(train)


def test_the_labels_are_many_and_each_is_there_once():
    labels = replay.broad_labels()
    assert len(labels) >= 20
    assert len(set(labels)) == len(labels)


def test_each_text_is_replayed_with_other_labels_each_time_and_the_same_seed_draws_the_same():
    texts, labels = ["Alice met Bob in New York", "Acme and Paris"], [f"label {number}" for number in range(60)]
    found = replay.questions(texts, labels, 100, seed=1)
    assert sorted(document.text for document in found) == sorted(texts * replay.DRAWS)
    assert len({document.labels for document in found}) == len(found)
    for document in found:
        assert set(document.labels) <= set(labels)
        assert not document.spans
    assert replay.questions(texts, labels, 100, seed=1) == found
    assert replay.questions(texts, labels, 100, seed=2) != found


def test_no_more_texts_are_replayed_than_a_tuning_takes_and_none_comes_again_before_all_others():
    texts = [f"text {number}" for number in range(50)]
    found = replay.questions(texts, ["a", "b", "c"], 70, seed=1)
    assert len(found) == 70
    assert {document.text for document in found[:50]} == set(texts)


def test_some_texts_are_replayed_with_many_labels_and_none_with_more_than_there_are():
    texts, labels = [f"text {number}" for number in range(200)], [f"label {number}" for number in range(60)]
    numbers = {len(document.labels) for document in replay.questions(texts, labels, 200, seed=1)}
    assert {2, replay.LABELS_MAX, replay.LABELS_MANY} <= numbers
    assert {len(document.labels) for document in replay.questions(texts, ["a", "b"], 200, seed=1)} == {2}


def test_labels_that_a_base_model_was_trained_with_are_replayed_too(tmp_path):
    assert replay.base_labels(str(tmp_path)) == sorted(replay.broad_labels())
    (tmp_path / replay.OWN_LABELS).write_text("stellar object\n\nperson\n", encoding="utf-8")
    assert replay.base_labels(str(tmp_path)) == sorted({*replay.broad_labels(), "stellar object"})
    assert replay.base_labels("some/model-of-the-hub") == sorted(replay.broad_labels())
