"""One GLiNER model: texts and labels in, spans out.

GLiNER itself cuts long texts, lets many labels crowd the text out of the window, and shifts the spans that follow a
word which the tokenizer drops. It reports none of these errors. This module cuts a text into windows and a label set
into groups, and returns every span as code points of its text.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from service.model.base_model import Divided, Runner, twin
from service.model.base_model import read as read_base
from service.model.calibration import Calibration
from service.model.calibration import read as read_calibration
from service.model.computing import DTYPES, Precision, best_precision
from service.model.errors import ModelError, UnknownLabels, Unread
from service.model.facts import FactsError
from service.model.gliner import ForeignCode, GLiNER
from service.model.learnt import Learnt
from service.model.learnt import read as read_learnt
from service.model.packed import pack
from service.model.packed.linear import PackedLinear
from service.model.packed.quantized import QuantizedLinear
from service.model.padded import Padded
from service.model.prompts import Prompts
from service.model.reading import Reading
from service.model.reading import read as read_reading
from service.model.rewrites import rewrite
from service.model.scripts import COMMON, script_of
from service.model.spans import Extraction, Span, decide
from service.model.splitter import Splitter
from service.model.subtokens import Subtokens
from service.model.told import Told, untold
from service.model.weights import located
from service.model.windows import MAX_BATCH_WINDOWS, Group, Window, Zone, windows, zones
from service.model.words import Splitting, Words, split

log = logging.getLogger(__name__)

UNREAD_SHARE = 0.5
"""A text is not read if the tokenizer knows nothing of more than this share of its words."""

SCORE_FLOOR = 0.02
"""Candidate spans have a higher score of the network. Those with a lower one do not count as doubts."""

DEFAULT_POSITIONS = 512

PROBE, PROBE_LABELS = "Ann's first-rate probe (2024), naïve.", ("first label", "two")
"""The text and the labels on which a packed network must agree with GLiNER's own collator and forward."""


