"""A version's base model, which answers the labels that the version has not learnt.

Tuning changes what a network finds of every label, also of those that no annotation was about. So a version keeps the
base model's weights. The tuned network answers a label that was learnt, and the base model's answers any other. Both
read the same windows, with all labels that are asked for, cut as the version's reading says.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_model, save_model

from service.model.facts import FactsError
from service.model.learnt import BASE_WEIGHTS, Learnt
from service.model.spans import Span
from service.model.windows import Window


class Runner(Protocol):
    """Runs a model on windows."""

    batch_tokens: int
    """The batch size, in sub-tokens as `cost` counts them, at which the model is fastest."""

    def cost(self, tokens: Sequence[int]) -> int:
        """Sub-tokens, with padding, that the model computes for windows with these numbers of sub-tokens."""
        ...

    def __call__(self, windows: Sequence[Window], floor: float) -> list[list[Span]]:
        """The candidate spans of each window whose score is above `floor` or the window's threshold, the lower one."""
        ...


class Divided:
    """Runs each window with the networks that answer its labels."""

    def __init__(self, tuned: Runner, base: Runner, learnt: Learnt) -> None:
        self._tuned = tuned
        self._base = base
        self._learnt = frozenset(learnt.labels)
        self.batch_tokens = tuned.batch_tokens

    def cost(self, tokens: Sequence[int]) -> int:
        """Sub-tokens, with padding, that one network computes for windows with these numbers of sub-tokens."""
        return self._tuned.cost(tokens)

    def __call__(self, windows: Sequence[Window], floor: float) -> list[list[Span]]:
        """The candidate spans of each window, each label's from the network that answers it."""
        found: list[list[Span]] = [[] for _ in windows]
        for runner, is_learnt in ((self._tuned, True), (self._base, False)):
            asked = [
                number
                for number, window in enumerate(windows)
                if any((label in self._learnt) == is_learnt for label in window.group.labels)
            ]
            answers = runner([windows[number] for number in asked], floor) if asked else []
            for number, spans in zip(asked, answers, strict=True):
                found[number] += [span for span in spans if (span.label in self._learnt) == is_learnt]
        return found


def twin(gliner: Any) -> Any:
    """A GLiNER with weights of its own, equal to these, and with the same tokenizer and splitter of words."""
    processor = gliner.data_processor
    return copy.deepcopy(gliner, {id(processor): processor})


def read(folder: Path, gliner: Any) -> Any:
    """The base model's GLiNER in a version's directory, of which `gliner` is the tuned one.

    Raises FactsError if its weights cannot be read or do not fit.
    """
    base = twin(gliner)
    try:
        load_model(base.model, folder / BASE_WEIGHTS, device=str(gliner.device))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise FactsError(
            f"{folder / BASE_WEIGHTS}, the weights for labels that the version has not learnt, cannot be read: "
            f"{error}. Publish or pull the version again."
        ) from error
    return base


def write(folder: Path, base: Any) -> None:
    """Write the base model's weights into a version's directory."""
    save_model(base.model, str(folder / BASE_WEIGHTS))
