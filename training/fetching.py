"""Work on many items in threads, in their order: for texts at addresses, which take a while each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from service.labelstudio.remote_texts import FETCHES

AHEAD = 2 * FETCHES
"""So many items are begun before the first of them is taken: memory holds no more results."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def in_order(work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
    """The result of `work` for each item, in order; FETCHES are worked on at once. Raises what `work` raises."""
    pool = ThreadPoolExecutor(FETCHES, thread_name_prefix="fetch")
    begun: deque[Future[ResultT]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) >= AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
