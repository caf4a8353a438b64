"""The causes of a verdict in plain words, and what to do. No words serve two causes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from training.judge.causes import Cause, Found


class Words(NamedTuple):
    """A cause as a sentence, and what to do about it."""

    reason: str
    suggestion: str


def words(found: Found) -> Words:
    """What a cause is called, with its figures, and what to do."""
    return SENTENCES[found.cause](found)


def _forgotten(one: Found) -> Words:
    return Words(
        f"It has forgotten too much: on general sentences it loses {one.figure:.3f} F1.",
        "Annotate more varied texts, or raise SPANLOOP_FORGETTING_LIMIT if general labels do not matter to you.",
    )


def _unannotated(one: Found) -> Words:
    return Words(
        f"The label {_listed(one)} had annotations when the live version learnt, and has next to none now.",
        "Restore its annotations, or take the label out of the label config.",
    )


def _other_labels(one: Found) -> Words:
    return Words(
        f"Annotations since the live version give other labels to the same words: {one.count} of {one.of} spans, "
        f"{one.figure:.0%} before ({_paired(one)}).",
        "Let the annotators agree on what these labels mean, and correct the side that is wrong.",
    )


def _other_boundaries(one: Found) -> Words:
    return Words(
        f"Annotations since the live version begin or end at other words: {one.count} of {one.of} spans, "
        f"{one.figure:.0%} before ({_listed(one)}).",
        "Write down where a span begins and ends, and correct the tasks that differ.",
    )


def _fewer_spans(one: Found) -> Words:
    return Words(
        f"Annotations since the live version leave out what it finds: {one.count} of {one.of} spans, "
        f"{one.figure:.0%} before ({_listed(one)}).",
        "Look whether these tasks were annotated to the end.",
    )


def _contradicted(one: Found) -> Words:
    return Words(
        "It is better on the annotations since the live version and worse on those before.",
        "Compare old and new annotations of similar texts, and decide which are right.",
    )


def _vanished(one: Found) -> Words:
    return Words(
        f"It hardly finds the label {_listed(one)} any more: {one.count} spans right, {one.of} by the live version.",
        "Look whether tasks were submitted without this label.",
    )


def _confused(one: Found) -> Words:
    return Words(
        f"It confuses labels: of {one.of} spans that only the live version has right, {one.count} have the right words "
        f"and another label ({_paired(one)}).",
        "Check the tasks annotated last for mixed-up labels.",
    )


def _shifted(one: Found) -> Words:
    return Words(
        f"It sets other boundaries: {one.count} of {one.of} spans that only the live version has right begin or end "
        f"elsewhere ({_listed(one)}).",
        "Check the tasks annotated last for spans that are too long or too short.",
    )


def _lost(one: Found) -> Words:
    return Words(
        f"It misses spans: {one.count} of {one.of} that only the live version has right ({_listed(one)}).",
        "Check the tasks annotated last for spans that nobody marked.",
    )


def _added(one: Found) -> Words:
    return Words(
        f"It finds {one.count} spans where nothing is annotated, and the live version does not ({_listed(one)}).",
        "Check the tasks annotated last for spans that should not be there; where it is right, annotate them.",
    )


def _worse_label(one: Found) -> Words:
    return Words(
        f"It is worse at the label {_listed(one)}, in no single way.",
        "Annotate more tasks with this label.",
    )


def _worse(one: Found) -> Words:
    return Words(
        "It makes more errors, of no single kind.",
        "Look through the tasks annotated last, then train again.",
    )


def _equal(one: Found) -> Words:
    return Words("It finds the same spans as the live version.", "Annotate tasks on which the live version is wrong.")


def _unclear(one: Found) -> Words:
    return Words("The difference may be chance.", "More annotated tasks make it clear.")


SENTENCES: dict[Cause, Callable[[Found], Words]] = {
    Cause.FORGOTTEN: _forgotten,
    Cause.UNANNOTATED: _unannotated,
    Cause.OTHER_LABELS: _other_labels,
    Cause.OTHER_BOUNDARIES: _other_boundaries,
    Cause.FEWER_SPANS: _fewer_spans,
    Cause.CONTRADICTED: _contradicted,
    Cause.VANISHED: _vanished,
    Cause.CONFUSED: _confused,
    Cause.SHIFTED: _shifted,
    Cause.LOST: _lost,
    Cause.ADDED: _added,
    Cause.WORSE_LABEL: _worse_label,
    Cause.WORSE: _worse,
    Cause.EQUAL: _equal,
    Cause.UNCLEAR: _unclear,
}


def _listed(one: Found) -> str:
    return ", ".join(one.labels)


def _paired(one: Found) -> str:
    pairs = zip(one.labels[::2], one.labels[1::2], strict=True)
    return ", ".join(f"{annotated} as {answered}" for annotated, answered in pairs)
