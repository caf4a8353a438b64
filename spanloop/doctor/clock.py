"""This machine's clock, against those of Label Studio and the registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from spanloop.doctor.finding import Finding, ok, unchecked, wrong

CHECK = "The clock against {name}'s"
LARGEST = timedelta(minutes=1)


def check(name: str, url: str, now: datetime) -> Finding:
    """Whether this machine's clock and that of a server are a minute apart at most."""
    check = CHECK.format(name=name)
    try:
        said = httpx.head(url, timeout=10).headers.get("date", "")
    except (httpx.HTTPError, httpx.InvalidURL):
        return unchecked(check, f"{name} does not answer")
    try:
        apart = now - parsedate_to_datetime(said).astimezone(UTC)
    except ValueError:
        return unchecked(check, f"{name} does not say what time it has")
    return judged(check, name, apart)


def judged(check: str, name: str, apart: timedelta) -> Finding:
    """What to say of clocks that are `apart`; positive if this machine's is ahead."""
    if abs(apart) <= LARGEST:
        return ok(check, "They agree.")
    side = "ahead of" if apart > timedelta(0) else "behind"
    return wrong(
        check,
        f"This machine is {abs(apart).total_seconds():.0f} seconds {side} {name}.",
        "Tokens count as expired or not yet valid, and times are told wrongly.",
        "Set the clocks by NTP, on whichever machine is wrong.",
    )
