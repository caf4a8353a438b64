"""Requests to one repository of a registry: with credentials if it asks for them; refusals become errors."""

from __future__ import annotations

import json
import logging
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from service.versions.oci.authorization import Authorization, retry_after, same_origin
from service.versions.oci.backoff import Passing
from service.versions.oci.credentials import Keychain
from service.versions.oci.errors import NotInRegistry, RegistryStep, Unsupported
from service.versions.reference import Repository


class _NoQueries(logging.Filter):
    """Removes the queries from the URLs that httpx logs: in a registry's redirect the query is a credential."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


logging.getLogger("httpx").addFilter(_NoQueries())


ALLOW_DELETION = "Allow it in the registry's settings (docker-registry: storage.delete.enabled)."
ALLOW_UPLOADS = (
    "The registry takes no uploads: it is read-only (docker-registry: storage.maintenance.readonly) or a mirror of "
    "another (proxy.remoteurl). Allow them, or set SPANLOOP_REGISTRY (registry.url in the chart) to another one."
)


class Connection:
    """Sends requests below `/v2/NAME/`, each in one attempt.

    Credentials go to the registry and to the token server that it names, never to a server to which it redirects.
    """

    def __init__(self, repository: Repository, plain_http: bool, keychain: Keychain, timeout: float) -> None:
        """`timeout`: seconds without progress; a registry may take long to store an upload."""
        self.repository = repository
        origin = httpx.URL(f"{'http' if plain_http else 'https'}://{repository.api_host}/")
        self.base = origin.join(f"/v2/{repository.name}/")
        self._authorization = Authorization(repository, keychain, origin)
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(10, timeout)), headers={"Accept-Encoding": "identity"}
        )

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def exchange(
        self,
        step: RegistryStep,
        method: str,
        url: httpx.URL | str,
        *,
        ok: tuple[int, ...],
        actions: str = "pull",
        headers: dict[str, str] | None = None,
        content: bytes | Path | None = None,
    ) -> Iterator[httpx.Response]:
        """Send one request, and send it again with credentials if the registry asks for them. The body is not read.

        `url`: absolute, or relative to `/v2/NAME/`. `actions`: what the request needs the right to ("pull",
        "pull,push", "delete"). A file is streamed, from its beginning.

        Raises Passing for failures that may pass, also while the body is read, and RegistryError for a status that is
        not in `ok`.
        """
        try:
            url = self.base.join(url)
            answer = self._send(method, url, actions, headers or {}, content)
            if answer.status_code == 401:
                answer.close()
                self._authorization.renew(self._http, actions, answer, step)
                answer = self._send(method, url, actions, headers or {}, content)
            try:
                if answer.status_code not in ok:
                    raise self._refusal(step, method, answer)
                yield answer
            finally:
                answer.close()
        except httpx.LocalProtocolError:  # its text quotes the header, and so the credentials
            raise step.failed(
                "the credentials, or the token that was given for them, cannot be sent: no header can carry them",
                f"Check the credentials for {self.repository.host}, and what gives out its tokens.",
            ) from None
        except (httpx.TooManyRedirects, httpx.InvalidURL) as error:
            raise step.failed(
                f"the registry sends the client to an address that leads nowhere ({type(error).__name__})",
                "Look at the registry's settings for its own address and its storage.",
            ) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _broken(error, step) from error

    def _send(
        self, method: str, url: httpx.URL, actions: str, headers: dict[str, str], content: bytes | Path | None
    ) -> httpx.Response:
        headers = {**headers, **(self._authorization.header(actions) if same_origin(url, self.base) else {})}
        reading = method in ("GET", "HEAD")
        if not isinstance(content, Path):
            request = self._http.build_request(method, url, headers=headers, content=content)
            return self._http.send(request, stream=True, follow_redirects=reading)
        with content.open("rb") as file:
            request = self._http.build_request(method, url, headers=headers, content=file)
            return self._http.send(request, stream=True)

    def _refusal(self, step: RegistryStep, method: str, answer: httpx.Response) -> Exception:
        """The error for an answer with an unexpected status."""
        status, host = answer.status_code, self.repository.host
        why = f"{answer.url.host} answered {status}{self._authorization.conceal(_error_in(answer))}"
        if status in (408, 429) or status >= 500:
            return Passing(why, retry_after(answer))
        if status == 401:
            return self._authorization.refused(step)
        if status == 403:
            remedy = f"Give the credentials for {host} the right to do it in {self.repository.name}"
            return step.failed(why, f"{remedy} (registry.existingSecret in the chart).")
        if status == 404:
            return step.failed(why, "Check the names of repository and version.", NotInRegistry)
        if status == 405:
            return step.failed(why, ALLOW_DELETION if method == "DELETE" else ALLOW_UPLOADS, Unsupported)
        return step.failed(why, "The registry's log says more.")


def _broken(error: httpx.RequestError, step: RegistryStep) -> Exception:
    """The error for a failed connection. It may pass, except for an untrusted certificate or a server without TLS."""
    cause: BaseException | None = error
    while cause and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return step.failed(
            f"its certificate is not trusted ({cause.verify_message})",
            "Name the authority's certificate in SSL_CERT_FILE (extraEnv and extraVolumes in the chart).",
        )
    if isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return step.failed(
            "it does not speak TLS",
            "Set SPANLOOP_REGISTRY_PLAIN_HTTP=true (registry.plainHttp in the chart) if that is meant.",
        )
    return Passing(f"the connection failed ({type(error).__name__}: {error})")


def _error_in(answer: httpx.Response) -> str:
    """The registry's error message; empty if the answer does not have the specification's form."""
    try:
        first: Any = json.loads(next(answer.iter_bytes(1 << 16), b""))["errors"][0]
        words = f"{first.get('code', '')} {first.get('message', '')}"
    except (ValueError, LookupError, TypeError, AttributeError, httpx.TransportError):
        return ""
    return ": " + re.sub(r"\s+", " ", words).strip()[:200]
