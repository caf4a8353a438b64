"""Fine-tuning: one plain loop from the base model to the weights that did best on the validation texts.

Every batch holds new examples and replayed ones (see `replay`), so that the model learns the project's labels without
losing what it knew. A new example is learnt with the annotator's spans. A replayed one is learnt with the probabilities
that the base model gives all candidate spans (Li and Hoiem, Learning without Forgetting, 2016). What is scored and kept
is the exponential moving average of the weights over the steps (Polyak and Juditsky, 1992): it scores as weights do
after the learning rate has decayed, and it can be had after any step.

Batches and dropout depend on the seed and the step alone: a tuning that was stopped and resumed gives the weights of
one that was not.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from service.model.model import Model
from training import checkpoint, metrics, optimizer
from training.attention import plain_attention
from training.batches import Shuffled, alike
from training.dataset import Example
from training.masking import mask
from training.ranks import ALONE, NONE, Order, Ranks
from training.recipe import Recipe

log = logging.getLogger(__name__)

MAX_BAD_STEPS = 5
CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_PAUSE_FACTOR = 20
"""Between evaluations a checkpoint waits this many times as long as the last took to write."""

Weights = dict[str, torch.Tensor]
"""A network's parameters and buffers by name."""


class Diverged(RuntimeError):
    """The loss was not finite several steps in a row: nothing of the tuning is worth keeping."""


class Stopped(BaseException):
    """The run was asked to stop and goes on from there when it is restarted.

    Not an Exception: it is raised from a signal handler, and nothing that handles errors may take it for one.
    """


@dataclass(frozen=True)
class TuningProgress:
    """Where a tuning stands, after a step."""

    step: int
    steps: int
    loss: float
    best: float
    """Best score on the validation texts so far; -1 before the first evaluation."""
    evaluations_left: int


@dataclass
class TuningState:
    """What a resumed tuning must know besides weights and optimizer."""

    step: int = 0
    best: float = -1.0
    best_step: int = 0
    stale: int = 0
    bad: int = 0


