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


def test_replayed_texts_are_labelled_by_the_model_itself_with_labels_drawn_by_the_seed(shared_model):
    texts = [
        "Alice met Bob in New York",
        "Acme and Paris",
        "Carol of Globex in Oslo",
        "Bob at Acme in Paris",
        "the house",
    ]
    labels = ["person", "city", "company", "zoo", "river"]
    found = replay.label(shared_model, texts, labels, 0.5, seed=1)
    assert [document.text for document in found] == texts
    for document in found:
        assert set(document.labels) <= {"person", "city", "company"}, "the model is asked only for labels that it knows"
        assert document.spans == shared_model.extract([document.text], document.labels, 0.5)[0].spans
    assert replay.label(shared_model, texts, labels, 0.5, seed=1) == found
