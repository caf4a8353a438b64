"""Label Studio's labeling configs: which controls mark spans of text, in what, and with which labels.

Anybody may write a config, so entity declarations and external references are refused, never resolved. Names of tags
and attributes count in any case, as in Label Studio's editor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, tostring
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from service.labelstudio import expressions
from service.labelstudio.controls import MAX_WORDING, Control, Repeat, Shown
from service.labelstudio.wordings import LabelTag, alike, wordings

CONTROLS = {"labels": "Labels", "hypertextlabels": "HyperTextLabels", "paragraphlabels": "ParagraphLabels"}
"""Tags that mark spans of text. In lower case each is the type of its regions, and the labels' key in their values."""

OBJECTS = {"text": "Text", "hypertext": "HyperText", "paragraphs": "Paragraphs"}
"""Tags that show text."""

ENCODINGS = ("", "none", "base64", "base64unicode")
INDEX_FLAG = "{{idx}}"
"""What a Repeater replaces by the number of the repetition, unless its `indexFlag` is another."""

MAX_CONFIG = 1_000_000
"""Characters of a config."""
MAX_ELEMENTS = 50_000
MAX_DEPTH = 100
"""Elements within one another."""
MAX_ATTRIBUTES = 100
"""Attributes of one element."""
MAX_CONTROLS = 500
"""Controls that mark spans."""
MAX_LABELS = 10_000
"""Labels of all these controls together."""
MAX_NESTED_REPEATERS = 4
MAX_NESTED_OWNERS = 4
"""Controls and HyperText within one another: each has all that stands in it."""
MAX_SHOWN = 5_000_000
"""Characters of what the controls mark and are repeated by, counted for each control."""
MAX_TOLD = 10
"""So many problems of a config are told."""

LONG_NAMESPACE = re.compile(
    r"""xmlns(?: :[^\s=]{201} | (?: :[^\s=]{0,200})? \s*+ = \s*+ (?: "[^"]{201} | '[^']{201} ))""", re.VERBOSE
)
"""The declaration of a namespace whose name is over 200 characters long: the XML parser would write it into the name of
each element."""

ADD = 'Add one, for example <Labels name="label" toName="text"><Label value="Person"/></Labels>.'


class LabelConfigError(ValueError):
    """A labeling config that cannot be used, with the reason and what to change."""


@lru_cache(maxsize=256)
def parse(config: str) -> tuple[Control, ...]:
    """The span-marking controls of a labeling config, in document order.

    Other controls are left alone. Raises LabelConfigError where the XML is malformed or dangerous, or where no control
    marks spans of a text that Spanloop reads.
    """
    found = _read(config)
    if not found.controls:
        wrong = found.problems or found.foreign or [_nothing_marks(found.others)]
        raise LabelConfigError(" ".join(wrong[:MAX_TOLD]))
    return tuple(found.controls)


@lru_cache(maxsize=256)
def notes(config: str) -> tuple[str, ...]:
    """What of a config that is served is not, and what a person should look at, in words for the status page."""
    read = _read(config)
    found = read.problems[:MAX_TOLD] if read.controls else []
    for control in read.controls:
        if not expressions.variables(control.shown.value):
            where = control.shown.where[:80]
            found.append(f"{_titled(control)} marks no field of a task, but {where}: is a $ missing?")
        if fields := [label for label, wording in control.labels if expressions.variables(wording)]:
            named = ", ".join(fields[:10])
            found.append(f"{_titled(control)} has labels that are fields of a task, and asks them as written: {named}.")
        if same := alike(control.labels):
            named = ", ".join(same[:10])
            found.append(f"{_titled(control)} has labels that read alike, which no model can tell apart: {named}.")
    return tuple(found)


