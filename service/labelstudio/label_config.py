"""Label Studio's labeling configs: which controls mark spans of text, and with which labels.

A config is a stranger's XML: entity declarations and external references are refused, never resolved.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import lru_cache
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

CONTROLS = {"labels": "labels", "hypertextlabels": "hypertextlabels"}
"""Tags that mark spans, in lower case, with the type of their regions and the key of the labels in a region's value."""

OBJECTS = ("text", "hypertext")
RUN_TOGETHER = re.compile(r"(?<=[a-z]{2})(?=[A-Z][a-z])")
"""Where a capital begins a word inside a label."""

MAX_WORDING = 300
MAX_CONFIG = 1_000_000


class LabelConfigError(ValueError):
    """A labeling config that cannot be used, with the reason and what to change."""


@dataclass(frozen=True, slots=True)
class Control:
    """One control that marks spans of one object tag.

    `labels` maps the value that goes into a region (a Label's alias, else its value) to the wording that the model
    is asked with (its hint or predicted_values, else the value in words).
    """

    name: str
    to_name: str
    kind: str
    data_key: str
    is_hypertext: bool
    is_inline: bool
    """Of a hypertext: whether its HTML is shown within the page instead of in a frame."""
    labels: tuple[tuple[str, str], ...]

    @property
    def wordings(self) -> tuple[str, ...]:
        return tuple(sorted({wording for _, wording in self.labels}))

    @property
    def value_of(self) -> dict[str, str]:
        """The region label of each wording; of two labels with one wording the first."""
        return {wording: value for value, wording in reversed(self.labels)}

    @property
    def wording_of(self) -> dict[str, str]:
        return dict(self.labels)


@lru_cache(maxsize=256)
def parse(config: str) -> tuple[Control, ...]:
    """The span-marking controls of a labeling config, in document order.

    Other controls are left alone. Raises LabelConfigError where the XML is malformed or dangerous, or where no control
    marks spans of a text.
    """
    root = _root(config)
    objects = {
        element.get("name", ""): element
        for element in root.iter()
        if isinstance(element.tag, str) and element.tag.lower() in OBJECTS and element.get("valueType") != "url"
    }
    controls = tuple(
        _control(element, objects[element.get("toName", "")])
        for element in root.iter()
        if isinstance(element.tag, str) and element.tag.lower() in CONTROLS and element.get("toName", "") in objects
    )
    if not any(control.labels for control in controls):
        raise LabelConfigError(
            "The label config has no Labels or HyperTextLabels control with labels for a Text or HyperText object. "
            'Add one, for example <Labels name="label" toName="text"><Label value="Person"/></Labels>.'
        )
    return tuple(control for control in controls if control.labels)


def in_words(label: str) -> str:
    """A label as one would say it: "AnatomicalStructure" and "anatomical_structure" are "anatomical structure".

    A tokenizer cuts run-together words in the wrong places, and a model has hardly seen them in its training.
    """
    words = label.replace("_", " ").split()
    parts = [part for word in words for part in RUN_TOGETHER.split(word)]
    if len(parts) == len(words):
        return " ".join(words)
    return " ".join(part.lower() if part[1:].islower() else part for part in parts)


@lru_cache(maxsize=256)
def fingerprint(controls: tuple[Control, ...]) -> str:
    """What of a config decides predictions, as canonical JSON."""
    return json.dumps([astuple(control) for control in controls], ensure_ascii=False)


def text_of(data: Mapping[str, object], control: Control) -> str | None:
    """The text of a task that a control marks; None where it is missing or not a string.

    A key with dots reaches into nested data where there is no such key itself.
    """
    if control.data_key in data:
        found = data[control.data_key]
        return found if isinstance(found, str) else None
    found = data
    for part in control.data_key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


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


def _control(element: Element, shown: Element) -> Control:
    labels: dict[str, str] = {}
    for label in element.iter():
        if isinstance(label.tag, str) and label.tag.lower() == "label" and label.get("value"):
            value = label.get("alias") or label.get("value") or ""
            labels.setdefault(value, _wording(label))
    return Control(
        name=element.get("name", ""),
        to_name=element.get("toName", ""),
        kind=CONTROLS[element.tag.lower()],
        data_key=(shown.get("value") or "").removeprefix("$").strip(),
        is_hypertext=shown.tag.lower() == "hypertext",
        is_inline=(shown.get("inline") or "").lower() == "true",
        labels=tuple(labels.items()),
    )


def _wording(label: Element) -> str:
    """What the model is asked with: the hint, the first of predicted_values, else the label in words."""
    predicted = (label.get("predicted_values") or "").split(",")[0]
    wording = " ".join((label.get("hint") or predicted or in_words(label.get("value") or "")).split())
    if len(wording) > MAX_WORDING:
        raise LabelConfigError(
            f"The wording of label {label.get('value', '')!r} is over {MAX_WORDING} characters long."
        )
    return wording or label.get("value") or ""
