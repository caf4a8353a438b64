"""The controls of a label config that mark spans of text, and how each stands in one task."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from itertools import chain, islice

from service.errors import Cause
from service.labelstudio import expressions
from service.labelstudio.unread import Unread, is_whole, no_text
from service.labelstudio.wordings import LabelTag, wordings

MAX_WORDING = 300
MAX_REPETITIONS = 1_000
"""How often a control may stand in one task."""
MAX_REPEATED = 100_000
"""Labels of all repetitions of a control in one task."""
MAX_TASK_LABELS = 1_000


@dataclass(frozen=True, slots=True)
class Shown:
    """An object tag: what it shows of a task, and how."""

    tag: str
    """In lower case."""
    value: str
    is_url: bool = False
    """Whether what stands under the value is the address of the text."""
    encoding: str = ""
    is_inline: bool = False
    """Of a hypertext: whether its HTML is shown within the page instead of in a frame."""
    name_key: str = "author"
    text_key: str = "text"
    """Of paragraphs: where a turn has its speaker and its text."""
    is_scrolled: bool = False
    """Of paragraphs: whether the turns are shown in the order of their times (`contextScroll`)."""

    @property
    def where(self) -> str:
        """Where the text stands, as messages name it."""
        return ", ".join(dict.fromkeys(expressions.variables(self.value))) or f'value="{self.value}"'


@dataclass(frozen=True, slots=True)
class Repeat:
    """A Repeater around a control: it stands in the editor once for each element of a list of the task."""

    on: str
    index_flag: str


@dataclass(frozen=True, slots=True)
class Control:
    """One control that marks spans of one object tag.

    `labels` maps the value that goes into a region (a Label's alias, else its value) to the wording that the model
    is asked with. A control with `labels_value` has more labels in each task, and one with `repeats` stands in the
    editor several times: `of` gives those of a task.
    """

    name: str
    to_name: str
    kind: str
    shown: Shown
    labels: tuple[tuple[str, str], ...]
    tags: tuple[LabelTag, ...] = ()
    """The Labels of the config, for a control that has more in each task."""
    labels_value: str = ""
    repeats: tuple[Repeat, ...] = ()
    is_multiple: bool = False
    """Whether a region of it may have several labels (`choice="multiple"`)."""

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

    @property
    def is_static(self) -> bool:
        """Whether it is the same in every task."""
        return not self.labels_value and not self.repeats

    def of(self, data: Mapping[str, object]) -> tuple[Control, ...]:
        """The control as it stands in a task. Raises Unread where the task has not what it needs."""
        if self.is_static:
            return (self,)
        return tuple(control._with_labels(data) for control in _repeated(self, data))

    def _with_labels(self, data: Mapping[str, object]) -> Control:
        if not self.labels_value:
            return self
        tags = [*self.tags, *_task_labels(self.labels_value, data)]
        return replace(self, labels=wordings(tags), tags=(), labels_value="")


@lru_cache(maxsize=256)
def fingerprint(controls: tuple[Control, ...]) -> str:
    """What of a config decides predictions, as canonical JSON."""
    return json.dumps([_facts(control) for control in controls], ensure_ascii=False)


def _facts(control: Control) -> list[object]:
    """The facts of a control that decide predictions. They are part of the names of versions.

    Facts that are not set are left out, so a release that knows more of them changes no name.
    """
    shown, key = control.shown, control.shown.value.removeprefix("$")
    facts = [control.name, control.to_name, control.kind, key, shown.tag == "hypertext", shown.is_inline]
    plain = Shown(shown.tag, f"${key}", is_inline=shown.is_inline)
    more = {
        "shown": astuple(shown) if shown != plain else (),
        "tags": control.tags,
        "labels_value": control.labels_value,
        "repeats": [astuple(repeat) for repeat in control.repeats],
        "is_multiple": control.is_multiple,
    }
    own = {name: fact for name, fact in more.items() if fact}
    return [*facts, control.labels, *([own] if own else [])]


def _repeated(control: Control, data: Mapping[str, object]) -> list[Control]:
    """A control once for each element of the lists that the Repeaters around it are on, the outermost first.

    Raises Unread for over MAX_REPETITIONS, for over MAX_REPEATED labels, and where there are none.
    """
    found = [control]
    # Each repetition has texts of its own, too: a hundred characters count as a label.
    size = 1 + len(control.labels) + len(control.tags) + len(control.shown.value) // 100
    most = min(MAX_REPETITIONS, MAX_REPEATED // size)
    for repeat in control.repeats:
        repetitions = chain.from_iterable(_repetitions(one, data) for one in found)
        found = list(islice(repetitions, most + 1))
        if len(found) > most:
            raise Unread(f"over {most} repetitions under {repeat.on}", Cause.TOO_LARGE)
        if not found:
            raise no_text(repeat.on)
    return found


def _repetitions(control: Control, data: Mapping[str, object]) -> Iterator[Control]:
    """A control in each repetition of its outermost Repeater; none where that is on no list. Raises Unread."""
    (on, flag), rest = astuple(control.repeats[0]), control.repeats[1:]
    try:
        elements = expressions.resolve(on, data)
    except expressions.NotText:
        raise Unread(f"a part of {on} is an object, not a list", Cause.BAD_TEXT) from None
    for index in range(len(elements) if isinstance(elements, list) else 0):
        yield _numbered(control, rest, flag, str(index))


def _numbered(control: Control, rest: tuple[Repeat, ...], flag: str, index: str) -> Control:
    """One repetition of a control. As in the editor, the number replaces the first flag of each attribute."""

    def numbered(text: str) -> str:
        return text.replace(flag, index, 1)

    return replace(
        control,
        name=numbered(control.name),
        to_name=numbered(control.to_name),
        shown=replace(control.shown, value=numbered(control.shown.value)),
        labels=tuple((numbered(value), numbered(wording)) for value, wording in control.labels),
        tags=tuple(LabelTag(*map(numbered, tag)) for tag in control.tags),
        labels_value=numbered(control.labels_value),
        repeats=tuple(Repeat(numbered(one.on), one.index_flag) for one in rest),
    )


def _task_labels(value: str, data: Mapping[str, object]) -> list[LabelTag]:
    """The labels that a task brings itself. Raises Unread where it has none, or none that a region can name."""
    found = expressions.resolve(value, data)
    if not isinstance(found, list) or not found:
        raise Unread(f"no labels under {value}", Cause.NO_LABELS)
    if len(found) > MAX_TASK_LABELS:
        raise Unread(f"over {MAX_TASK_LABELS} labels under {value}", Cause.TOO_LARGE)
    tags = list(islice(_task_tags(found), MAX_TASK_LABELS + 1))
    if len(tags) > MAX_TASK_LABELS:
        raise Unread(f"over {MAX_TASK_LABELS} labels under {value}", Cause.TOO_LARGE)
    if not all(_is_usable(tag) for tag in tags):
        reason = f'labels under {value} that are no objects with a "value" of 1 to {MAX_WORDING} characters'
        raise Unread(reason, Cause.NO_LABELS)
    return tags


def _task_tags(entries: Iterable[object]) -> Iterator[LabelTag]:
    """The labels that a task brings. Labels within others come behind them."""
    waiting = deque(entries)
    while waiting:
        entry = waiting.popleft()
        if not isinstance(entry, Mapping):
            yield LabelTag("")
            continue
        parts = [entry.get(name) for name in ("value", "alias", "hint", "predicted_values")]
        yield LabelTag(*(part if isinstance(part, str) else "" for part in parts))
        children = entry.get("children")
        waiting += children if isinstance(children, list) else []


def _is_usable(tag: LabelTag) -> bool:
    return all(map(is_whole, tag)) and not tag.is_blank and tag.is_short(MAX_WORDING)
