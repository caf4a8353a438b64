"""The scripts of words, by their Unicode names, and which of them put no blanks between words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import regex

HAN = "Han"
COMMON = "Common"
"""The script of words without letters, such as numbers."""

# fmt: off
SPACED = (
    "Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Hangul", "Devanagari", "Bengali", "Gurmukhi", "Gujarati",
    "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Armenian", "Georgian", "Ethiopic", "Cherokee",
    "Mongolian", "Syriac", "Thaana", "Nko", "Tifinagh", "Canadian_Aboriginal", "Coptic", "Vai", "Adlam", "Meetei_Mayek",
    "Ol_Chiki", "Tagalog", "Sundanese", "Osage", "Deseret", "Gothic", "Runic", "Ogham", "Samaritan", "Mandaic",
    "Chakma", "Limbu", "Lepcha", "Saurashtra", "Syloti_Nagri", "Hanifi_Rohingya", "Warang_Citi", "Mende_Kikakui",
    "Medefaidrin",
)
"""Scripts that put blanks between words. Words of a script that has no name here are named Unknown."""

BLANKLESS = {
    HAN: ("Han", "Hiragana", "Katakana", "Bopomofo"),
    "Thai": ("Thai",), "Lao": ("Lao",), "Khmer": ("Khmer",), "Myanmar": ("Myanmar",), "Tibetan": ("Tibetan",),
    "Tai_Le": ("Tai_Le",), "New_Tai_Lue": ("New_Tai_Lue",), "Tai_Tham": ("Tai_Tham",), "Tai_Viet": ("Tai_Viet",),
    "Ahom": ("Ahom",), "Javanese": ("Javanese",), "Balinese": ("Balinese",), "Yi": ("Yi",), "Tangut": ("Tangut",),
    "Nushu": ("Nushu",),
}
"""Scripts that put no blanks between words (UAX #14, classes ID, SA and AK), by the name under which they are cut.

Japanese writes one word in Han and Kana, so these have one name.
"""
# fmt: on


def _group(name: str, scripts: Sequence[str], field: str) -> str:
    """A named group that matches one character of the scripts."""
    properties = "".join(rf"\p{{{field}={script}}}" for script in scripts)
    return f"(?P<{name}>[{properties}])"


_BLANKLESS = regex.compile("|".join(_group(name, scripts, "scx") for name, scripts in BLANKLESS.items()))
_SPACED = regex.compile("|".join(_group(name, [name], "script") for name in SPACED))
_SHARED = regex.compile(r"[\p{script=Common}\p{script=Inherited}]")


KEPT_CHARACTERS = 32
"""Longer words are not remembered: they would fill the memory, and hardly come again."""


@lru_cache(maxsize=1 << 16)
def blankless(character: str) -> str:
    """The name of the blankless script of a letter or digit; empty for every other one."""
    match = _BLANKLESS.match(character) if character > "\u0dff" else None
    return str(match.lastgroup) if match else ""


def script_of(word: str) -> str:
    """The script of the first letter of a word; Common for a word without letters."""
    return _script_of(word) if len(word) <= KEPT_CHARACTERS else _script_of.__wrapped__(word)


@lru_cache(maxsize=1 << 16)
def _script_of(word: str) -> str:
    for character in word:
        if not _SHARED.match(character):
            match = _SPACED.match(character)
            return str(match.lastgroup) if match else blankless(character) or "Unknown"
    return blankless(word[0]) or COMMON if word else COMMON