@dataclass
class _Found:
    """What a config has that marks spans."""

    controls: list[Control] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Why a control of a text cannot be served, for each that cannot."""
    foreign: list[str] = field(default_factory=list)
    """What marks something else than text."""
    others: dict[str, None] = field(default_factory=dict)
    """The tags that mark no spans, in document order."""


class _Place(NamedTuple):
    """An element, and what it stands in."""

    element: Element
    around: tuple[Repeat, ...] = ()
    """The Repeaters around it, the outermost first."""
    owners: tuple[Element, ...] = ()
    """The controls and the HyperText around it, the outermost first."""
    depth: int = 1


@lru_cache(maxsize=16)
def _read(config: str) -> _Found:
    places, found = list(_walk(_root(config))), _Found()
    objects = {_attribute(place.element, "name"): place for place in places if _is_object(place.element)}
    tags, shown_as, characters = _tags(places), _ShownOnce(), 0
    for element, around, _, _ in places:
        if not _marks(element):
            if _attribute(element, "toName"):
                found.others[element.tag] = None
            continue
        shown = objects.get(_attribute(element, "toName"))
        if shown is None:
            to_name = _attribute(element, "toName")[:60]
            found.problems.append(f"In the label config {_title(element)} marks {to_name!r}, and no tag has that name.")
        elif _tag(shown.element) not in OBJECTS:
            reads = "Spanloop reads Text, HyperText and Paragraphs"
            found.foreign.append(f"In the label config {_title(element)} marks {shown.element.tag[:60]}: {reads}.")
        elif wrong := _wrong(element, shown, around, tags.get(element, [])):
            found.problems.append(wrong)
        else:
            own = [_checked(label) for label in tags.get(element, [])]
            control = _control(element, shown_as[shown.element], around, own)
            characters += len(control.shown.value) + sum(len(repeat.on) for repeat in around)
            _limit(characters, MAX_SHOWN, "characters in all that its controls mark")
            found.controls.append(control)
    return found


def _root(config: str) -> Element:
    if len(config) > MAX_CONFIG:
        raise LabelConfigError(f"The label config is over {MAX_CONFIG} characters long. Shorten it.")
    if LONG_NAMESPACE.search(config):
        raise LabelConfigError("The label config declares a namespace (xmlns) of over 200 characters. Remove it.")
    try:
        root: Element = fromstring(config, forbid_dtd=True)
    except DefusedXmlException as error:
        raise LabelConfigError("The label config declares entities or a document type; remove them.") from error
    except ParseError as error:
        raise LabelConfigError(f"The label config is not well-formed XML: {error}.") from error
    except ValueError as error:
        raise LabelConfigError(f"The label config could not be read: {error}.") from error
    return root


def _walk(root: Element) -> Iterator[_Place]:
    """All elements in document order. Raises LabelConfigError for more of anything than a config has."""
    waiting, walked, controls = [_Place(root)], 0, 0
    while waiting:
        place = waiting.pop()
        element, around, owners, depth = place
        walked, controls = walked + 1, controls + _marks(element)
        _limit(walked, MAX_ELEMENTS, "elements")
        _limit(controls, MAX_CONTROLS, "controls that mark spans")
        _limit(depth, MAX_DEPTH, "elements within one another")
        _limit(len(element.attrib), MAX_ATTRIBUTES, f"attributes in one {element.tag[:60]}")
        yield place
        if _tag(element) == "repeater":
            around = (*around, Repeat(_attribute(element, "on"), _attribute(element, "indexFlag") or INDEX_FLAG))
            _limit(len(around), MAX_NESTED_REPEATERS, "Repeaters within one another")
        elif _marks(element) or _tag(element) == "hypertext":
            owners = (*owners, element)
            _limit(len(owners), MAX_NESTED_OWNERS, "controls or HyperText within one another")
        waiting.extend(_Place(child, around, owners, depth + 1) for child in reversed(element))


def _limit(count: int, most: int, what: str) -> None:
    """Raises LabelConfigError for a count above the most."""
    if count > most:
        raise LabelConfigError(f"The label config has over {most} {what}. Use fewer.")


def _tag(element: Element) -> str:
    return element.tag.lower() if isinstance(element.tag, str) else ""


def _attribute(element: Element, name: str) -> str:
    """An attribute by its name in any case; empty where there is none."""
    found = element.get(name)
    if found is None:
        found = next((value for key, value in element.items() if key.lower() == name.lower()), "")
    return found


def _is_true(element: Element, name: str) -> bool:
    return _attribute(element, name).strip().lower() == "true"


def _is_object(element: Element) -> bool:
    """Whether a tag can be marked in: it has a name and marks nothing itself."""
    return bool(_attribute(element, "name")) and not _attribute(element, "toName")


def _marks(element: Element) -> bool:
    """Whether a tag marks spans of a text, be it one that is not served."""
    tag = _tag(element)
    return tag in CONTROLS or (tag == "taxonomy" and _is_true(element, "labeling"))


def _wrong(element: Element, place: _Place, around: tuple[Repeat, ...], tags: Sequence[LabelTag]) -> str:
    """Why a control in some Repeaters cannot be served; empty where it can. `place`: the text that it marks."""
    shown = place.element
    tag, kind, title = _tag(element), _tag(shown), _title(element)
    if tag == "taxonomy":
        return f"In the label config {title} marks spans with paths of labels, which Spanloop does not predict. {ADD}"
    if (kind == "paragraphs") != (tag == "paragraphlabels"):
        wanted = "ParagraphLabels" if kind == "paragraphs" else "Labels"
        return f"In the label config {title} cannot mark {OBJECTS[kind]} in Label Studio's editor: use {wanted}."
    if _attribute(element, "apiUrl"):
        return f"In the label config {title} loads its labels from apiUrl, which Spanloop does not: list them as Label."
    if _attribute(shown, "resolver"):
        return f"In the label config {_title(shown)} has a resolver, which Spanloop does not follow: use valueType=url."
    if _attribute(shown, "encoding") not in ENCODINGS:
        return f"In the label config {_title(shown)} has an encoding that Label Studio has not: use base64."
    if around != place.around:
        return f"In the label config {title} stands in other Repeaters than {_title(shown)}: put both into one."
    value = _attribute(element, "value")
    if value and [value] != expressions.variables(value):
        return f'In the label config {title} has value={value[:60]!r}: dynamic labels need a field, as value="$labels".'
    if not value and not tags:
        return f'In the label config {title} has no Label: add one, for example <Label value="Person"/>.'
    return _wrong_repeater(element, around)


def _wrong_repeater(element: Element, around: Sequence[Repeat]) -> str:
    """Why a control is in a Repeater that repeats nothing; empty where it is in none."""
    wrong = [repeat.on for repeat in around if not expressions.variables(repeat.on)]
    where = f"In the label config {_title(element)} is in a Repeater"
    return f'{where} with on={wrong[0][:60]!r}: it needs a field that has a list, as on="$turns".' if wrong else ""


def _nothing_marks(others: Mapping[str, None]) -> str:
    """What to say of a config in which no tag marks spans; `others` are those that mark something else."""
    named = ", ".join(tag[:60] for tag in list(others)[:MAX_TOLD])
    only = f" It has only {named}, and spans are marked by none of these." if others else ""
    return f"The label config has no Labels, HyperTextLabels or ParagraphLabels.{only} {ADD}"


def _title(element: Element) -> str:
    return f"{element.tag[:60]} {_attribute(element, 'name')[:60]!r}"


def _titled(control: Control) -> str:
    return f"{CONTROLS[control.kind]} {control.name[:60]!r}"


def _control(element: Element, shown: Shown, around: tuple[Repeat, ...], tags: Sequence[LabelTag]) -> Control:
    labels_value = _attribute(element, "value")
    return Control(
        name=_attribute(element, "name"),
        to_name=_attribute(element, "toName"),
        kind=_tag(element),
        shown=shown,
        labels=wordings(tags),
        tags=tuple(tags) if labels_value else (),
        labels_value=labels_value,
        repeats=around,
        is_multiple=_attribute(element, "choice") == "multiple",
    )


class _ShownOnce(dict[Element, Shown]):
    """What each object tag shows. However many controls mark it, it is read once."""

    def __missing__(self, element: Element) -> Shown:
        self[element] = shown = _shown(element)
        return shown


def _shown(element: Element) -> Shown:
    return Shown(
        tag=_tag(element),
        value=_content(element) or _attribute(element, "value"),
        is_url=_attribute(element, "valueType").strip().lower() == "url",
        encoding=_attribute(element, "encoding").removeprefix("none"),
        is_inline=_is_true(element, "inline"),
        name_key=_attribute(element, "nameKey") or "author",
        text_key=_attribute(element, "textKey") or "text",
        is_scrolled=_is_true(element, "contextScroll"),
    )


def _content(element: Element) -> str:
    """What stands within an object tag instead of in its value, as the editor takes it: text, for HyperText XML."""
    if len(element) and _tag(element) != "hypertext":
        return ""
    inside = [escape(element.text or ""), *(tostring(child, encoding="unicode") for child in element)]
    return "".join(inside).strip()


def _tags(places: Sequence[_Place]) -> dict[Element, list[LabelTag]]:
    """The Labels that show something, of each control that has any. Raises LabelConfigError for too many."""
    found: dict[Element, list[LabelTag]] = {}
    count = 0
    for element, _, owners, _ in places:
        if _tag(element) != "label" or not owners:
            continue
        label = LabelTag(*(_attribute(element, name) for name in ("value", "alias", "hint", "predicted_values")))
        if not label.is_blank:
            for owner in owners:
                found.setdefault(owner, []).append(label)
            count += len(owners)
            _limit(count, MAX_LABELS, "labels")
    return found


def _checked(label: LabelTag) -> LabelTag:
    if not label.is_short(MAX_WORDING):
        raise LabelConfigError(f"In the label config label {label.value[:60]!r} is over {MAX_WORDING} characters long.")
    return label
