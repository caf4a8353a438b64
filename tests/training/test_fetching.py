from __future__ import annotations

import threading

import pytest

from training.fetching import in_order


def test_an_item_that_never_ends_is_given_up_with_what_to_do(monkeypatch):
    monkeypatch.setattr("training.fetching.MOST_SECONDS", 0.2)
    ended = threading.Event()
    items = in_order(lambda item: item if item == "quick" else ended.wait(60), ["quick", "stuck", "next"])
    assert next(items) == "quick"
    try:
        with pytest.raises(TimeoutError, match=r"live version is untouched.*SPANLOOP_TEXT_HOSTS"):
            next(items)
    finally:
        ended.set()
