"""Honest clients of a backend: they ask for predictions one after another, and count what became of every request."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from tests.support import tiny
from tests.support.training_bench import CONFIG

ANSWER_SECONDS = 100.0
"""Seconds that Label Studio waits for predictions. A request that has no answer then hangs."""
PAUSE_SECONDS = 0.05
"""Seconds until a client asks again whose connection was refused."""
TEXTS = [f"the old house where {name} lives in {city}" for name in tiny.PEOPLE for city in tiny.CITIES]
PREDICT = "/predict"
WHY_CHARACTERS = 200
Found = tuple[tuple[int, int, str], ...]
"""The spans of an answer: start, end and label."""
RIGHT, WRONG, REASON, REFUSED, CUT, HANGING = OUTCOMES = ("right", "wrong", "reason", "refused", "cut", "hanging")
LOST = (REASON, REFUSED, CUT)
"""Outcomes after which a client waits before it asks again."""


class Failed(NamedTuple):
    """A request that was not answered right."""

    began: float
    """By the monotonic clock, in seconds, as is `ended`."""
    ended: float
    outcome: str
    why: str
    """What the client was told, or what became of its connection."""


class Load:
    """Clients that ask while the context lasts. Every request ends in one of the outcomes that it counts.

    `right`: answered, a prediction with the spans that the same version has always found in the text; `wrong`: with
    others; `reason`: with a reason instead of spans; `refused`: a status of 400 or above; `cut`: no connection, or one
    that ended without an answer; `hanging`: no answer in time.
    """

    def __init__(self, url: str, auth: tuple[str, str] | None = None, clients: int = 2, seed: int = 0) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        """Requests by route and outcome."""
        self.seconds: dict[str, list[float]] = defaultdict(list)
        """Seconds of each right answer, by route."""
        self.failed: list[Failed] = []
        # As Label Studio's, each request has a connection of its own.
        self._http = {"base_url": url, "auth": auth, "timeout": ANSWER_SECONDS, "headers": {"Connection": "close"}}
        self._known: dict[tuple[str, str], Found] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(random.Random(seed + n),)) for n in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def count(self, outcome: str) -> int:
        """Number of requests with an outcome."""
        with self._lock:
            return sum(count for (_, one), count in self.counts.items() if one == outcome)

    @property
    def total(self) -> int:
        """Number of requests that have ended."""
        with self._lock:
            return self.counts.total()

    def wait(self, answers: int, seconds: float = 300.0) -> float:
        """Wait for so many further right answers. Returns the seconds. Raises TimeoutError."""
        began, before = time.monotonic(), self.count(RIGHT)
        while self.count(RIGHT) < before + answers:
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"{answers} right answers did not come within {seconds:.0f} s: {self.counts}")
            time.sleep(0.01)
        return time.monotonic() - began

    @property
    def findings(self) -> list[str]:
        """What no fault may cause."""
        return [f"{self.count(one)} answers {one}" for one in (WRONG, HANGING) if self.count(one)]

    def choose(self, rng: random.Random) -> tuple[str, Mapping[str, Any] | None]:
        """The route that is asked next, and what is sent there; None for a GET."""
        task = {"id": 1, "data": {"text": rng.choice(TEXTS)}}
        return PREDICT, {"tasks": [task], "label_config": CONFIG, "project": "1.1"}

    def _ask(self, rng: random.Random) -> None:
        with httpx.Client(**self._http) as http:  # type: ignore[arg-type]
            while not self._over.is_set():
                route, body = self.choose(rng)
                began = time.monotonic()
                outcome, why = self._outcome(http, route, body)
                ended = time.monotonic()
                with self._lock:
                    self.counts[route, outcome] += 1
                    self.seconds[route] += [ended - began] if outcome == RIGHT else []
                    self.failed += [] if outcome == RIGHT else [Failed(began, ended, outcome, why)]
                if outcome in LOST:
                    time.sleep(PAUSE_SECONDS)

    def _outcome(self, http: httpx.Client, route: str, body: Mapping[str, Any] | None) -> tuple[str, str]:
        """The outcome of a request, and why it is not `right`."""
        try:
            answer = http.get(route) if body is None else http.post(route, json=body)
        except httpx.TimeoutException as error:
            return HANGING, type(error).__name__
        except httpx.TransportError as error:
            return CUT, f"{type(error).__name__}: {error}"
        if answer.is_error:
            return REFUSED, f"{answer.status_code}: {answer.text[:WHY_CHARACTERS]}"
        if route != PREDICT or body is None:
            return RIGHT, ""
        (item,) = answer.json()["results"]
        if "result" not in item:
            return REASON, str(item.get("error", item))[:WHY_CHARACTERS]
        text = body["tasks"][0]["data"]["text"]
        return (RIGHT, "") if self._is_as_before(text, item) else (WRONG, f"{item['model_version']}: {text}")

    def _is_as_before(self, text: str, item: Mapping[str, Any]) -> bool:
        values = [(region["value"], region["type"]) for region in item["result"]]
        found = tuple(sorted((value["start"], value["end"], value[kind][0]) for value, kind in values))
        with self._lock:
            return self._known.setdefault((item["model_version"], text), found) == found
