"""What the model is asked with for each label of a control.

A label is asked as the first of its `predicted_values`, else as its `hint` where that reads as a description, else as
its value in words. A hint is a tooltip of Label Studio's editor, and many tell annotators what to do: asked with
"Press p. Do not use for companies!" a model finds nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import regex

from service.model.graphemes import as_typed, is_blank

RUN_TOGETHER = regex.compile(r"(?<=\p{Ll}{2})(?=\p{Lu}\p{Ll})")
"""Where a capital begins a word inside a label."""

HINT_WORDS_MAX = 8
"""Words of a hint that is a description, at most."""
SENTENCE = re.compile(r"[.!?;:…。！？；：\[\]{}<>()\"“”„«»=/\\|*#@+]|\d")
"""Marks that no description has: they end sentences, set off keys, or begin examples."""
NAMING = regex.compile(r"\p{L}[\p{L}\p{M}]|[^\P{L}a-zA-Z]")
"""Two letters in a row, or one letter that is a word by itself, as in Chinese. The name of a key is one letter."""
FIRST_WORDS = """
    add all always annotate apply ask assign avoid check choose click consider copy do don't dont double drag each
    every find for here highlight hit hold if ignore include insert keep label leave look mark never no note only pick
    please press read refer remember see select shift skip start tag tap these this try type unless use used when
    whenever you your
"""
INSTRUCTING_FIRST = frozenset(FIRST_WORDS.split())
"""First words of hints that tell annotators what to do."""
ANY_WORDS = """
    annotate annotator annotators click ctrl don't dont except excluding guideline guidelines hotkey key never not
    please press shortcut should todo tooltip you
    anklicken bitte drücke drücken kein keine keinen klicke klicken markiere markieren nicht nur siehe
    appuyer appuyez cliquer cliquez marquer marquez ne pas sélectionnez seulement touche utilisez veuillez
    haga marcar no nunca presione pulsar seleccione solamente tecla utilice
    clicca cliccare evidenzia non premere premi seleziona tasto usare
    aperte clique não pressione selecione somente
    выделите нажать нажмите не отметьте отмечать только
"""
INSTRUCTING = frozenset(ANY_WORDS.split())
"""Words of hints that tell annotators what to do, or what not to mark: in English, German, French, Spanish, Italian,
Portuguese and Russian."""
KEYS = re.compile(r"\b(alt|cmd|ctrl|shift)-", re.IGNORECASE)
"""Keys that are pressed with another, as in "Alt-P"."""
ANY_PARTS = re.compile("请|請|不要|勿|按|点击|點擊|ください|下さい|しない|押す|押して|하세요|마세요|십시오|누르")
"""The same in Chinese, Japanese and Korean, where they are parts of words."""
PATTERNS = (SENTENCE, KEYS, ANY_PARTS)
"""A description contains none of these."""


class LabelTag(NamedTuple):
    """The attributes of a Label that decide how it is asked; empty ones are not set."""

    value: str
    alias: str = ""
    hint: str = ""
    predicted_values: str = ""

    @property
    def region_value(self) -> str:
        """What stands for the label in a region."""
        return self.alias or self.value

    @property
    def is_blank(self) -> bool:
        """Whether the label shows nothing, so that no model can be asked for it."""
        return all(map(is_blank, self.value))

    def is_short(self, characters: int) -> bool:
        """Whether what the label may be asked with is at most so long."""
        return max(len(self.value), len(self.predicted_values.split(",")[0])) <= characters


def in_words(label: str) -> str:
    """A label as one would say it: "AnatomicalStructure" and "anatomical_structure" are "anatomical structure".

    A tokenizer cuts run-together words in the wrong places, and a model has hardly seen them in its training.
    """
    words = label.replace("_", " ").split()
    parts = [part for word in words for part in RUN_TOGETHER.split(word)]
    if len(parts) == len(words):
        return " ".join(words)
    return " ".join(part.lower() if part[1:].islower() else part for part in parts)


def is_description(hint: str) -> bool:
    """Whether a hint reads as a description of what the label is for.

    That is: at most HINT_WORDS_MAX words, with letters that name something; no digit and none of the marks that end a
    sentence or set off keys and examples; no word of instruction, neither as its first word nor, of the clearest ones,
    anywhere.
    """
    words = [word.strip(",").casefold().replace("’", "'") for word in hint.split()]
    if len(words) > HINT_WORDS_MAX or not NAMING.search(hint) or any(pattern.search(hint) for pattern in PATTERNS):
        return False
    return words[0] not in INSTRUCTING_FIRST and INSTRUCTING.isdisjoint(words)


def wording(label: LabelTag) -> str:
    """What one label is asked with, were it alone."""
    predicted = " ".join(label.predicted_values.split(",")[0].split())
    hint = " ".join(label.hint.split())
    asked = predicted or (hint if is_description(hint) else "") or in_words(label.value)
    return as_typed(asked) or label.value


def wordings(labels: Sequence[LabelTag]) -> tuple[tuple[str, str], ...]:
    """The region value of each label with its wording; of two labels with one region value the first.

    Labels that would be asked alike are asked as their own values, and where those are alike too, as their aliases.
    """
    unique = {label.region_value: label for label in reversed(labels)}
    asked = {name: wording(unique[name]) for name in dict.fromkeys(label.region_value for label in labels)}
    for name in alike(tuple(asked.items())):
        asked[name] = unique[name].value
    for name in alike(tuple(asked.items())):
        asked[name] = name
    return tuple(asked.items())


def alike(asked: Sequence[tuple[str, str]]) -> list[str]:
    """The labels whose wordings differ in nothing but capitals, blanks and what nobody sees from another label's."""
    counted = Counter(_folded(words) for _, words in asked)
    return [label for label, words in asked if counted[_folded(words)] > 1]


def _folded(words: str) -> str:
    typed = " ".join(as_typed(words.casefold()).split())
    return "".join(character for character in typed if character == " " or not is_blank(character))
