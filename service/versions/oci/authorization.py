"""Authorization in a repository: Basic, or a bearer token for each scope."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from service.versions.oci.backoff import Passing
from service.versions.oci.credentials import Credential, Keychain
from service.versions.oci.errors import CredentialError, RegistryError, RegistryStep
from service.versions.reference import Repository

_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^",\s]+))')
_CLIENT = "spanloop"


class Authorization:
    """The Authorization headers for one repository: obtained when the registry demands one, and kept by scope."""

    def __init__(self, repository: Repository, keychain: Keychain, origin: httpx.URL) -> None:
        self._repository, self._keychain, self._origin = repository, keychain, origin
        self._headers: dict[str, str] = {}
        self._secrets: set[str] = set()

    def header(self, actions: str) -> dict[str, str]:
        """The header for these actions ("pull", "pull,push", "delete"); empty if none is known yet."""
        known = self._headers.get(actions)
        return {"Authorization": known} if known else {}

    def renew(self, http: httpx.Client, actions: str, response: httpx.Response, step: RegistryStep) -> None:
        """Answer the challenge of a 401. Raises RegistryError if no credentials do, Passing if a server is busy.

        Only the registry itself may ask: a server to which it redirects gets no credentials.
        """
        self._headers.pop(actions, None)
        if not same_origin(response.url, self._origin):
            raise step.failed(
                f"{response.url.host}, which the registry redirected to, asked for credentials; it was given none",
                "Look at the registry's storage.",
                CredentialError,
            )
        credential = self._keychain.find(self._repository)
        challenges = dict(map(_parsed, response.headers.get_list("WWW-Authenticate")))
        if "bearer" in challenges:
            header = f"Bearer {self._token(http, actions, challenges['bearer'], credential, step)}"
        elif "basic" in challenges and credential and credential.username:
            header = credential.basic
        else:
            raise self._refused(credential, step)
        self._headers[actions] = header
        self._remember(credential, header)

    def refused(self, step: RegistryStep) -> RegistryError:
        """The error for a second 401, after the challenge of the first was answered."""
        return self._refused(self._keychain.find(self._repository), step)

    def conceal(self, text: str) -> str:
        """`text` without the secrets: a server may repeat what it received."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def _remember(self, credential: Credential | None, header: str) -> None:
        secrets = {header.partition(" ")[2]}
        if credential:
            secrets |= {credential.password, credential.identity_token, credential.basic.partition(" ")[2]}
        self._secrets = {secret for secret in secrets if secret}

    def _refused(self, credential: Credential | None, step: RegistryStep) -> RegistryError:
        host, file = self._repository.host, self._keychain.path
        why = f"{host} asks for credentials, and {file} has none for it"
        if credential:
            why = f"{host} refuses the credentials that {file} has for it, or they lack this right"
        return step.failed(why, f"Put credentials for {host} that may do this into that file.", CredentialError)

    def _token(
        self,
        http: httpx.Client,
        actions: str,
        challenge: dict[str, str],
        credential: Credential | None,
        step: RegistryStep,
    ) -> str:
        """Request a token from the token server that the registry names, by Docker's token specification."""
        realm = self._realm(challenge, step)
        query = {"scope": challenge.get("scope") or f"repository:{self._repository.name}:{actions}"}
        if service := challenge.get("service"):
            query["service"] = service
        try:
            answer = self._ask(http, realm, query, credential)
        except httpx.LocalProtocolError:
            raise self._refused(credential, step) from None
        except httpx.TransportError as error:
            raise Passing(f"the token server {realm.host} does not answer ({type(error).__name__})") from error
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            raise Passing(f"the token server {realm.host} answered {answer.status_code}", retry_after(answer))
        if answer.status_code != 200:
            raise self._refused(credential, step)
        token = _token_in(answer)
        if not token:
            raise step.failed(f"the token server {realm.host} answered without a token", "Look at its log.")
        return token

    def _ask(
        self, http: httpx.Client, realm: httpx.URL, query: dict[str, str], credential: Credential | None
    ) -> httpx.Response:
        if credential and credential.identity_token:
            form = {"grant_type": "refresh_token", "refresh_token": credential.identity_token, "client_id": _CLIENT}
            return http.post(realm, data={**form, **query})
        headers = {"Authorization": credential.basic} if credential else {}
        return http.get(realm.copy_merge_params(query), headers=headers)

    def _realm(self, challenge: dict[str, str], step: RegistryStep) -> httpx.URL:
        try:
            realm = httpx.URL(challenge.get("realm", ""))
        except httpx.InvalidURL:
            realm = httpx.URL()
        secure = self._origin.scheme == "https"
        if realm.scheme not in (("https",) if secure else ("https", "http")) or not realm.host:
            raise step.failed(
                f"the registry names no token server that credentials can be sent to ({realm.scheme}://{realm.host})",
                "Set the registry's token realm to an https URL.",
            )
        return realm


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    ports = {"https": 443, "http": 80}
    return (one.scheme, one.host, one.port or ports.get(one.scheme)) == (
        other.scheme,
        other.host,
        other.port or ports.get(other.scheme),
    )


def retry_after(response: httpx.Response) -> float:
    """The seconds that a server asks the client to wait; 0 if it does not ask."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _parsed(challenge: str) -> tuple[str, dict[str, str]]:
    """The kind of a challenge in small letters, and its parameters."""
    kind, _, rest = challenge.strip().partition(" ")
    return kind.lower(), {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}


def _token_in(answer: httpx.Response) -> str:
    try:
        body: Any = answer.json()
    except ValueError:
        return ""
    token = body.get("token") or body.get("access_token") if isinstance(body, dict) else ""
    return token if isinstance(token, str) else ""
