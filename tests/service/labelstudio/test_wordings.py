"""What the model is asked with for each label."""

from __future__ import annotations

import pytest

from service.labelstudio.wordings import LabelTag, alike, is_description, wordings


@pytest.mark.parametrize(
    ("label", "asked"),
    [
        ("AnatomicalStructure", "anatomical structure"),
        ("medical_procedure", "medical procedure"),
        ("HeadOfICU", "head OfICU"),
        ("Adverse event", "Adverse event"),
        ("Medication/Vaccine", "Medication/Vaccine"),
        ("PER", "PER"),
        ("iPhone", "iPhone"),
        ("_", "_"),
    ],
)
def test_a_label_of_run_together_words_is_asked_in_words(label, asked):
    assert dict(wordings([LabelTag(label)])) == {label: asked}


def test_predicted_values_go_before_a_hint_and_a_hint_before_the_value():
    labels = [
        LabelTag("PER", hint="name of a person", predicted_values="human, man"),
        LabelTag("ORG", hint="company or authority"),
        LabelTag("LOC", hint="  a   place\n here "),
        LabelTag("PRO", hint="Press p. Do not use for companies!"),
    ]
    assert dict(wordings(labels)) == {
        "PER": "human",
        "ORG": "company or authority",
        "LOC": "a place here",
        "PRO": "PRO",
    }


@pytest.mark.parametrize(
    "hint",
    [
        "person",
        "name of a person",
        "adverse effect of a drug",
        "drug, vaccine, or other medication",
        "person's given name",
        "Medikament oder Wirkstoff",
        "人名",
        "place where somebody lives or works today",
    ],
)
def test_a_short_description_is_asked(hint):
    assert is_description(hint)


@pytest.mark.parametrize(
    "hint",
    [
        "",
        "Press p. Do not use for companies!",
        "Press p",
        "press P to select",
        "Hotkey p",
        "Use for people",
        "Do not use for companies",
        "people, not companies",
        "Please mark whole names",
        "Mark the whole name",
        "Is it a person?",
        "a person.",
        "See guidelines",
        "see section 3",
        "hotkey: p",
        "person [p]",
        "person (p)",
        'a name such as "Ann"',
        "For companies see ORG",
        "Only if the text names them",
        "any human being that the text names, whether alive or dead or made up",
        "key p",
        "don’t mark titles",
        "人名をマークしてください。",
    ],
)
def test_a_tooltip_is_not_asked(hint):
    assert not is_description(hint)


def test_labels_that_would_be_asked_alike_are_asked_as_their_own_values():
    assert wordings([LabelTag("FirstName"), LabelTag("first_name")]) == (
        ("FirstName", "FirstName"),
        ("first_name", "first_name"),
    )
    assert dict(wordings([LabelTag("A", hint="thing"), LabelTag("B", hint="Thing"), LabelTag("C")])) == {
        "A": "A",
        "B": "B",
        "C": "C",
    }


def test_labels_whose_values_are_alike_too_are_asked_as_their_aliases():
    assert dict(wordings([LabelTag("Person", "author"), LabelTag("Person", "reader")])) == {
        "author": "author",
        "reader": "reader",
    }


def test_labels_that_stay_alike_are_found():
    assert alike(wordings([LabelTag("Person"), LabelTag("person"), LabelTag("city")])) == ["Person", "person"]


def test_of_two_labels_with_one_region_value_the_first_counts():
    assert wordings([LabelTag("A", hint="one"), LabelTag("A", hint="two")]) == (("A", "one"),)
