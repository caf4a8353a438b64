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
        ("ÄrzteHaus", "ärzte haus"),
        ("ПерсонаИмя", "персона имя"),
        ("Cafe\u0301", "Café"),
        ("Per\u00adson", "Person"),
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
        "non-human animals",
        "drug use",
        "pulse or heart rate",
        "taste and smell",
        "marque de voiture",
        "人",
        "a medicine or vaccine",
        "Name einer Person",
        "Krankheit oder Symptom",
        "blood pressure",
        "tumor marker",
        "presión arterial",
        "Blutdruck",
        "marca o modelo de coche",
        "maladie à virus",
        "болезнь и симптом",
        "выделения из носа",
        "lek i szczepionka",
        "비만",
        "ウイスキー",
        "疾病或症状",
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
        "人名をマークしてください",
        "不要用于公司",
        "회사에는 사용하지 마세요",
        "Bitte nur Personen markieren",
        "Drücken Sie p",
        "Ne pas utiliser pour les entreprises",
        "No usar para empresas",
        "Non usare per le aziende",
        "Não usar para empresas",
        "нажмите p",
        "Ctrl+P",
        "Alt-P",
        "p",
        "-",
        "TODO",
        "Taste P",
        "нажми п",
        "Naciśnij p",
        "Kurztaste P",
        "a",
        "must be a person",
        "full span incl title",
        "companies excluded",
        "persons incl titles",
        "drugs eg aspirin",
        "select with mouse",
        "first and last name together",
        "Nur volle Namen",
        "volle Namen markieren",
        "Namen einschließlich Titel",
        "muss eine Person sein",
        "mots complets uniquement",
        "doit être une personne",
        "debe ser una persona",
        "nombres completos",
        "solo nomi interi",
        "nomes inteiros",
        "должно быть имя",
        "полные имена",
        "имена, исключая титулы",
        "只标注人名",
        "僅人名",
        "标注人名",
        "人名のみ",
        "敬称を除く",
        "会社名を選択",
        "회사 제외",
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


@pytest.mark.parametrize("other", ["Cafe\u0301", "Caf\u00ade\u0301", "Café ", "Café\u200b", "\u3000CAFÉ"])
def test_labels_that_differ_in_what_nobody_sees_are_found(other):
    assert alike(wordings([LabelTag("Café"), LabelTag(other), LabelTag("bar")])) == ["Café", other]


def test_of_two_labels_with_one_region_value_the_first_counts():
    assert wordings([LabelTag("A", hint="one"), LabelTag("A", hint="two")]) == (("A", "one"),)