class Model:
    """A loaded GLiNER of any architecture, in evaluation mode on one device.

    Only one thread may call `run`. Another thread may call `prepare` at the same time.
    """

    def __init__(self, gliner: Any, reading: Reading | None = None, calibration: Calibration | None = None) -> None:
        """`reading` is how texts are read, `calibration` what scores mean; None for those of a base model."""
        self.gliner = gliner.eval()
        self.reading = reading or Reading()
        self.calibration = calibration or Calibration()
        self.base: Any = None
        """The base model's GLiNER, which answers the labels that are not `learnt`; None where `gliner` answers all."""
        self.learnt = Learnt()
        rewrite(gliner.model)
        tokenizer = gliner.data_processor.transformer_tokenizer
        self.subtokens = Subtokens(tokenizer)
        self.has_own_splitter = getattr(gliner.config, "words_splitter_type", None) not in (None, "whitespace")
        self.splitter: Splitting = self._splitter(self.reading)
        self.max_words: int = gliner.config.max_len
        self.max_width: int = gliner.config.max_width
        self.max_tokens = _positions(gliner, tokenizer)
        self.prompts = Prompts(gliner, self.subtokens, self.max_tokens)
        self.runner: Runner = Padded(gliner)
        self.batch_tokens = self.runner.batch_tokens

    @classmethod
    def load(cls, source: str, device: str = "auto", window_words: int = 0, convert_pickle: bool = False) -> Model:
        """Load the directory `source` or, if there is no such directory, the hub's model of that name.

        `window_words` is the most words in a window; 0: as many as the directory's reading says. `convert_pickle`:
        whether weights that are a pickle are converted; otherwise they are refused.
        The loaded weights are fp32. Raises ModelError with the cause.
        """
        local = Path(source).is_dir()
        try:
            reading = read_reading(Path(source)) if local else Reading()
            calibration = read_calibration(Path(source)) if local else Calibration()
            learnt = read_learnt(Path(source)) if local else Learnt()
        except FactsError as error:
            raise ModelError(f"The model {source!r} was not loaded. {error}") from error
        if window_words:
            reading = reading.model_copy(update={"window_words": window_words})
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                folder = str(located(source, convert_pickle))
                gliner = GLiNER.from_pretrained(folder, local_files_only=local, map_location=device, dtype="fp32")
        except ModelError:
            raise
        except ImportError as error:
            raise ModelError(
                f"The model {source!r} was not loaded: its gliner_config.json names a splitter of words "
                f"(words_splitter_type) whose package is missing. {error}. Install it where Spanloop runs."
            ) from error
        except ForeignCode as error:
            raise ModelError(f"The model {source!r} was not loaded. {error}") from error
        except Exception as error:
            reason = "the directory cannot be read" if local else "there is no such directory, and the hub answered"
            raise ModelError(
                f"The model {source!r} could not be loaded ({reason}: {error}). "
                "Set SPANLOOP_MODEL to a directory with gliner_config.json or to a GLiNER model's name on the hub."
            ) from error
        model = cls(gliner, reading, calibration)
        if not learnt.labels:
            return model
        try:
            return model.with_base(read_base(Path(source), gliner), learnt)
        except FactsError as error:
            raise ModelError(f"The model {source!r} was not loaded. {error}") from error

    def twin(self) -> Model:
        """The same model with weights of its own, in fp32. It can be tuned."""
        return Model(twin(self.gliner), self.reading, self.calibration)

    def with_base(self, base: Any, learnt: Learnt) -> Model:
        """The same model, in fp32, which leaves the labels that it has not learnt to the base model's GLiNER."""
        other = copy.copy(self)
        other.base, other.learnt = base, learnt
        other.runner = Divided(Padded(self.gliner), Padded(base), learnt)
        return other

    def with_reading(self, reading: Reading) -> Model:
        """The same model, with the same weights and precision, that reads texts in another way."""
        other = copy.copy(self)
        other.reading = reading
        other.splitter = other._splitter(reading)
        return other

    def with_calibration(self, calibration: Calibration) -> Model:
        """The same model, with the same weights and precision, whose scores have another meaning."""
        other = copy.copy(self)
        other.calibration = calibration
        return other

    def _splitter(self, reading: Reading) -> Splitting:
        """A model whose config names a splitter of its own keeps it: it was trained on what that one yields."""
        if self.has_own_splitter:
            own: Splitting = self.gliner.data_processor.words_splitter
            return own
        return Splitter(reading.rungs, self.subtokens.cuts)

    def use(self, precision: Precision) -> None:
        """Make the model ready to serve in a precision; auto: the one that `best_precision` names.

        Scores are fp32 in every precision. Do not call this for a model that will be trained. Raises ModelError if the
        device or the architecture does not support the precision.
        """
        device = self.gliner.device
        if precision == "auto":
            precision = best_precision(device)
        if precision == "fp16" and device.type == "cpu":
            raise ModelError("fp16 needs a GPU, and this model is on a CPU. Set SPANLOOP_PRECISION to auto.")
        self.runner = self._runner(self.gliner, precision)
        if self.base is not None:
            self.runner = Divided(self.runner, self._runner(self.base, precision), self.learnt)
        self.batch_tokens = self.runner.batch_tokens

    def _runner(self, gliner: Any, precision: Precision) -> Runner:
        """What runs a network of this model's shape in a precision."""
        gliner.model.to(DTYPES[precision])
        probe = self._windows(split(PROBE, self.splitter, self.subtokens), PROBE_LABELS, 0.5)[0]
        linear = QuantizedLinear if precision == "int8" else PackedLinear
        packed = pack(gliner, linear, self.subtokens.closing, self.max_tokens, probe)
        if packed is None and precision == "int8":
            raise ModelError(
                "This model cannot serve in int8: Spanloop supports int8 on a CPU, for span models over BERT or "
                "DeBERTa. Set SPANLOOP_PRECISION to auto."
            )
        if packed is None and gliner.device.type == "cpu":
            log.info("no packed network supports this %s: GLiNER runs it with padding", type(gliner).__name__)
        return packed or Padded(gliner)

    def prepare(self, text: str, labels: Sequence[str], threshold: float, keeps_overlaps: bool = False) -> list[Window]:
        """The windows of one text for every group of `labels`; an empty list for a text without words.

        `threshold` is the lowest probability that is wanted. `keeps_overlaps`: whether candidates that overlap a better
        one are wanted, too.

        Raises TooLong for a label that takes more than half of a window, Unread for a text that is not read, and
        UnknownLabels where that is so of all labels.
        """
        unknown = self.prompts.unknown(labels)
        if unknown and len(unknown) == len(set(labels)):
            raise UnknownLabels(
                f"the model's tokenizer does not know the words of any label ({', '.join(unknown)[:60]}), so nothing "
                "was looked for; give the labels predicted_values in a language of the model, or set SPANLOOP_MODEL to "
                "a model for this language"
            )
        words = split(text, self.splitter, self.subtokens)
        if not self.reads(words):
            scripts = ", ".join(sorted({script_of(word) for word in self._unknown(words)} - {COMMON})[:3])
            raise Unread(
                f"the model's tokenizer does not know most of its words ({scripts or 'no letters'}), so nothing was "
                "looked for in it; set SPANLOOP_MODEL to a model for this language"
            )
        keeps = keeps_overlaps or self.calibration.reorders(labels) or self._divides(labels)
        return self._windows(words, labels, self.calibration.lowest_score(labels, threshold), keeps)

    def _divides(self, labels: Sequence[str]) -> bool:
        """Whether both networks answer: a candidate of one must not take the place of one that the other answers."""
        return self.base is not None and self.learnt.divides(labels)

    def _windows(
        self, words: Words, labels: Sequence[str], threshold: float, keeps_overlaps: bool = False
    ) -> list[Window]:
        found: list[Window] = []
        for group in self.prompts.of(labels):
            pieces = self.windows(words, len(group.prompt) + len(self.subtokens.closing))
            edges = zones([words.starts[p.start] for p in pieces], [words.ends[p.stop - 1] for p in pieces])
            # A candidate that another window decides must not take the place of one that this window decides.
            keeps = keeps_overlaps or len(pieces) > 1
            found += [
                self._window(words, group, piece, threshold, zone, keeps)
                for piece, zone in zip(pieces, edges, strict=True)
            ]
        return found

    def windows(self, words: Words, prompt_tokens: int) -> list[slice]:
        """The slices of a text's words that fit into a window beside a prompt of `prompt_tokens` sub-tokens."""
        room, most = self.max_tokens - prompt_tokens, self.window_words
        if len(words) <= most and len(words.ids) <= room:
            return [slice(0, len(words))] if len(words) else []
        overlap = max(self.max_width, most // 8)
        return [slice(start, end) for start, end in windows(words.tokens, words.cuts, most, room, overlap)]

    @property
    def window_words(self) -> int:
        """The most words in a window."""
        return min(self.max_words, self.reading.window_words or self.max_words)

    def reads(self, words: Words) -> bool:
        """Whether the tokenizer knows enough of a text's words for the text to count as read."""
        return self.unread(words) <= UNREAD_SHARE

    def unread(self, words: Words) -> float:
        """The share of the words with a letter or digit of which the tokenizer knows nothing, 0 to 1.

        The model sees such words as one and the same: a text that consists of them is not read.
        """
        unknown = self._unknown(words)
        return len(unknown) / sum(map(_has_letter, words.asked)) if unknown else 0.0

    def _unknown(self, words: Words) -> list[str]:
        """The words with a letter or digit of which the tokenizer knows nothing."""
        if self.subtokens.unknown is None or self.subtokens.unknown not in words.ids:
            return []
        ids = (words.ids[start:end] for start, end in pairwise(words.offsets))
        return [
            word
            for word, of_word in zip(words.asked, ids, strict=True)
            if _has_letter(word) and self.subtokens.knows_nothing(of_word)
        ]

    def run(self, batch: Sequence[Window]) -> list[list[Span]]:
        """The candidate spans in each window's zone, with those below its threshold, in code points of its text.

        Their scores are probabilities by the calibration.
        If the device lacks memory for the batch, runs it in halves and lowers `batch_tokens` to half of this batch.
        Raises torch.OutOfMemoryError if it lacks memory for a single window.
        """
        try:
            found = self.runner(batch, SCORE_FLOOR)
            own = (filter(window.zone.decides, spans) for window, spans in zip(batch, found, strict=True))
            return [self.calibration.applied(spans) for spans in own]
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
        # After the except clause, because its exception keeps the batch's tensors alive.
        torch.cuda.empty_cache()
        self.batch_tokens = min(self.batch_tokens, max(1, self.cost([window.tokens for window in batch]) // 2))
        log.warning("out of memory: later batches have at most %s sub-tokens", self.batch_tokens)
        half = len(batch) // 2
        return self.run(batch[:half]) + self.run(batch[half:])

    def cost(self, tokens: Sequence[int]) -> int:
        """Sub-tokens, with padding, of one batch of windows with these numbers of sub-tokens."""
        return self.runner.cost(tokens)

    def extract(
        self, texts: Sequence[str], labels: Sequence[str], threshold: float | None, told: Told = untold
    ) -> list[Extraction]:
        """The spans of every text, in order, as a request to the extractor returns them."""
        return self.extract_each([(text, labels) for text in texts], threshold, told)

    def extract_each(
        self, questions: Sequence[tuple[str, Sequence[str]]], threshold: float | None, told: Told = untold
    ) -> list[Extraction]:
        """The spans of every (text, labels) pair, in order, decoded as the version does. A text not read has none.

        `threshold` is the lowest probability of a span; None for the thresholds of the version. The certainty takes no
        account of labels that the tokenizer does not know.
        """
        overlap = self.reading.overlap
        decisive = self.calibration.decision(threshold)
        candidates = self.candidates(questions, threshold, decisive.keeps_overlaps(overlap), told)
        return [decide(spans, *decisive, overlap) for spans in candidates]

    def candidates(
        self,
        questions: Sequence[tuple[str, Sequence[str]]],
        threshold: float | None,
        keeps_overlaps: bool,
        told: Told = untold,
    ) -> list[list[Span]]:
        """The candidate spans of every (text, labels) pair, in order, above SCORE_FLOOR or the threshold, the lower
        one; for None the version's thresholds count. A text not read has none.

        `keeps_overlaps`: whether candidates that overlap a better one are wanted, too.
        """
        decisive = self.calibration.decision(threshold)
        indexed: list[tuple[int, Window]] = []
        for index, (text, labels) in enumerate(questions):
            with suppress(Unread):
                own = self.prepare(text, labels, decisive.lowest(labels), keeps_overlaps)
                indexed += [(index, window) for window in own]
        candidates: list[list[Span]] = [[] for _ in questions]
        indexed.sort(key=lambda entry: entry[1].tokens)
        read, whole = 0, sum(window.tokens for _, window in indexed)
        for batch in self._batches(indexed):
            for (index, _), spans in zip(batch, self.run([window for _, window in batch]), strict=True):
                candidates[index].extend(spans)
            read += sum(window.tokens for _, window in batch)
            told(read / whole)
        return candidates

    def _batches(self, indexed: Sequence[tuple[int, Window]]) -> Iterator[Sequence[tuple[int, Window]]]:
        """Cut a sequence of windows into batches of at most `batch_tokens`, but of at least one window."""
        start = 0
        while start < len(indexed):
            end = start + 1
            while end < len(indexed) and end - start < MAX_BATCH_WINDOWS:
                if self.cost([window.tokens for _, window in indexed[start : end + 1]]) > self.batch_tokens:
                    break
                end += 1
            yield indexed[start:end]
            start = end

    def _window(
        self, words: Words, group: Group, piece: slice, threshold: float, zone: Zone, keeps_overlaps: bool
    ) -> Window:
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
            keeps_overlaps=keeps_overlaps,
            zone=zone,
        )


def _has_letter(word: str) -> bool:
    return any(map(str.isalnum, word))


def _positions(gliner: Any, tokenizer: Any) -> int:
    """The most sub-tokens that the encoder reads: the smaller of the tokenizer's limit and the encoder's positions."""
    encoder = getattr(gliner.config, "encoder_config", None)
    positions = getattr(encoder, "max_position_embeddings", None) or DEFAULT_POSITIONS
    return int(min(tokenizer.model_max_length, positions))
