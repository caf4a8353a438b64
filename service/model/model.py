"""One GLiNER model: texts and labels in, spans out, exact and complete.

GLiNER alone cuts long texts, lets many labels crowd a text out of the window and shifts spans behind words that the
tokenizer drops, all without an error. Here a text becomes windows over its words, a label set becomes groups, and
every span comes back as code points of the text it was found in.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from service.errors import Cause
from service.model.gliner import GLiNER
from service.model.packed import pack
from service.model.packed.linear import PackedLinear
from service.model.packed.quantized import QuantizedLinear
from service.model.padded import Padded
from service.model.rewrites import operate
from service.model.spans import Extraction, Span, decide
from service.model.subtokens import Subtokens
from service.model.windows import MAX_BATCH, Group, Window, windows
from service.model.words import Words, split

log = logging.getLogger(__name__)

SCORE_FLOOR = 0.02
"""Candidates below this probability are not looked at: they are no doubts worth a person's time."""

DEFAULT_POSITIONS = 512
LABEL_SETS_KEPT = 64
"""So many label sets are remembered in groups."""

PROBE, PROBE_LABELS = "Ann's first-rate probe (2024), naïve.", ("first label", "two")
"""A text that a model's own collator and ours must read alike."""

Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}
"""What a model computes in for each precision, its linear layers excepted in int8."""


class Runner(Protocol):
    """A way from windows to spans."""

    batch_tokens: int
    """Sub-tokens that are quickest to run at once."""

    def cost(self, tokens: Sequence[int]) -> int:
        """Sub-tokens that are computed for windows of so many each."""
        ...

    def __call__(self, windows: Sequence[Window], floor: float) -> list[list[Span]]:
        """The candidate spans of each window above `floor`, or above its threshold where that is lower."""
        ...


class ModelError(RuntimeError):
    """A model could not be loaded, or cannot do what was asked; says what to do."""


class TooLong(ModelError):
    """A label's wording takes more of the window than its text."""

    cause = Cause.BAD_CONFIG


