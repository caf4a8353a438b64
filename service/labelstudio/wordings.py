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

from service.model.graphemes import BLANKS, as_typed, is_blank

RUN_TOGETHER = regex.compile(r"(?<=\p{Ll}{2})(?=\p{Lu}\p{Ll})")
"""Where a capital begins a word inside a label."""

HINT_WORDS_MAX = 8
"""Words of a hint that is a description, at most."""
HINT_CHARACTERS_MAX = 300
"""Eight words have no more characters."""
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
    annotate annotator annotators cannot can't cf click ctrl dont don't eg entire etc except excl exkl full guideline
    guidelines highlight hotkey ie if incl inkl key mark marked marking must nb never not only ought please press
    pressing required select selected selecting shall shortcut should todo together tooltip unless whole you
    anklicken bitte bzw darf drück drücke drücken drückt dürfen ganze ganzem ganzen ganzer ganzes kein keine keinen
    klicke klicken markiere markieren muss müssen nicht nur siehe soll sollen sollte usw voll volle vollem vollen voller
    volles vollständig wähle wählen zb
    appuie appuyer appuyez choisir choisissez cliquer cliquez complet complets complète complètes compris devrait doit
    doivent entier entiers entière entières hors marquer marquez ne pas sauf seulement touche uniquement utilisez
    veuillez
    completa completas completo completos debe deben debería elegir elija entera enteras entero enteros excepto haga
    marcar no nunca presiona presionar presione pulsa pulsar salvo solamente solo sólo tecla utilice únicamente
    clicca cliccare complete completi deve devono dovrebbe intera intere interi intero non prema premere premi scegli
    soltanto tasto tranne usare
    apenas aperte clique devem escolha exceto inteira inteiras inteiro inteiros não pressionar pressione somente só
    весь выберите выбрать выдели выделите выделить выделять клавиша кроме лишь надо не нужно следует только целиком
"""
INSTRUCTING = frozenset(ANY_WORDS.split())
"""Words of hints that tell annotators what to do, what to mark whole, or what not to mark: in English, German, French,
Spanish, Italian, Portuguese and Russian; and abbreviations, which hints use for exceptions and examples."""
BEGINNINGS = """
    annot ausschl ausgeschl auswähl einschl markier esclu evidenzi exclu excluy ignor includ inclui inclus incluy resalt
    seleccion selecion selezion surlign sélectionn vollständig включ долж исключ нажат нажим нажми отмет отмеч полн
"""
STEMS = tuple(BEGINNINGS.split())
"""Beginnings of such words."""
SHORT_WORDS = frozenset("aeiouyàáówzавиікосу")
"""Words of one letter: articles, prepositions and conjunctions of European languages. None of them ends a description.
Any other letter by itself is the name of a key."""
CASED_LETTER = regex.compile(r"[\p{Lu}\p{Ll}]\p{M}*")
KEYS = re.compile(r"\b(alt|cmd|ctrl|shift)-", re.IGNORECASE)
"""Keys that are pressed with another, as in "Alt-P"."""
ANY_PARTS = re.compile(
    "请|請|不要|勿|按|点击|點擊|只|仅|僅|标注|標註|标记|標記|选择|選擇|选中|选取|排除|除外|包括|包含|不含|必须|必須|应该|應該|完整|整个|整個|全部"
    "|ください|下さい|しない|押す|押して|選択|選んで|除く|除いて|含む|含め|含ま|のみ|だけ|マーク|クリック|全体"
    "|하세요|마세요|십시오|누르|선택|제외|포함|반드시|해야|전체|오직|표시"
)
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
        return is_blank(self.value)

    def is_short(self, characters: int) -> bool:
        """Whether what the label may be asked with, and its name in regions, are at most so long."""
        return max(len(self.value), len(self.alias), len(self.predicted_values.split(",")[0])) <= characters


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

    That is: at most HINT_WORDS_MAX words and HINT_CHARACTERS_MAX characters, with letters that name something; no digit
    and none of the marks that end a sentence or set off keys and examples; no word of instruction, neither as its first
    word nor, of the clearest ones, anywhere; no letter by itself that is no word. In doubt a hint is none: then the
    label's value is asked.
    """
    if len(hint) > HINT_CHARACTERS_MAX:
        return False
    words = [word.strip(",").casefold().replace("’", "'") for word in hint.split()]
    if len(words) > HINT_WORDS_MAX or not NAMING.search(hint) or any(pattern.search(hint) for pattern in PATTERNS):
        return False
    if words[0] in INSTRUCTING_FIRST or not INSTRUCTING.isdisjoint(words) or _names_a_key(words):
        return False
    return not any(word.startswith(STEMS) for word in words)


def _names_a_key(words: Sequence[str]) -> bool:
    letters = [bool(CASED_LETTER.fullmatch(word)) for word in words]
    is_key = [alone and word not in SHORT_WORDS for word, alone in zip(words, letters, strict=True)]
    return any(is_key) or (letters[-1] and len(words) > 1)


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
    folded = [_folded(words) for _, words in asked]
    counted = Counter(folded)
    return [label for (label, _), words in zip(asked, folded, strict=True) if counted[words] > 1]


def _folded(words: str) -> str:
    return " ".join(BLANKS.sub("", word) for word in as_typed(words.casefold()).split())
