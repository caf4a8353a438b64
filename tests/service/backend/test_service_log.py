"""What the service writes down of requests, and what it never does."""

from __future__ import annotations

from tests.support.asking import SECRET, basic, fail_on_poison, predict, results, setup


def test_logs_hold_no_text_no_token_and_no_body(backend, service_log, monkeypatch):
    client = backend(basic_auth_username="anna", basic_auth_password="hush-hush")
    anna = basic("anna:hush-hush")
    fail_on_poison(client, monkeypatch)
    client.headers.update(anna)
    assert len(results(client, f"Alice {SECRET}", f"poison {SECRET}")) == 2
    setup(client, hostname=f"http://{SECRET}", extra_params={"key": SECRET})
    client.post("/predict", content=b'{"tasks": [{"data": "' + SECRET.encode() + b'"}]}')
    client.post("/predict", content=b'{"' + SECRET.encode())
    predict(client, SECRET, label_config=f"<View>{SECRET}")
    client.post("/webhook", json={"action": "ANNOTATION_CREATED", "annotation": {"result": SECRET}})
    client.post("/webhook", json={"action": SECRET})
    client.get("/health", headers=basic(f"anna:{SECRET}"))
    client.get(f"/{SECRET}?{SECRET}")
    assert any("predicted 2 tasks" in line for line in service_log)
    written = "\n".join(service_log)
    for secret in (SECRET, "hush-hush", anna["authorization"].split()[1]):
        assert secret not in written


def test_every_answer_has_a_request_id_of_its_own(client):
    ids = [client.get("/health").headers["x-request-id"] for _ in range(3)]
    ids.append(client.post("/predict", content=b"{").headers["x-request-id"])
    assert len(set(ids)) == 4


def test_an_error_of_the_backend_names_the_request_and_hides_its_cause(client, monkeypatch, service_log):
    def broken(*args):
        raise RuntimeError("private detail")

    monkeypatch.setattr(client.app.state.supervisor.predictor, "suffix", broken)
    answer = client.post("/setup", json={})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.json()["error"]
    assert "private detail" not in answer.text
    assert any("private detail" in line or "/setup failed" in line for line in service_log)