class Model:
    """A loaded GLiNER of any architecture, in evaluation mode on one device.

    Not thread-safe by promise: one thread runs it. `prepare` may be called from another.
    """

    def __init__(self, gliner: Any) -> None:
        self.gliner = gliner.eval()
        operate(gliner.model)
        tokenizer = gliner.data_processor.transformer_tokenizer
        self.subtokens = Subtokens(tokenizer)
        self.splitter = gliner.data_processor.words_splitter
        self.max_words: int = gliner.config.max_len
        self.max_width: int = gliner.config.max_width
        self.max_types: int = gliner.config.max_types
        self.max_tokens = _positions(gliner, tokenizer)
        self.prompted = getattr(gliner.config, "labels_encoder", None) is None
        self.runner: Runner = Padded(gliner)
        self.batch_tokens = self.runner.batch_tokens
        self._asked: dict[tuple[str, ...], list[Group]] = {}
        """Label sets that were asked for, in groups: annotators ask for the same few again and again."""

    @classmethod
    def load(cls, source: str, device: str = "auto") -> Model:
        """Load a local directory or, where there is none of that name, a model of the hub.

        Weights come back as fp32 whatever they were stored as. Raises ModelError with the cause.
        """
        local = Path(source).is_dir()
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                gliner = GLiNER.from_pretrained(source, local_files_only=local, map_location=device, dtype="fp32")
        except Exception as error:
            where = "the directory" if local else "no directory of that name, and the model hub gave"
            raise ModelError(
                f"The model {source!r} could not be loaded ({where}: {error}). "
                "SPANLOOP_MODEL takes a directory with gliner_config.json, or a GLiNER model's name on the hub."
            ) from error
        return cls(gliner)

    def use(self, precision: Precision) -> None:
        """Serve from now on, in this precision; auto: in half precision where the device has one, else fp32.

        Scores are fp32 in any. A model that is to learn is not to serve. Raises ModelError for one that it has not.
        """
        device = self.gliner.device
        if precision == "auto":
            precision = best_precision(device)
        if precision == "fp16" and device.type == "cpu":
            raise ModelError("fp16 is for GPUs. Set SPANLOOP_PRECISION to auto, fp32 or bf16.")
        self.gliner.model.to(DTYPES[precision])
        probe = self.prepare(PROBE, PROBE_LABELS, 0.5)[0]
        linear = QuantizedLinear if precision == "int8" else PackedLinear
        packed = pack(self.gliner, linear, self.subtokens.closing, self.max_tokens, probe)
        if packed is None and precision == "int8":
            raise ModelError(
                "This model cannot be served in int8: that is known for span models over BERT and DeBERTa, on a "
                "processor. Set SPANLOOP_PRECISION to auto."
            )
        if packed is None and device.type == "cpu":
            log.info("%s is not known without padding: it is run by GLiNER", type(self.gliner).__name__)
        self.runner = packed or Padded(self.gliner)
        self.batch_tokens = self.runner.batch_tokens

    def groups(self, labels: Sequence[str]) -> list[tuple[str, ...]]:
        """Split a label set so that its wordings leave the text at least half of the window.

        Labels are sorted, always: their order changes what GLiNER answers, so training, evaluation and serving
        must use one order. Groups are of nearly equal size.
        """
        unique = sorted(set(labels))
        if not self.prompted:
            return [tuple(unique)] if unique else []
        for one in unique:
            if self.prompt_tokens([one]) > self.max_tokens // 2:
                raise TooLong(f"The label wording {one[:60]!r}… is too long for the model: shorten its hint.")
        parts = max(1, math.ceil(len(unique) / self.max_types))
        while True:
            groups = [unique[i * len(unique) // parts : (i + 1) * len(unique) // parts] for i in range(parts)]
            if all(self.prompt_tokens(group) <= self.max_tokens // 2 for group in groups):
                return [tuple(group) for group in groups if group]
            parts += 1

    def prepare(self, text: str, labels: Sequence[str], threshold: float) -> list[Window]:
        """All windows of one text, for all groups of its labels. None for a text without words."""
        words = split(text, self.splitter, self.subtokens)
        return [
            self._window(words, group, piece, threshold)
            for group in self._groups(tuple(labels))
            for piece in self.windows(words, len(group.prompt) + len(self.subtokens.closing))
        ]

    def windows(self, words: Words, prompt_tokens: int) -> list[slice]:
        """Where to cut a text's words, beside a prompt of so many sub-tokens."""
        room = self.max_tokens - prompt_tokens
        overlap = max(self.max_width, self.max_words // 8)
        return [slice(start, end) for start, end in windows(words.tokens, self.max_words, room, overlap)]

    def run(self, batch: Sequence[Window]) -> list[list[Span]]:
        """The candidate spans of each window, doubts below the threshold included, in code points of its text.

        Where the device has no memory for the batch, its halves are run, and later batches are to be of half the size.
        """
        try:
            return self.runner(batch, SCORE_FLOOR)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
        # Behind the except clause, whose error holds on to what was computed.
        torch.cuda.empty_cache()
        self.batch_tokens = min(self.batch_tokens, max(1, self.cost([window.tokens for window in batch]) // 2))
        log.warning("out of memory: batches are of %s sub-tokens from now on", self.batch_tokens)
        half = len(batch) // 2
        return self.run(batch[:half]) + self.run(batch[half:])

    def cost(self, tokens: Sequence[int]) -> int:
        """Sub-tokens that are computed for windows of so many each, in one batch."""
        return self.runner.cost(tokens)

    def extract(self, texts: Sequence[str], labels: Sequence[str], threshold: float) -> list[Extraction]:
        """Spans of every text, in order: what a request to the extractor returns, for one caller on its own."""
        return self.extract_each([(text, labels) for text in texts], threshold)

    def extract_each(self, questions: Sequence[tuple[str, Sequence[str]]], threshold: float) -> list[Extraction]:
        """Spans of every (text, labels), in order: each text is asked labels of its own."""
        owners: list[tuple[int, Window]] = [
            (index, window)
            for index, (text, labels) in enumerate(questions)
            for window in self.prepare(text, labels, threshold)
        ]
        candidates: list[list[Span]] = [[] for _ in questions]
        owners.sort(key=lambda owner: owner[1].tokens)
        for batch in self._batches(owners):
            for (index, _), spans in zip(batch, self.run([window for _, window in batch]), strict=True):
                candidates[index].extend(spans)
        return [decide(spans, threshold) for spans in candidates]

    def _batches(self, owners: Sequence[tuple[int, Window]]) -> Iterator[Sequence[tuple[int, Window]]]:
        """Cut a sequence of windows into batches of what is quickest to run at once; one window at least."""
        start = 0
        while start < len(owners):
            end = start + 1
            while end < len(owners) and end - start < MAX_BATCH:
                if self.cost([window.tokens for _, window in owners[start : end + 1]]) > self.batch_tokens:
                    break
                end += 1
            yield owners[start:end]
            start = end

    def prompt_tokens(self, labels: Sequence[str]) -> int:
        """How many sub-tokens of a window a group of labels takes, special ones included."""
        return len(self._group(tuple(labels)).prompt) + len(self.subtokens.closing)

    def _groups(self, labels: tuple[str, ...]) -> list[Group]:
        found = self._asked.get(labels)
        if found is None:
            found = [self._group(group) for group in self.groups(labels)]
            if len(self._asked) >= LABEL_SETS_KEPT:
                self._asked.clear()
            self._asked[labels] = found
        return found

    def _group(self, labels: tuple[str, ...]) -> Group:
        opening = self.subtokens.opening
        if not self.prompted:
            return Group(labels, tuple(opening), ())
        processor = self.gliner.data_processor
        words = [word for label in labels for word in (processor.ent_token, label)]
        ids, counts = self.subtokens.of([*words, processor.sep_token])
        places = [len(opening) + place for place in accumulate(counts, initial=0)]
        # A label is read at the token that announces it, or at the one behind that.
        behind = 0 if self.gliner.config.embed_ent_token else 1
        return Group(labels, (*opening, *ids), tuple(place + behind for place in places[: 2 * len(labels) : 2]))

    def _window(self, words: Words, group: Group, piece: slice, threshold: float) -> Window:
        ids = words.ids[words.offsets[piece.start] : words.offsets[piece.stop]]
        return Window(
            words=words.asked[piece],
            starts=words.starts[piece],
            ends=words.ends[piece],
            ids=ids,
            counts=words.tokens[piece],
            group=group,
            tokens=len(group.prompt) + len(ids) + len(self.subtokens.closing),
            threshold=threshold,
        )


def _positions(gliner: Any, tokenizer: Any) -> int:
    """How many sub-tokens the encoder takes: the tokenizer's limit or the encoder's positions, whichever is less."""
    encoder = getattr(gliner.config, "encoder_config", None)
    positions = getattr(encoder, "max_position_embeddings", None) or DEFAULT_POSITIONS
    return int(min(tokenizer.model_max_length, positions))


def best_precision(device: torch.device) -> Precision:
    """bf16 where that is native; on other GPUs fp16."""
    if bf16_is_native(device):
        return "bf16"
    return "fp16" if device.type == "cuda" else "fp32"


def bf16_is_native(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware; where it does not, bfloat16 is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def use_threads(count: int) -> None:
    """How many threads torch computes with, in this whole process."""
    torch.set_num_threads(count)
