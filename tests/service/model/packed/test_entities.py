from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from service.model.packed.entities import entities
from service.model.spans import Span, best
from service.model.windows import Group, Window

LABELS = ("city", "person")


def window(words):
    starts = [4 * number for number in range(words)]
    ends = [start + 3 for start in starts]
    return Window(["abc"] * words, starts, ends, [7] * words, [1] * words, Group(LABELS, (), ()), words, 0.5)


@given(
    words=st.integers(1, 6), widths=st.integers(1, 4), numbers=st.lists(st.integers(-3, 3), min_size=48, max_size=48)
)
def test_the_chosen_spans_are_those_of_the_flat_choice(words, widths, numbers):
    logits = torch.tensor(numbers[: words * widths * 2], dtype=torch.float32).view(words, widths, 2)
    one = window(words)
    every = [
        Span(one.starts[start], one.ends[start + more], LABELS[label], float(logits[start, more, label].sigmoid()))
        for start in range(words)
        for more in range(min(widths, words - start))
        for label in range(2)
        if logits[start, more, label].sigmoid() > 0.3
    ]
    found = entities(one, logits, 0.3)
    wanted = best(every, "flat")
    assert [span[:3] for span in sorted(found)] == [span[:3] for span in wanted]
    assert [span.score for span in sorted(found)] == pytest.approx([span.score for span in wanted])


@given(words=st.integers(1, 5), numbers=st.lists(st.integers(-3, 3), min_size=30, max_size=30))
def test_a_window_that_keeps_overlaps_has_every_candidate_above_the_floor_and_the_best_first(words, numbers):
    logits = torch.tensor(numbers[: words * 6], dtype=torch.float32).view(words, 3, 2)
    one = replace(window(words), keeps_overlaps=True)
    found = entities(one, logits, 0.3)
    assert {span[:3] for span in found} == {
        (one.starts[start], one.ends[start + more], LABELS[label])
        for start in range(words)
        for more in range(min(3, words - start))
        for label in range(2)
        if logits[start, more, label].sigmoid() > 0.3
    }
    assert [span.score for span in found] == sorted((span.score for span in found), reverse=True)


def test_without_a_score_above_the_floor_there_is_no_span():
    assert entities(window(3), torch.full((3, 2, 2), -9.0), 0.02) == []
