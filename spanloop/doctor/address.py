"""Label Studio's address: is it set, and does a Label Studio answer there?"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from service.labelstudio.errors import LabelStudioError, NoApi
from service.labelstudio.inspection import answer_of
from spanloop.doctor.finding import Finding, ok, wrong

CHECK = "Label Studio's address"
VARIABLE = "SPANLOOP_LABEL_STUDIO_URL"
NOTHING_WORKS = "No run can read annotations, and nothing can be written to Label Studio."


def check(url: str) -> Finding:
    """What answers at an address, as `service.labelstudio.client` writes it: without a slash at its end."""
    if not url:
        return _wrong(
            "It is not set.", f"Set {VARIABLE} (labelStudio.url in the chart) to the address in your browser."
        )
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return _wrong(f"{url} is no address of a web server.", f"Write {VARIABLE} with http:// or https:// in front.")
    try:
        socket.getaddrinfo(parts.hostname, None)
    except OSError:
        cure = f"Check the name in {VARIABLE}, and the name server of this machine."
        return _wrong(f"This machine finds no address for the name {parts.hostname}.", cure)
    try:
        answer = answer_of(url)
    except NoApi as other:
        return _wrong(str(other), f"Set {VARIABLE} to the address of Label Studio itself, its path included.")
    except LabelStudioError as error:
        return _wrong(str(error), f"Start Label Studio, or correct {VARIABLE}.")
    if answer.redirect:
        return _wrong(
            f"{url} redirects to {answer.redirect}.", f"Set {VARIABLE}={answer.redirect}: no key is sent along."
        )
    return ok(CHECK, f"Label Studio {answer.release} answers at {url}.")


def _wrong(told: str, cure: str) -> Finding:
    return wrong(CHECK, told, NOTHING_WORKS, cure)
