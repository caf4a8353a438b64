"""Debian's docker-registry on a free port, and a token server for its Bearer challenge."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.lacking import missing

PROGRAM = "docker-registry"
USER, PASSWORD = "anna", "pass:wört"
HTPASSWD = f"{USER}:$2b$04$H97Dvsaaal1l/u8aeFhI7eH0D.VOZWwK0U0eoLrhZl2qPYBtbJgiW\n"
"""An htpasswd file with USER and the bcrypt hash of PASSWORD."""
IDENTITY = "identity-token-of-anna"


def needed() -> None:
    """Skip the test if docker-registry is not installed."""
    if not shutil.which(PROGRAM):
        missing(f"{PROGRAM} is not installed (Debian: apt-get install docker-registry)")


@contextmanager
def docker_registry(
    folder: Path, auth: dict[str, Any] | None = None, tls: dict[str, str] | None = None
) -> Iterator[str]:
    """Run a registry with its blobs in `folder` while the context lasts. Yields host:port. Deletes the blobs."""
    needed()
    for _ in range(3):  # another process may take the free port meanwhile
        host = f"127.0.0.1:{_free_port()}"
        process = _start(folder, host, auth, tls)
        try:
            if _answers(process, f"{'https' if tls else 'http'}://{host}/v2/"):
                yield host
                return
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(folder / "blobs", ignore_errors=True)
    raise AssertionError(f"{PROGRAM} did not start:\n{(folder / 'log').read_text()[-2000:]}")


def _start(folder: Path, host: str, auth: dict[str, Any] | None, tls: dict[str, str] | None) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}, "delete": {"enabled": True}},
        "http": {"addr": host, "relativeurls": True, **({"tls": tls} if tls else {})},
        **({"auth": auth} if auth else {}),
    }
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([PROGRAM, "serve", str(folder / "config.yml")], stdout=log, stderr=log)


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=5, verify=False).status_code in (200, 401):
                return True
        except httpx.TransportError:
            time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def make_key(folder: Path) -> tuple[Path, Path]:
    """A new self-signed certificate for 127.0.0.1, and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tests", "-days", "2"]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return certificate, key


@dataclass
class TokenServer:
    """Issues the signed tokens that docker-registry requires with `auth: token`."""

    folder: Path
    url: str = ""
    status: list[int] = field(default_factory=list)
    """Statuses of the next answers, which bring no token."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """Method, authorization and form of every request."""

    @property
    def auth(self) -> dict[str, Any]:
        """The registry's settings that name this server."""
        bundle = str(self.folder / "cert.pem")
        return {"token": {"realm": self.url, "service": "tests", "issuer": "tokens", "rootcertbundle": bundle}}

    def token(self, scope: str) -> str:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        now = int(time.time())
        claims = {
            **{"iss": "tokens", "aud": "tests", "sub": USER, "exp": now + 300, "nbf": now - 10, "iat": now},
            "jti": uuid.uuid4().hex,
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        pem = (self.folder / "cert.pem").read_text()
        certificate = "".join(line for line in pem.splitlines() if not line.startswith("-----"))
        header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate]}
        signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
        sign = ["openssl", "dgst", "-sha256", "-sign", str(self.folder / "key.pem")]
        signature = subprocess.run(sign, input=signed.encode(), check=True, capture_output=True).stdout
        return f"{signed}.{_encoded(signature)}"

    def answer(self, method: str, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        self.asked.append({"method": method, "authorization": authorization, **form})
        if self.status:
            return self.status.pop(0), {}
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if authorization != basic and form.get("refresh_token") != IDENTITY:
            return 401, {"details": "who are you?"}
        return 200, {"access_token" if method == "POST" else "token": self.token(form["scope"])}


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def token_server(folder: Path) -> Iterator[TokenServer]:
    folder.mkdir(parents=True)
    tokens = TokenServer(folder)
    make_key(folder)

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            query = urlsplit(self.path).query if self.command == "GET" else body
            form = {name: values[0] for name, values in parse_qs(query).items()}
            status, answer = tokens.answer(self.command, form, self.headers.get("authorization", ""))
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as host:
        tokens.url = f"http://{host}/token"
        yield tokens


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve HTTP on a free port while the context lasts. Yields host:port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
