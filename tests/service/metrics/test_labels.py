from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from service.metrics.gauges import gauge
from service.metrics.labels import LABEL_CHARACTERS_MAX, Capped, legible
from tests.support.samples import Scrape


def test_the_first_labels_keep_their_names_and_all_others_are_other():
    label = Capped(3)
    assert [label(name) for name in ("a", "b", "a", "c", "d", "e", "a", "c")] == [*"abac", "other", "other", *"ac"]


def test_labels_that_are_equal_after_cutting_count_as_one():
    label = Capped(2)
    assert label("x" * 1000) == label("x" * 2000) == "x" * LABEL_CHARACTERS_MAX
    assert label("y") == "y"


@given(st.text(st.characters(exclude_categories=()), max_size=200))
@example('a lone surrogate \ud800, "\n" and \\')
def test_any_text_is_a_label_that_prometheus_can_read(text):
    class One:
        def collect(self):
            return [gauge("one", "", {(legible(text),): 1.0}, "label")]

    registry = CollectorRegistry()
    registry.register(One())
    scrape = Scrape(generate_latest(registry).decode("utf-8"))
    assert list(scrape.of("one")) == [(legible(text),)]
    assert len(legible(text)) <= LABEL_CHARACTERS_MAX
