"""Label Studio's labeling configs: which controls mark spans of text, in what, and with which labels.

Anybody may write a config, so entity declarations and external references are refused, never resolved. Names of tags
and attributes count in any case, as in Label Studio's editor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
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
MAX_NESTED_REPEATERS = 4

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
        raise LabelConfigError(" ".join(found.problems or found.foreign or [_nothing_marks(_root(config))]))
    return tuple(found.controls)


@lru_cache(maxsize=256)
def notes(config: str) -> tuple[str, ...]:
    """What of a config that is served is not, and what a person should look at, in words for the status page."""
    read = _read(config)
    found = [*read.problems] if read.controls else []
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


def _read(config: str) -> _Found:
    root, found = _root(config), _Found()
    objects = {_attribute(element, "name"): (element, around) for element, around in _walk(root) if _is_object(element)}
    for element, around in _walk(root):
        if not _marks(element):
            continue
        shown, shown_around = objects.get(_attribute(element, "toName"), (None, ()))
        if shown is None:
            to_name = _attribute(element, "toName")
            found.problems.append(f"In the label config {_title(element)} marks {to_name!r}, and no tag has that name.")
        elif _tag(shown) not in OBJECTS:
            reads = "Spanloop reads Text, HyperText and Paragraphs"
            found.foreign.append(f"In the label config {_title(element)} marks {shown.tag}: {reads}.")
        elif wrong := _wrong(element, shown, around == shown_around) or _wrong_repeater(element, around):
            found.problems.append(wrong)
        else:
            found.controls.append(_control(element, shown, around))
    return found


def _root(config: str) -> Element:
    if len(config) > MAX_CONFIG:
        raise LabelConfigError(f"The label config is over {MAX_CONFIG} characters long.")
    try:
        root: Element = fromstring(config, forbid_dtd=True)
    except DefusedXmlException as error:
        raise LabelConfigError("The label config declares entities or a document type; remove them.") from error
    except ParseError as error:
        raise LabelConfigError(f"The label config is not well-formed XML: {error}.") from error
    except ValueError as error:
        raise LabelConfigError(f"The label config could not be read: {error}.") from error
    return root


def _walk(root: Element) -> Iterator[tuple[Element, tuple[Repeat, ...]]]:
    """All elements in document order, each with the Repeaters around it, the outermost first.

    Raises LabelConfigError where too many Repeaters stand within one another.
    """
    waiting: list[tuple[Element, tuple[Repeat, ...]]] = [(root, ())]
    while waiting:
        element, around = waiting.pop()
        yield element, around
        if _tag(element) == "repeater":
            on, flag = _attribute(element, "on"), _attribute(element, "indexFlag") or INDEX_FLAG
            around = (*around, Repeat(on, flag))
            if len(around) > MAX_NESTED_REPEATERS:
                raise LabelConfigError(
                    f"In the label config over {MAX_NESTED_REPEATERS} Repeaters stand within one another: use fewer."
                )
        waiting.extend((child, around) for child in reversed(element))


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


def _wrong(element: Element, shown: Element, is_beside: bool) -> str:
    """Why a control of a text cannot be served; empty where it can. `is_beside`: both stand in the same Repeaters."""
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
    if not is_beside:
        return f"In the label config {title} stands in other Repeaters than {_title(shown)}: put both into one."
    value = _attribute(element, "value")
    if value and [value] != expressions.variables(value):
        return f'In the label config {title} has value={value[:60]!r}: dynamic labels need a field, as value="$labels".'
    if not value and not _tags(element):
        return f'In the label config {title} has no Label: add one, for example <Label value="Person"/>.'
    return ""


def _wrong_repeater(element: Element, around: Sequence[Repeat]) -> str:
    """Why a control is in a Repeater that repeats nothing; empty where it is in none."""
    wrong = [repeat.on for repeat in around if not expressions.variables(repeat.on)]
    where = f"In the label config {_title(element)} is in a Repeater"
    return f'{where} with on={wrong[0][:60]!r}: it needs a field that has a list, as on="$turns".' if wrong else ""


def _nothing_marks(root: Element) -> str:
    """What to say of a config in which no tag marks spans."""
    others = dict.fromkeys(element.tag for element, _ in _walk(root) if _attribute(element, "toName"))
    only = f" It has only {', '.join(list(others)[:10])}, and spans are marked by none of these." if others else ""
    return f"The label config has no Labels, HyperTextLabels or ParagraphLabels.{only} {ADD}"


def _title(element: Element) -> str:
    return f"{element.tag} {_attribute(element, 'name')!r}"


def _titled(control: Control) -> str:
    return f"{CONTROLS[control.kind]} {control.name!r}"


def _control(element: Element, shown: Element, around: tuple[Repeat, ...]) -> Control:
    tags, labels_value = _tags(element), _attribute(element, "value")
    return Control(
        name=_attribute(element, "name"),
        to_name=_attribute(element, "toName"),
        kind=_tag(element),
        shown=_shown(shown),
        labels=wordings(tags),
        tags=tuple(tags) if labels_value else (),
        labels_value=labels_value,
        repeats=around,
        is_multiple=_attribute(element, "choice") == "multiple",
    )


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
    try:
        inside = [escape(element.text or ""), *(tostring(child, encoding="unicode") for child in element)]
    except RecursionError as error:
        raise LabelConfigError(f"In the label config {_title(element)} nests too deep.") from error
    return "".join(inside).strip()


def _tags(element: Element) -> list[LabelTag]:
    """The Labels of a control that show something. Raises LabelConfigError for one whose wording is too long."""
    names = ("value", "alias", "hint", "predicted_values")
    labels = (label for label, _ in _walk(element) if _tag(label) == "label")
    found = (LabelTag(*(_attribute(label, name) for name in names)) for label in labels)
    return [_checked(label) for label in found if not label.is_blank]


def _checked(label: LabelTag) -> LabelTag:
    if not label.is_short(MAX_WORDING):
        raise LabelConfigError(f"In the label config label {label.value[:60]!r} is over {MAX_WORDING} characters long.")
    return label
