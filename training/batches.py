"""Batches of examples that are about as long as each other, since a batch is padded to its longest example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from training.dataset import Example

POOL_BATCHES = 8
"""Batches that are drawn together and dealt out by length: of more, the same examples would meet again and again."""

PADDING_FACTOR = 1.5
PADDING_WORDS = 16
WORDS_PER_LABEL = 3
"""Examples go through the network together while the longest has at most 1.5 times the shortest's words and 16."""


class Shuffled:
    """Epochs of shuffled examples, in batches of like length. They depend on the seed alone.

    A batch is padded to its longest example. So of every 8 batches' examples the shortest come into one batch, the next
    into another, and the batches are shuffled again.
    """

    def __init__(self, examples: Sequence[Example], size: int, seed: int) -> None:
        self.examples = examples
        self.size = size
        self.seed = seed
        self._epoch = -1
        self._order: list[Example] = []

    def take(self, step: int) -> list[Example]:
        """The `size` examples of a step."""
        return [self._at(index) for index in range(step * self.size, (step + 1) * self.size)]

    def _at(self, index: int) -> Example:
        epoch, place = divmod(index, len(self.examples))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, list(self._shuffled(epoch))
        return self._order[place]

    def _shuffled(self, epoch: int) -> Iterator[Example]:
        """An epoch. Its first examples complete the batch that the epoch before has begun."""
        random = Random(f"{self.seed}:{epoch}")
        order = random.sample(self.examples, len(self.examples))
        begun = -epoch * len(order) % self.size
        yield from order[:begun]
        for start in range(begun, len(order), POOL_BATCHES * self.size):
            pool = order[start : start + POOL_BATCHES * self.size]
            last = pool[len(pool) - len(pool) % self.size :]  # what is too few for a batch ends the epoch
            pool = sorted(pool[: len(pool) - len(last)], key=_size)
            batches = [pool[at : at + self.size] for at in range(0, len(pool), self.size)]
            random.shuffle(batches)
            for batch in batches:
                yield from batch
            yield from last


def alike(batch: Sequence[Example]) -> list[list[Example]]:
    """A batch in parts of like length: each is padded to its longest, and one long note would pad all the others.

    The gradient is the sum over the parts, so the result is that of the whole batch.
    """
    parts: list[list[Example]] = []
    for example in sorted(batch, key=_size, reverse=True):
        if not parts or _size(parts[-1][0]) > PADDING_FACTOR * _size(example) + PADDING_WORDS:
            parts.append([])
        parts[-1].append(example)
    return parts


def _size(example: Example) -> int:
    """About how many words an example is, its prompt of labels included."""
    return len(example.words) + WORDS_PER_LABEL * len(example.labels)
