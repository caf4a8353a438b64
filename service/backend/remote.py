"""The extractor in other pods, reached at one address."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import httpx
import msgspec
from prometheus_client.metrics_core import Metric

from service.errors import Cause
from service.extractor.questions import Answer, Question, Unavailable
from service.extractor.wire import decode_answer, encode_ask

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.25
"""Seconds between two tries while no pod answers."""
CONNECT_SECONDS = 2.0
"""Seconds to wait for a connection: some clusters drop packets to a Service without pods instead of refusing them."""
MARGIN_SECONDS = 1.0
"""Seconds for the transfer of an answer, beyond the time that the extractor is given."""


class RemoteExtractor:
    """An Extractor at a URL. While no pod answers (it starts, or there is none), a request waits until its deadline.

    `version` returns the version that should answer. `asked` is called at the start and end of each request, `wake`
    after each try that no pod answered, `ended` with True if the request was answered and False if its time is up.
    """

    def __init__(
        self,
        url: str,
        version: Callable[[], str],
        asked: Callable[[], None],
        wake: Callable[[], None],
        ended: Callable[[bool], None],
    ) -> None:
        # Each request makes a new connection: a kept one would send all requests to one pod of several.
        # No proxy: texts go to the extractor only.
        self._http = httpx.AsyncClient(
            base_url=url,
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
            verify=url.startswith("https:"),
        )
        self._version = version
        self._asked = asked
        self._wake = wake
        self._ended = ended
        self.queued = 0
        self.since: datetime | None = None
        self.device = ""
        self.why_not = ""

    @property
    def version(self) -> str | None:
        return self._version()

    async def ask(self, questions: Sequence[Question], threshold: float | None, seconds: float) -> Answer:
        """Answer all questions with one version. Extraction changes nothing, so a failed request is sent again.

        Raises Unavailable if no pod answers within `seconds`, or the extractor refuses the request.
        """
        texts = sum(len(question.texts) for question in questions)
        self.queued += texts
        self._asked()
        try:
            return await self._ask(questions, threshold, time.monotonic() + seconds)
        finally:
            self._asked()
            self.queued -= texts

    def gauges(self) -> Iterable[Metric]:
        """No gauges: the extractor's pods expose their own."""
        return ()

    def close(self) -> None:
        """Do nothing: no connection stays open between requests."""

    def _note(self, why_not: str) -> None:
        """Note whether the extractor has answered, or why it has not."""
        if self.since is None or bool(why_not) != bool(self.why_not):
            self.since = datetime.now(UTC)
        self.why_not = why_not

    async def _ask(self, questions: Sequence[Question], threshold: float | None, deadline: float) -> Answer:
        body = encode_ask(questions, threshold)
        while (left := deadline - time.monotonic()) > 0:
            timeout = httpx.Timeout(left + MARGIN_SECONDS, connect=CONNECT_SECONDS)
            try:
                response = await self._http.post("/extract", params={"seconds": left}, content=body, timeout=timeout)
                if response.status_code == httpx.codes.OK:
                    self._note("")
                    self._ended(True)
                    return decode_answer(response.content)
                self._note(_reason(response))
            except httpx.HTTPError as error:
                self._note(f"the extractor does not answer ({type(error).__name__})")
            except msgspec.MsgspecError as error:
                reason = f"The extractor's answer cannot be read: {error}."
                raise Unavailable(reason, Cause.EXTRACTOR_ANSWER) from error
            self._wake()
            await asyncio.sleep(min(RETRY_SECONDS, max(0.0, deadline - time.monotonic())))
        self._ended(False)
        reason = f"No model answered in time: {self.why_not or 'it is starting'}"
        raise Unavailable(reason, Cause.EXTRACTOR_UNREACHABLE)


def _reason(response: httpx.Response) -> str:
    """Why the extractor did not answer. Raises Unavailable for a refusal, which a later try would meet again."""
    try:
        reason = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        reason = f"the extractor answered {response.status_code}"
    if response.is_client_error:
        raise Unavailable(reason, Cause.EXTRACTOR_ANSWER)
    return reason