class Tuning:
    """One tuning of one model, in place.

    `base` is the network whose probabilities are learnt of replayed examples; without any it is not needed.
    `evaluate` scores the model on validation texts (higher is better); `report` hears of every step; `stopping` is
    asked before every step, and so is `last_step`: after which step the tuning ends to keep a time budget, None while
    that is not decided. It can only shorten the tuning. `folder` keeps the checkpoints (None: no checkpoints). `ranks`
    are the processes that tune together: rank 0 calls `run`, the others `follow`.
    """

    def __init__(
        self,
        model: Model,
        recipe: Recipe,
        *,
        base: torch.nn.Module | None = None,
        evaluate: Callable[[Model], float] | None = None,
        report: Callable[[TuningProgress], None] = lambda progress: None,
        stopping: Callable[[], bool] = lambda: False,
        last_step: Callable[[], int | None] = lambda: None,
        folder: Path | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.evaluate = evaluate
        self.report = report
        self.stopping = stopping
        self.last_step = last_step
        self.folder = folder
        self.ranks = ranks
        self.state = TuningState()
        self.network: torch.nn.Module = model.gliner.model
        self.base = base
        self._joined = self.network
        """The network, whose gradients are those of all ranks."""
        self.optimizer = optimizer.make(self.network, recipe)
        self._average = weights_of(self.network)
        self._best: Weights | None = None
        self._identity = ""
        self._saved = 0.0
        self._saving = 0.0
        self._collator = model.gliner.data_collator_class(
            model.gliner.config, data_processor=model.gliner.data_processor, prepare_labels=True
        )

    def run(self, examples: Sequence[Example], replay: Sequence[Example]) -> TuningState:
        """Tune to the end and leave the model with its best weights.

        Raises Stopped (checkpoint written), Diverged, or OSError where a checkpoint could not be written.
        """
        with plain_attention(self.network):
            return self._run(examples, replay)

    def _run(self, examples: Sequence[Example], replay: Sequence[Example]) -> TuningState:
        self._identity = self._identify(examples, replay)
        self._resume()
        self._shorten()
        self._align()
        recipe, state = self.recipe, self.state  # `self.recipe` may get fewer steps
        new, old = self._batches(examples, replay)
        self._saved = time.monotonic()
        while state.step < self.recipe.steps and state.stale < recipe.patience:
            if self.stopping():
                self._save()
                raise Stopped(f"stopped after step {state.step} of {self.recipe.steps}; a restart goes on from there")
            self.ranks.order(Order(state.step, self.recipe.steps))
            with metrics.STEP_SECONDS.time():
                loss = self._step(new.take(state.step), old.take(state.step))
            metrics.stepped(recipe.batch_size, loss)
            state.step += 1
            if self.evaluate and state.step in _evaluations(self.recipe):
                with self._averaged():
                    self._judge(self.evaluate(self.model))
                self._save()
            elif state.step == self.recipe.steps or self._wants_checkpoint():
                self._save()
            self.report(TuningProgress(state.step, self.recipe.steps, loss, state.best, self._evaluations_left))
            self._shorten()
        self.ranks.order()
        self.network.load_state_dict(self._best or self._average)
        self.model.gliner.eval()
        return state

    def follow(self, examples: Sequence[Example], replay: Sequence[Example]) -> None:
        """Take the steps that rank 0 orders, with this rank's share of each batch."""
        with plain_attention(self.network):
            self._align()
            new, old = self._batches(examples, replay)
            while (order := self.ranks.order()) != NONE:
                self.state.step, self.recipe = order.step, replace(self.recipe, steps=order.steps)
                self._step(new.take(order.step), old.take(order.step))

    def _align(self) -> None:
        """Let all ranks begin with the weights and the optimizer of rank 0."""
        self._joined = self.ranks.joined(self.network)
        if self.ranks.count > 1:
            state = self.optimizer.state_dict()
            slots = {index: {slot: tensor.cpu() for slot, tensor in of.items()} for index, of in state["state"].items()}
            self.optimizer.load_state_dict(self.ranks.given({**state, "state": slots}))

    def _batches(self, examples: Sequence[Example], replay: Sequence[Example]) -> tuple[Shuffled, Shuffled]:
        recipe, replayed = self.recipe, self.recipe.replayed if replay else 0
        new = Shuffled(examples, recipe.batch_size - replayed, recipe.seed)
        return new, Shuffled(replay, replayed, recipe.seed + 1)

    @property
    def _evaluations_left(self) -> int:
        return sum(at > self.state.step for at in _evaluations(self.recipe)) if self.evaluate else 0

    def _shorten(self) -> None:
        """Let the tuning have fewer steps if its time budget needs that."""
        end = self.last_step()
        if end is not None and end < self.recipe.steps:
            self.recipe = replace(self.recipe, steps=end)

    def _identify(self, *parts: Sequence[Example]) -> str:
        """What is tuned, how and on what: only a tuning of the same may go on from a checkpoint."""
        content = hashlib.sha256()
        for part in parts:
            content.update(f"{len(part)}\n".encode())
            for example in part:
                content.update(repr(example).encode("utf-8", "surrogatepass"))
        shapes = [tuple(parameter.shape) for parameter in self.network.parameters()]
        return f"{shapes} {self.recipe} {content.hexdigest()}"

    def _step(self, new: Sequence[Example], old: Sequence[Example]) -> float:
        """One step of the optimizer; a step whose loss is not finite changes nothing.

        Returns the loss of the new examples, of all ranks.
        """
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.state.step + self.ranks.rank * 15_485_863)
        share = optimizer.rate(self.state.step, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.ranks.total(self._backward(new, old)) / len(new)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        if not math.isfinite(loss) or not math.isfinite(norm.item()):
            self.state.bad += 1
            if self.state.bad >= MAX_BAD_STEPS and self.ranks.leads:
                if self.folder:
                    (self.folder / CHECKPOINT).unlink(missing_ok=True)
                raise Diverged(
                    f"The loss was not a finite number {MAX_BAD_STEPS} times in a row, last at step {self.state.step}. "
                    "Nothing was published. A smaller learning rate helps (SPANLOOP_ENCODER_RATE, SPANLOOP_HEAD_RATE)."
                )
            return math.nan
        self.state.bad = 0
        self.optimizer.step()
        if self.ranks.leads:
            self._follow()
        return loss

    def _backward(self, new: Sequence[Example], old: Sequence[Example]) -> float:
        """Compute the gradient of a batch. Returns the loss of this rank's new examples, summed."""
        each = self.ranks.count / (len(new) + len(old))  # the gradients of the ranks are averaged
        parts = [(self._distance, part, each * self.recipe.replay_weight) for part in alike(self.ranks.share(old))]
        first_new = len(parts)
        parts += [(self._loss, part, each) for part in alike(self.ranks.share(new))]
        total = 0.0
        for place, (lose, part, weight) in enumerate(parts, 1):
            with nullcontext() if place == len(parts) else self.ranks.alone(self._joined):
                loss = lose(part)
                (loss * weight).backward()  # type: ignore[no-untyped-call]
            total += loss.item() if place > first_new else 0.0
        return total

    def _loss(self, batch: Sequence[Example]) -> torch.Tensor:
        """GLiNER's own loss of new examples, summed over examples, candidates and labels."""
        return self._forward(self._inputs(batch))

    def _distance(self, batch: Sequence[Example]) -> torch.Tensor:
        """The same loss of replayed examples, whose targets are the base model's probabilities of all candidates."""
        inputs = self._inputs(batch)
        with torch.no_grad(), self._autocast():
            logits: torch.Tensor = self.base(**inputs).logits  # type: ignore[misc]  # there is one where texts are replayed
        inputs["labels"] = logits.float().sigmoid().reshape(inputs["labels"].shape)
        return self._forward(inputs)

    def _inputs(self, batch: Sequence[Example]) -> dict[str, Any]:
        """What GLiNER's network takes for some examples, with their spans as targets."""
        inputs = self._collator(
            [{"tokenized_text": e.words, "ner": e.spans, "ner_labels": list(e.labels)} for e in batch]
        )
        mask(inputs, batch, self.model.max_width)
        device = self.model.gliner.device
        return {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in inputs.items()}

    def _forward(self, inputs: dict[str, Any]) -> torch.Tensor:
        recipe = self.recipe
        with self._autocast():
            output = self._joined(**inputs, alpha=recipe.focal_alpha, gamma=recipe.focal_gamma, reduction="sum")
        loss: torch.Tensor = output.loss
        return loss

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.model.gliner.device.type, torch.bfloat16, enabled=self.recipe.bf16)

    def _follow(self) -> None:
        """Move the average towards the present weights; at first faster, so that it soon forgets the base model's."""
        decay = min(self.recipe.average, (1 + self.state.step) / (10 + self.state.step))
        for name, tensor in self.network.state_dict().items():
            if tensor.is_floating_point():
                self._average[name].lerp_(tensor, 1 - decay)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Let the network have the averaged weights for a while."""
        present = weights_of(self.network)
        self.network.load_state_dict(self._average)
        self.network.eval()
        try:
            yield
        finally:
            self.network.load_state_dict(present)

    def _judge(self, score: float) -> None:
        state = self.state
        log.info("step %d: F1 on validation %.3f, best before %.3f", state.step, score, max(state.best, 0.0))
        if score > state.best:
            state.best, state.best_step, state.stale = score, state.step, 0
            self._best = weights_of(self.network)
        else:
            state.stale += 1

    def _wants_checkpoint(self) -> bool:
        return time.monotonic() - self._saved > max(
            self.recipe.checkpoint_seconds, CHECKPOINT_PAUSE_FACTOR * self._saving
        )

    def _save(self) -> None:
        if self.folder is None:
            return
        began = time.monotonic()
        tensors = {f"model.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self._average.items()}
        tensors |= {f"best.{name}": tensor for name, tensor in (self._best or {}).items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{slot}": tensor for slot, tensor in slots.items()}
        state = {**vars(self.state), "identity": self._identity}
        checkpoint.save(self.folder / CHECKPOINT, tensors, state)
        self._saved = time.monotonic()
        self._saving = self._saved - began

    def _resume(self) -> None:
        found = checkpoint.load(self.folder / CHECKPOINT) if self.folder else None
        if found is None:
            return
        if found.state.pop("identity", None) != self._identity:
            log.warning("the checkpoint is of another tuning (other examples, recipe or processor): it is not used")
            return
        self.state = TuningState(**found.state)
        log.info("tuning goes on from step %d", self.state.step)
        self.network.load_state_dict(_named(found.tensors, "model."))
        self._average = _named(found.tensors, "average.")
        self._best = _named(found.tensors, "best.") or None
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _named(found.tensors, "optimizer.").items():
            index, slot = name.split(".", 1)
            slots.setdefault(int(index), {})[slot] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": slots})


def weights_of(network: torch.nn.Module) -> Weights:
    """A copy of a network's weights."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _evaluations(recipe: Recipe) -> set[int]:
    """The steps after which the validation texts are scored; the last is one of them."""
    half = recipe.steps / 2
    return {round(half + half * number / recipe.evaluations) for number in range(1, recipe.evaluations + 1)}


def _named(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
