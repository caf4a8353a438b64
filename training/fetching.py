"""Work on many items in threads, in their order: for texts at addresses, which take a while each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from service.labelstudio.remote_texts import FETCHES

AHEAD = 2 * FETCHES
"""So many items are begun before the first of them is taken: memory holds no more results."""
MOST_SECONDS = 7200.0
"""An item takes no longer: the texts of a project are fetched within an hour (`TEXTS_SECONDS` of a run)."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def in_order(work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
    """The result of `work` for each item, in order; FETCHES are worked on at once.

    Raises what `work` raises, and TimeoutError for an item that takes longer than MOST_SECONDS.
    """
    pool = ThreadPoolExecutor(FETCHES, thread_name_prefix="fetch")
    begun: deque[Future[ResultT]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) >= AHEAD:
                yield _result(begun.popleft())
        while begun:
            yield _result(begun.popleft())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _result(future: Future[ResultT]) -> ResultT:
    if not wait([future], MOST_SECONDS).done:
        raise TimeoutError(
            f"The texts of a task were not fetched in {MOST_SECONDS:g} seconds. Nothing was trained and the live "
            "version is untouched. Look after the hosts that SPANLOOP_TEXT_HOSTS names, then start the run again."
        )
    return future.result()
