"""What a project sets by itself: the extra params of Label Studio's dialog *Connect Model*.

{"threshold": 0.4, "thresholds": {"Disease": 0.3}, "overlap": "nested"}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from service.labelstudio.unread import is_whole
from service.model.reading import Overlap

KEYS_TOLD = 5
"""So many unknown keys or labels are named."""


@dataclass(frozen=True)
class ExtraParams:
    """The known keys, as far as they could be used."""

    threshold: float | None = None
    """The project's own threshold; None for the release's."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Thresholds of single labels, by the value that goes into regions."""
    overlap: Overlap | None = None
    """Which spans may share words; None for what the version was tuned for."""


def read(given: object) -> tuple[ExtraParams, list[str]]:
    """Label Studio's extra_params (a dict from its API, a string from its dialog), and what of them cannot be used."""
    try:
        params = _object(given)
    except ValueError as error:
        return ExtraParams(), [f"{error}; the defaults are used."]
    wrong = _unknown("key", (key for key in params if key not in READERS), f"known are {', '.join(READERS)}")
    values: dict[str, Any] = {}
    for key, reader in READERS.items():
        if params.get(key) is not None:
            values[key], problems = reader(params[key])
            wrong += problems
    return ExtraParams(**values), wrong


def unknown_labels(params: ExtraParams, labels: Iterable[str]) -> list[str]:
    """What to say of thresholds for labels that the label config has not."""
    known = set(labels)
    return _unknown("label", (label for label in params.thresholds if label not in known), "the label config has none")


def _threshold(given: object) -> tuple[float | None, list[str]]:
    if _is_threshold(given):
        return float(given), []  # type: ignore[arg-type]
    return None, ["The threshold in extra_params is not a number between 0 and 1; the default is used."]


def _thresholds(given: object) -> tuple[dict[str, float], list[str]]:
    if not isinstance(given, dict):
        return {}, ["The thresholds in extra_params are not a JSON object of labels and numbers; the default is used."]
    halves = dict.fromkeys(label for label in given if not is_whole(label))
    usable = {label: float(value) for label, value in given.items() if _is_threshold(value) and label not in halves}
    wrong = [label for label in given if label not in usable and label not in halves]
    named = ", ".join(map(repr, wrong[:KEYS_TOLD]))
    reason = f"In extra_params the thresholds of {named} are not numbers between 0 and 1; the default is used."
    return usable, [*([reason] if wrong else []), *_unknown("label", halves, "it has half a character in it")]


def _overlap(given: object) -> tuple[Overlap | None, list[str]]:
    known = get_args(Overlap)
    if given in known:
        return given, []  # type: ignore[return-value]
    return None, [f"The overlap in extra_params is none of {', '.join(known)}; what the version was tuned for is used."]


READERS: Mapping[str, Callable[[object], tuple[Any, list[str]]]] = {
    "threshold": _threshold,
    "thresholds": _thresholds,
    "overlap": _overlap,
}
"""How the value of each known key is read: what is used, and what cannot be."""


def _is_threshold(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < 1


def _object(given: object) -> dict[str, Any]:
    """Raises ValueError for nonsense."""
    if given is None or (isinstance(given, str) and not given.strip()):
        return {}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise ValueError("extra_params is not valid JSON") from error
        if given is None:
            return {}
    if not isinstance(given, dict):
        raise ValueError("extra_params is not a JSON object")
    return given


def _unknown(kind: str, names: Iterable[str], known: str) -> list[str]:
    found = [name[:60] for name in names]
    more = f" and {len(found) - KEYS_TOLD} more" if len(found) > KEYS_TOLD else ""
    named = ", ".join(map(repr, found[:KEYS_TOLD]))
    return [f"In extra_params the {kind} {named}{more} is unknown and has no effect: {known}."] if found else []
