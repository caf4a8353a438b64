"""The backend itself: does it run, is it of this release, and what does it say of what it needs?"""

from __future__ import annotations

from typing import Any

import httpx

from service import __version__
from service.settings import BasicAuthSettings
from spanloop.doctor.finding import Finding, look, ok, wrong

CHECK, NEEDS = "The backend", "What the backend needs"
START = "Start it with `spanloop serve`, or name its address with --backend."
NO_HELP = "Label Studio gets no predictions."


def health(url: str, settings: BasicAuthSettings) -> dict[str, Any] | Finding:
    """What the backend says of itself, or why that is not known."""
    auth = settings.login if settings.login.is_set else None
    try:
        answer = httpx.get(f"{url.rstrip('/')}/health", auth=auth, timeout=10, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return wrong(CHECK, f"Nothing answers at {url} ({type(error).__name__}).", NO_HELP, START)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        cure = "Set SPANLOOP_BASIC_AUTH_USERNAME and SPANLOOP_BASIC_AUTH_PASSWORD to what the backend was started with."
        return wrong(CHECK, f"{url} refuses the credentials.", "The backend cannot be asked how it stands.", cure)
    said = _said(answer)
    return said or wrong(CHECK, f"What answers at {url} is no Spanloop.", NO_HELP, START)


def said_to_anyone(url: str) -> dict[str, Any]:
    """What a Spanloop at an address says of itself; empty if there is none, or it wants credentials.

    None are sent: the address may be a stranger's.
    """
    try:
        answer = httpx.get(f"{url.rstrip('/')}/health", timeout=10, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return {}
    return _said(answer)


def _said(answer: httpx.Response) -> dict[str, Any]:
    """What a Spanloop says of itself; empty if it is none."""
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) and said.get("model_class") == "Spanloop" else {}


def running(url: str, said: dict[str, Any]) -> Finding:
    """Whether the backend answers with a model, and is of this release."""
    if not said.get("answers", True):
        meaning = f"{NO_HELP} It may be loading the model."
        return wrong(
            CHECK, f"{url} answers, but no model does.", meaning, f"Open {url} in a browser: its page says why."
        )
    release = said.get("release", "an older release")
    if release != __version__:
        told = f"{url} runs {release}, and this command is {__version__}."
        return look(CHECK, told, "They may read settings and files differently.", "Start the backend again.")
    return ok(CHECK, f"Spanloop {release} answers at {url} with {said.get('model_version')}.")


def needs(url: str, said: dict[str, Any]) -> Finding:
    """What the backend says of Label Studio, the registry and the API server."""
    states = said.get("dependencies") or {}
    away = sorted(name.replace("_", " ") for name, state in states.items() if not state["up"])
    if away:
        told = f"It cannot use: {', '.join(away)}."
        return wrong(NEEDS, told, "What hangs on these stands still.", f"Open {url} in a browser: its page says why.")
    return ok(NEEDS, f"It reached all that it asked: {', '.join(states).replace('_', ' ') or 'nothing yet'}.")
