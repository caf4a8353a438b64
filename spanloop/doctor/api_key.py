"""The API key: is it set, of which kind is it, does Label Studio take it, and whose is it?"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from service.labelstudio.connection import JWT_PARTS
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.inspection import Inspection
from spanloop.doctor.finding import Finding, ok, wrong

CHECK = "The API key"
VARIABLE = "SPANLOOP_LABEL_STUDIO_API_KEY"
NOTHING_READ = "No run can read annotations, and nothing can be written to Label Studio."
MAKE_ONE = (
    f"Create one in Label Studio under Account & Settings → Personal Access Token, and set {VARIABLE} to it (in the "
    "chart, in the Secret of labelStudio.existingSecret). Then start the backend again."
)
LEGACY_IS_OFF = "Label Studio takes legacy tokens only where its organization's settings allow them."


def check(key: str, inspection: Inspection, now: datetime) -> Finding:
    """Whether Label Studio takes a key. The key is in no sentence."""
    if not key:
        return wrong(CHECK, "It is not set.", NOTHING_READ, MAKE_ONE)
    is_personal = key.count(".") == JWT_PARTS - 1
    kind = "personal access token" if is_personal else "legacy token"
    ends = _end(key) if is_personal else None
    if ends and ends <= now:
        return wrong(
            CHECK, f"The personal access token has expired on {ends:%Y-%m-%d at %H:%M} UTC.", NOTHING_READ, MAKE_ONE
        )
    try:
        account = inspection.account()
    except LabelStudioError as refused:
        told = f"It is a {kind}. {refused}{'' if is_personal else f' {LEGACY_IS_OFF}'}"
        return wrong(CHECK, told, NOTHING_READ, MAKE_ONE)
    until = f", valid until {ends:%Y-%m-%d}" if ends else ""
    return ok(CHECK, f"Label Studio takes it: a {kind} of {account}{until}.")


def _end(token: str) -> datetime | None:
    """When a personal access token expires, as it says itself; None if it does not say."""
    payload = token.split(".")[1]
    try:
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(int(said["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None
