from __future__ import annotations

import base64
import json
import threading
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import pytest
from samples import Scrape
from studio import KEY, LABEL_CONFIG, RECORDINGS, StudioProject

from service.causes import Cause
from service.extractor.metrics import LABELS
from service.runs import Run

SECRET = "xyzzy-secret"
TWO_CONTROLS = """<View>
  <Labels name="people" toName="note"><Label value="PER" hint="person"/></Labels>
  <Labels name="places" toName="title"><Label value="city" alias="CTY"/></Labels>
  <Choices name="mood" toName="note"><Choice value="good"/></Choices>
  <Text name="note" value="$note"/><Text name="title" value="$title"/>
</View>"""


def tasks(*texts):
    return [{"id": number, "data": {"text": text}} for number, text in enumerate(texts)]


def predict(client, *texts, **more):
    body = {"tasks": tasks(*texts), "label_config": LABEL_CONFIG, "project": "1.1795459342", **more}
    return client.post("/predict", json=body)


def results(client, *texts, **more):
    answer = predict(client, *texts, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def setup(client, **more):
    body = {"project": "1.1795459342", "schema": LABEL_CONFIG, "hostname": "http://ls", "access_token": SECRET, **more}
    answer = client.post("/setup", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["model_version"]


def recording(name):
    path = RECORDINGS / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the recorded requests of Label Studio are not here ({path})")
    return json.loads(path.read_text(encoding="utf-8"))


def replay(client, name):
    recorded = recording(name)
    content = None if recorded["body"] is None else json.dumps(recorded["body"])
    headers = {k: v for k, v in recorded["headers"].items() if k.lower() not in ("host", "content-length")}
    return recorded, client.request(recorded["method"], recorded["path"], content=content, headers=headers)


# What Label Studio sends, and what it wants to hear


def test_the_recorded_health_check_is_answered_up_with_the_version(client):
    recorded, answer = replay(client, "health")
    assert answer.status_code == 200
    assert set(answer.json()) == set(recorded["response"]["body"])
    assert answer.json()["status"] == "UP"
    assert answer.json()["model_version"] == client.app.state.supervisor.extractor.version


@pytest.mark.parametrize("name", ["setup_api_extra_params_dict", "setup_ui_extra_params_string"])
def test_the_recorded_setups_are_answered_with_a_version(client, name):
    recorded, answer = replay(client, name)
    assert answer.status_code == 200
    assert set(answer.json()) == set(recorded["response"]["body"]) == {"model_version"}
    assert isinstance(answer.json()["model_version"], str)


def test_the_recorded_versions_request_is_answered_with_a_list(client):
    recorded, answer = replay(client, "versions")
    assert answer.status_code == 200
    assert set(answer.json()) == set(recorded["response"]["body"])
    assert answer.json()["versions"] == [client.app.state.supervisor.extractor.version]


@pytest.mark.parametrize(
    "name",
    [
        "predict_batch_25",
        "predict_test",
        "predict_single_task_opened",
        "predict_interactive",
        "predict_interactive_ui",
    ],
)
def test_the_recorded_predictions_are_answered_in_label_studios_shape(client, name):
    recorded, answer = replay(client, name)
    assert answer.status_code == 200
    sent = recorded["body"]["tasks"]
    found = answer.json()["results"]
    assert len(found) == len(sent)
    for task, item in zip(sent, found, strict=True):
        assert_item(item, {"text": task["data"]["text"]})


@pytest.mark.parametrize(
    "name",
    [
        "webhook_ANNOTATION_CREATED",
        "webhook_ANNOTATION_UPDATED",
        "webhook_ANNOTATIONS_DELETED",
        "webhook_PROJECT_UPDATED",
        "webhook_TASKS_CREATED",
    ],
)
def test_the_recorded_events_are_taken_and_start_nothing(client, launches, name):
    recorded, answer = replay(client, name)
    assert answer.status_code == recorded["response"]["status"]
    assert answer.json()["status"] == "ok"
    assert launches[0].launched == []


@pytest.mark.parametrize("name", ["webhook_START_TRAINING", "webhook_START_TRAINING_basic_auth"])
def test_the_recorded_start_training_starts_a_run_of_its_project(backend, studio, launches, name):
    studio.projects = {1: StudioProject(annotations=30), 2: StudioProject(annotations=30)}
    client = backend(
        label_studio_url=studio.url,
        label_studio_api_key=KEY,
        **({"basic_auth_username": "u", "basic_auth_password": "p"} if "basic" in name else {}),
    )
    recorded, answer = replay(client, name)
    assert answer.status_code == recorded["response"]["status"] == 201
    assert answer.json()["status"] == "ok"
    (run,) = launches[0].launched
    assert answer.json()["job"] == run.id
    assert run.projects == (recorded["body"]["project"]["id"],)


def assert_item(item, texts, version=None):
    """One prediction as Label Studio takes it: never null, a number as score, regions with the slice they mark."""
    assert set(item) == {"result", "score", "model_version"}
    assert isinstance(item["score"], (int, float))
    assert 0 <= item["score"] <= 1
    assert isinstance(item["model_version"], str)
    assert version in (None, item["model_version"])
    ids = [region["id"] for region in item["result"]]
    assert len(set(ids)) == len(ids)
    for region in item["result"]:
        assert set(region) == {"id", "from_name", "to_name", "type", "score", "value"}
        value = region["value"]
        assert texts[region["to_name"]][value["start"] : value["end"]] == value["text"] != ""
        assert isinstance(value[region["type"]], list)
        assert 0 <= value["score"] <= 1


# /predict


def test_entities_come_back_as_regions_in_code_points(client):
    text = "😀 Alice works at Acme in New York."
    (item,) = results(client, text)
    assert_item(item, {"text": text})
    assert [(r["value"]["start"], r["value"]["end"], r["value"]["labels"]) for r in item["result"]] == [
        (2, 7, ["person"]),
        (17, 21, ["company"]),
        (25, 33, ["city"]),
    ]
    assert {(r["from_name"], r["to_name"], r["type"]) for r in item["result"]} == {("label", "text", "labels")}


def test_there_is_one_item_per_task_in_order(client):
    texts = ["Alice", "", "the house", "Bob in Paris", "   ", "Acme"]
    found = results(client, *texts)
    assert [[r["value"]["text"] for r in item["result"]] for item in found] == [
        ["Alice"],
        [],
        [],
        ["Bob", "Paris"],
        [],
        ["Acme"],
    ]


@pytest.mark.parametrize("data", [{}, {"text": None}, {"text": 7}, {"text": ["Alice"]}, {"text": {"a": 1}}, {"x": "y"}])
def test_a_task_without_text_gets_an_empty_result_and_the_others_theirs(client, data):
    body = {"tasks": [{"id": 1, "data": data}, *tasks("Alice")], "label_config": LABEL_CONFIG}
    empty, full = client.post("/predict", json=body).json()["results"]
    assert empty["result"] == []
    assert_item(empty, {})
    assert len(full["result"]) == 1


def test_no_tasks_no_results(client):
    assert results(client) == []


def test_a_text_that_the_model_fails_on_is_an_error_item_and_the_rest_is_answered(client, monkeypatch):
    model = client.app.state.supervisor.extractor._current.model
    run = model.run

    def failing(batch):
        if any("poison" in window.words for window in batch):
            raise RuntimeError("no memory")
        return run(batch)

    monkeypatch.setattr(model, "run", failing)
    found = results(client, "Alice", "Bob and poison", "Acme")
    assert "error" in found[1]
    assert "result" not in found[1]
    assert [len(found[0]["result"]), len(found[2]["result"])] == [1, 1]


def test_a_text_over_the_limit_is_an_error_item_and_the_rest_is_answered(backend):
    client = backend(max_text_characters=50)
    found = results(client, "Alice", "Bob " * 50, "Acme")
    assert "over 50 characters" in found[1]["error"]
    assert [len(found[0]["result"]), len(found[2]["result"])] == [1, 1]


def test_past_the_deadline_items_say_so_and_what_was_done_is_there(backend, monkeypatch):
    import time

    client = backend(predict_deadline=1.0)
    model = client.app.state.supervisor.extractor._current.model
    run = model.run
    batches = []

    def slow(batch):
        batches.append(batch)
        if len(batches) == 2:
            time.sleep(1.2)
        return run(batch)

    monkeypatch.setattr(model, "run", slow)
    found = results(client, *["Alice"] * 64)
    assert len(found) == 64
    done = [item for item in found if "result" in item]
    late = [item for item in found if "error" in item]
    assert done
    assert late
    assert all("not reached in time" in item["error"] for item in late)


def test_several_controls_share_one_deadline_and_one_version(backend, monkeypatch):
    """Label Studio waits 100 s for all of them together, and stores one version for the item."""
    from service.extractor.engine import Loaded

    client = backend()
    engine = client.app.state.supervisor.extractor
    model = engine._current.model
    run = model.run

    def swapping(batch):
        engine.swap(Loaded("version-1", None))  # whatever is asked of it fails
        return run(batch)

    monkeypatch.setattr(model, "run", swapping)
    monkeypatch.setattr("service.extractor.engine.BATCH", 1)
    engine.swap(Loaded("version-0", model))
    body = {"tasks": [{"data": {"note": "Alice", "title": "Paris"}}], "label_config": TWO_CONTROLS}
    (item,) = client.post("/predict", json=body).json()["results"]
    assert len(item["result"]) == 2
    assert item["model_version"].startswith("version-0.")


def test_several_controls_mark_their_own_texts_with_their_own_labels(client):
    data = {"note": "Alice lives in Paris", "title": "Paris and Alice"}
    body = {"tasks": [{"data": data}], "label_config": TWO_CONTROLS}
    (item,) = client.post("/predict", json=body).json()["results"]
    assert_item(item, data)
    assert sorted((r["from_name"], r["to_name"], r["value"]["text"], r["value"]["labels"]) for r in item["result"]) == [
        ("people", "note", "Alice", ["PER"]),
        ("places", "title", "Paris", ["CTY"]),
    ]


def test_a_task_with_one_of_two_texts_is_answered_for_that_one(client):
    body = {"tasks": [{"data": {"title": "Paris"}}], "label_config": TWO_CONTROLS}
    (item,) = client.post("/predict", json=body).json()["results"]
    assert [r["from_name"] for r in item["result"]] == ["places"]


def test_1200_tasks_in_one_request_are_all_answered(client):
    texts = [f"Alice number {n} in Paris" if n % 3 else "the house" for n in range(1200)]
    found = results(client, *texts)
    assert len(found) == 1200
    for text, item in zip(texts, found, strict=True):
        assert_item(item, {"text": text})
        assert bool(item["result"]) == ("Alice" in text)
    assert client.get("/health").status_code == 200


def test_a_doubtful_task_scores_below_a_sure_one_whether_or_not_it_has_entities(client):
    sure, empty = results(client, "Alice works at Acme", "the house near the river")
    assert 0 <= sure["score"] <= empty["score"] <= 1


def test_asked_twice_the_answer_is_the_same(client):
    assert results(client, "Alice in Paris", "Bob") == results(client, "Alice in Paris", "Bob")


def test_interactive_predictions_leave_out_what_overlaps_the_annotators_regions(client):
    text = "Alice works at Acme in New York"
    marked = [
        {"id": "r1", "from_name": "label", "to_name": "text", "type": "labels", "value": {"start": 25, "end": 28}},
        {"id": "r2", "from_name": "other", "to_name": "text", "type": "labels", "value": {"start": 0, "end": 5}},
        "nonsense",
        {"from_name": "label", "value": "nonsense"},
        {"from_name": "label", "value": {"start": "x", "end": None}},
        {"type": "relation", "from_id": "r1", "to_id": "r2"},
    ]
    (item,) = results(client, text, params={"login": None, "password": None, "context": {"result": marked}})
    assert [r["value"]["text"] for r in item["result"]] == ["Alice", "Acme"]


@pytest.mark.parametrize("context", [None, {}, {"result": None}, {"result": "x"}, {"result": {}}])
def test_any_context_without_regions_is_fine(client, context):
    (item,) = results(client, "Alice", params={"context": context})
    assert len(item["result"]) == 1


# Versions


def test_setup_names_the_version_that_predictions_are_stamped_with(client):
    named = setup(client)
    for item in results(client, "Alice", "", "Bob"):
        assert item["model_version"] == named
    assert named.startswith(client.app.state.supervisor.extractor.version)


def test_two_controls_or_a_project_threshold_still_give_one_version_in_both_places(client):
    named = setup(client, project="4.1", schema=TWO_CONTROLS, extra_params={"threshold": 0.3})
    body = {"tasks": [{"data": {"note": "Alice"}}], "label_config": TWO_CONTROLS, "project": "4.2"}
    (item,) = client.post("/predict", json=body).json()["results"]
    assert item["model_version"] == named


@pytest.mark.parametrize(
    ("given", "threshold"),
    [
        ('{"threshold": 0.99999}', 0.99999),
        ({"threshold": 0.99999}, 0.99999),
        (None, 0.5),
        ("", 0.5),
        ("null", 0.5),
        ({}, 0.5),
        ({"foo": "bar"}, 0.5),
        ("nonsense", 0.5),
        ("[1, 2]", 0.5),
        ([1], 0.5),
        (7, 0.5),
        ('{"threshold": "high"}', 0.5),
        ({"threshold": 2}, 0.5),
        ({"threshold": 0}, 0.5),
        ({"threshold": -1}, 0.5),
        ({"threshold": True}, 0.5),
        ('{"threshold": NaN}', 0.5),
        ('{"threshold": 1e999}', 0.5),
        ('{"threshold": ' + "9" * 5000 + "}", 0.5),
        ("[" * 100_000, 0.5),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_projects_threshold_is_taken_from_extra_params_where_it_makes_sense(client, given, threshold):
    named = setup(client, extra_params=given)
    assert client.app.state.supervisor.predictor.threshold(1) == threshold
    assert (named == setup(client, project="2.1")) == (threshold == 0.5)
    assert client.get("/health").status_code == 200


def test_a_projects_threshold_counts_for_its_predictions_only_and_survives_a_restart(backend):
    client = backend()
    setup(client, project="1.1", extra_params={"threshold": 0.99999})
    assert results(client, "Tyrell Corp", project="1.1")[0]["result"] == []
    assert len(results(client, "Tyrell Corp", project="2.1")[0]["result"]) == 1
    again = backend()
    assert results(again, "Tyrell Corp", project="1.1")[0]["result"] == []


def test_a_threshold_that_is_taken_back_is_gone(client):
    default = setup(client)
    assert setup(client, extra_params={"threshold": 0.9}) != default
    assert setup(client, extra_params="") == default


def test_setup_answers_whatever_the_config_and_the_project(client):
    for schema in (None, "", "<View/>", "<broken", "<!DOCTYPE x [<!ENTITY a 'b'>]><View>&a;</View>"):
        for project in (None, "", "x", "7", 7, "7.1", {"id": 7}, "9" * 40, "-1"):
            assert setup(client, schema=schema, project=project)


# Refusals


@pytest.mark.parametrize(
    "config",
    [
        None,
        "",
        "<View/>",
        "<View",
        '<View><Choices name="c" toName="t"/><Text name="t" value="$text"/></View>',
        "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><View>&b;</View>",
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><View/>',
    ],
)
def test_a_config_that_cannot_be_used_is_a_400_that_says_why(client, config):
    answer = predict(client, "Alice", label_config=config)
    assert answer.status_code == 400
    assert "label config" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train", "/job_status"])
@pytest.mark.parametrize(
    "body",
    [b"{", b"nonsense", b"\xff\xfe\x00", b'{"a": 1} trailing', b'{"x":' * 50_000, b"[" * 200_000, b"1", b"[]", b'"x"'],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_invalid_json_is_a_400_with_a_json_error(client, path, body):
    answer = client.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tasks": None},
        {"tasks": {}},
        {"tasks": "x"},
        {"tasks": [1]},
        {"tasks": [None]},
        {"tasks": [], "label_config": 7},
        {"tasks": [], "label_config": {}},
    ],
    ids=str,
)
def test_a_prediction_request_of_the_wrong_shape_is_a_400_that_says_where(client, body):
    answer = client.post("/predict", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("odd", [{}, {"data": None}, {"data": []}, {"data": "text"}], ids=str)
@pytest.mark.parametrize("params", ["x", {"context": "x"}, {"context": []}, None], ids=str)
def test_an_odd_task_or_context_costs_no_other_task_its_prediction(client, odd, params):
    good = {"data": {"text": "Alice met Bob"}}
    body = {"tasks": [odd, good], "label_config": LABEL_CONFIG, "params": params}
    first, second = client.post("/predict", json=body).json()["results"]
    assert first["result"] == []
    assert [region["value"]["text"] for region in second["result"]] == ["Alice", "Bob"]


def test_deeply_nested_data_is_refused_or_answered_and_harms_nothing(client):
    for depth in (100, 5_000, 100_000):
        nested = b"[" * depth + b"]" * depth
        body = b'{"tasks":[{"data":{"text":"Alice","x":' + nested + b'}}],"label_config":""}'
        assert client.post("/predict", content=body).status_code == 400
    assert len(results(client, "Alice")) == 1


def test_lone_surrogates_and_null_characters_in_a_text_harm_nothing(client):
    body = json.dumps({"tasks": tasks("Alice \x00 Bob"), "label_config": LABEL_CONFIG})
    assert client.post("/predict", content=body).status_code == 200
    lone = body.replace("\\u0000", "\\ud800")
    assert client.post("/predict", content=lone).status_code in (200, 400)
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train"])
def test_a_body_over_the_limit_is_a_413_whether_or_not_it_says_its_length(backend, path):
    client = backend(max_body_mb=1)
    piece = b" " * 65536

    def endless():
        for _ in range(40):
            yield piece

    for content in (piece * 20, endless()):
        answer = client.post(path, content=content)
        assert answer.status_code == 413
        assert "SPANLOOP_MAX_BODY_MB" in answer.json()["error"]
    assert len(results(client, "Alice")) == 1


def test_a_body_of_megabytes_below_the_limit_is_answered(client):
    found = results(client, *["Alice " + "the house " * 40] * 5, padding="x" * (3 << 20))
    assert len(found) == 5


def test_an_unknown_route_is_a_404_and_a_wrong_method_a_405(client):
    assert client.get("/nowhere").status_code == 404
    assert client.post("/nowhere", content=b"x").status_code == 404
    assert client.get("/predict").status_code == 405


def test_without_a_model_predictions_are_a_503_with_the_cause_and_the_rest_answers(backend, tmp_path, until):
    client = backend(wait=False, model=str(tmp_path / "nowhere" / "missing"))
    answer = until(lambda: [a for a in [predict(client, "Alice")] if "missing" in a.text])[0]
    assert answer.status_code == 503
    assert "SPANLOOP_MODEL" in answer.json()["error"]
    assert client.get("/health").status_code == 200
    assert setup(client)
    page = until(lambda: client.get("/").text if "being loaded" not in client.get("/").text else "")
    assert "could not be loaded" in page


# Authentication

ROUTES = [
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/versions"),
    ("GET", "/metrics"),
    ("POST", "/setup"),
    ("POST", "/predict"),
    ("POST", "/train"),
    ("POST", "/job_status"),
]


def basic(content):
    return {"authorization": "Basic " + base64.b64encode(content.encode()).decode()}


@pytest.fixture
def guarded(backend):
    return backend(basic_auth_username="anna", basic_auth_password="s3crét:x")


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[path for _, path in ROUTES])
def test_every_route_wants_credentials_where_some_are_set(guarded, method, path):
    answer = guarded.request(method, path, content=b"{}" if method == "POST" else None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert answer.json()["error"]
    assert guarded.request(
        method, path, content=b"{}" if method == "POST" else None, headers=basic("anna:s3crét:x")
    ).status_code in (200, 201, 400, 404)


def test_metrics_that_are_open_are_open_to_the_cluster_and_not_through_an_ingress(backend):
    client = backend(basic_auth_username="anna", basic_auth_password="s3crét:x", metrics_open=True)
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"x-forwarded-for": "203.0.113.7"}).status_code == 401
    assert client.get("/health").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        basic("anna:wrong"),
        basic("anna:"),
        basic("anna"),
        basic(":s3crét:x"),
        basic("Anna:s3crét:x"),
        basic("anna:s3crét:x "),
        {"authorization": ""},
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic \xff\xfe".encode("latin-1")},
        {"authorization": "Bearer " + base64.b64encode("anna:s3crét:x".encode()).decode()},
    ],
    ids=lambda headers: str(headers["authorization"])[:30],
)
def test_wrong_credentials_are_refused(guarded, headers):
    assert guarded.get("/health", headers=headers).status_code == 401


def test_events_are_open_but_starting_a_run_is_not(guarded, launches):
    event = {"action": "ANNOTATION_CREATED", "annotation": {"id": 1}, "project": {"id": 1}}
    assert guarded.post("/webhook", json=event).status_code == 201
    start = {"action": "START_TRAINING", "project": {"id": 1}}
    assert guarded.post("/webhook", json=start).status_code == 401
    assert guarded.post("/train", json=start).status_code == 401
    assert launches[0].launched == []
    assert guarded.app.state.supervisor.projects.ids == ()


def test_the_content_of_an_event_is_not_trusted(client, launches):
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 99, "label_config": "<x"}, "annotation": [1]}
    assert client.post("/webhook", json=event).status_code == 201
    for project in (None, 7, "x", [], {"id": "x"}, {"id": None}):
        assert client.post("/webhook", json={"action": "PROJECT_UPDATED", "project": project}).status_code == 201
    assert client.post("/webhook", json={}).status_code == 201
    assert launches[0].launched == []
    assert client.app.state.supervisor.projects.ids == ()


# Training


@pytest.fixture
def with_studio(backend, studio):
    studio.projects = {3: StudioProject(annotations=30), 5: StudioProject(annotations=10)}
    return lambda **more: backend(label_studio_url=studio.url, label_studio_api_key=KEY, **more)


@pytest.mark.parametrize("path", ["/webhook", "/train"])
def test_start_training_is_answered_with_a_job_whose_status_can_be_asked(with_studio, launches, path):
    client = with_studio()
    answer = client.post(path, json={"action": "START_TRAINING", "project": {"id": 3}})
    assert answer.status_code == 201
    job = answer.json()["job"]
    assert [run.id for run in launches[0].launched] == [job]
    status = client.post("/job_status", json={"job": job}).json()
    assert status["job_status"] == "queued"
    launches[0].end("failed", "Too few annotations.")
    status = client.post("/job_status", json={"job": job}).json()
    assert (status["job_status"], status["error"]) == ("failed", "Too few annotations.")
    assert status["finished_at"]


def test_start_training_is_answered_though_label_studio_is_slow_and_the_run_starts(
    with_studio, studio, launches, until, monkeypatch
):
    monkeypatch.setattr("service.backend.app.START_SECONDS", 0.1)
    slow = threading.Event()
    answer_at_once = studio.answer
    monkeypatch.setattr(studio, "answer", lambda *asked: slow.wait(30) and answer_at_once(*asked))
    client = with_studio()
    answer = client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 3}})
    assert (answer.status_code, answer.json()["job"]) == (201, None)
    assert "slow" in answer.json()["message"]
    assert launches[0].launched == []
    slow.set()
    until(lambda: launches[0].launched)


def test_start_training_learns_from_all_projects_that_use_this_release(with_studio, launches):
    client = with_studio()
    setup(client, project="5.1")
    client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 3}})
    assert launches[0].launched[0].projects == (3, 5)


def test_start_training_clicked_again_is_the_same_job(with_studio, launches):
    client = with_studio()
    body = {"action": "START_TRAINING", "project": {"id": 3}}
    first, second = (client.post("/webhook", json=body).json()["job"] for _ in range(2))
    assert first == second
    assert len(launches[0].launched) == 1


def test_training_on_submission_waits_until_it_is_quiet(with_studio, launches, until):
    client = with_studio(retrain_quiet=0.2, retrain_minimum=10)
    body = {"action": "START_TRAINING", "project": {"id": 3, "min_annotations_to_start_training": 10}}
    for _ in range(5):
        answer = client.post("/webhook", json=body)
        assert answer.status_code == 201
        assert answer.json()["job"] is None
    assert launches[0].launched == []
    until(lambda: launches[0].launched)
    assert len(launches[0].launched) == 1


def test_start_training_without_a_configured_label_studio_is_a_failed_run_that_the_page_shows(client, launches):
    answer = client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 3}})
    assert answer.status_code == 201
    assert answer.json()["job_status"] == "failed"
    assert "SPANLOOP_LABEL_STUDIO_URL" in answer.json()["message"]
    assert "SPANLOOP_LABEL_STUDIO_URL" in client.get("/").text
    assert launches[0].launched == []


def test_start_training_for_no_project_at_all_starts_no_process_and_says_so(with_studio, launches):
    client = with_studio()
    answer = client.post("/train", json={})
    assert launches[0].launched == []
    assert answer.status_code in (201, 400)
    assert "project" in answer.text


def test_an_unknown_job_is_a_404(client):
    assert client.post("/job_status", json={"job": "../../etc/passwd"}).status_code == 404
    assert client.post("/job_status", json={}).status_code == 404


# Logs, metrics, page


def test_logs_hold_no_text_no_token_and_no_body(backend, service_log, monkeypatch):
    client = backend(basic_auth_username="anna", basic_auth_password="hush-hush")
    anna = basic("anna:hush-hush")
    model = client.app.state.supervisor.extractor._current.model
    run = model.run

    def failing(batch):
        if any("poison" in window.words for window in batch):
            raise RuntimeError("no memory")
        return run(batch)

    monkeypatch.setattr(model, "run", failing)
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

    monkeypatch.setattr(client.app.state.supervisor.predictor, "version", broken)
    answer = client.post("/setup", json={})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.json()["error"]
    assert "private detail" not in answer.text
    assert any("private detail" in line or "/setup failed" in line for line in service_log)


def scrape(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return Scrape(answer.text)


def everything_odd(client, storm):
    """Requests of all kinds with names that have not been seen before, and labels that the model does find."""
    odd = [f"person {storm} {number} {end}" for number in range(24) for end in ('"', "\\", "\n", "é😀", "x" * 250)]
    for number, name in enumerate(odd):
        client.get(f"/{quote(name)}")
        client.post(f"/predict/{quote(name)}", content=b"{}")
        client.request(f"M{storm}{number}", "/predict")
        client.post("/webhook", json={"action": name, "project": {"id": 1}})
        client.post("/job_status", json={"job": name})
        client.post("/predict", json={"tasks": [], "label_config": name, "project": name}, params={name: name})
    for start in range(0, len(odd), 20):
        controls = "".join(
            f'<Labels name="l{number}" toName="t"><Label value={quoteattr(name)}/></Labels>'
            for number, name in enumerate(odd[start : start + 20])
        )
        config = f'<View>{controls}<Text name="t" value="$text"/></View>'
        setup(client, project="7.1", schema=config, extra_params={"threshold": 0.001})
        (item,) = results(client, "Alice met Bob", label_config=config, project="7.1")
        assert item["result"]


def test_no_request_whatever_makes_more_than_a_bounded_number_of_series(client, no_labels_yet):
    scrape(client)
    everything_odd(client, "first")
    first = scrape(client)
    everything_odd(client, "second")
    second = scrape(client)
    assert second("spanloop_entities_total", label="other") > first("spanloop_entities_total", label="other") > 0
    assert sum(label.startswith("person ") for (label,) in second.of("spanloop_entities_total")) == LABELS
    assert second.series == first.series < 1000
    routes = {route.path for route in client.app.routes} | {"/extract", "/ready"}
    for name in ("spanloop_requests_total", "spanloop_requests_in_flight", "spanloop_request_duration_seconds_count"):
        assert {place[0] for place in second.of(name)} <= routes
    for name in second.own:
        assert all(len(value) <= 60 for place in second.of(name) for value in place), name


# What could not be answered, by cause


def causes(grown):
    found = {cause: grown("spanloop_errors_total", cause=cause) for cause in Cause}
    return {str(cause): count for cause, count in found.items() if count}


@pytest.mark.parametrize(
    ("path", "request_", "cause"),
    [
        ("/predict", {"content": b"{"}, "bad_request"),
        ("/predict", {"json": {"tasks": 7}}, "bad_request"),
        ("/job_status", {"json": {"job": "nowhere"}}, "bad_request"),
        ("/predict", {"json": {"tasks": [], "label_config": "<View/>"}}, "bad_config"),
        ("/predict", {"content": b" " * (2 << 20)}, "too_large"),
        ("/setup", {"json": {}, "headers": {"authorization": "Basic bm9ib2R5"}}, "unauthorized"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_request_that_is_refused_is_counted_once_by_its_cause(backend, grown, path, request_, cause):
    client = backend(max_body_mb=1, basic_auth_username="anna", basic_auth_password="x")
    answer = client.post(path, **{"headers": basic("anna:x"), **request_})
    assert 400 <= answer.status_code < 500
    assert causes(grown) == {cause: 1}


def test_an_error_of_the_backends_own_is_counted(client, grown, monkeypatch):
    monkeypatch.setattr(client.app.state.supervisor.predictor, "version", None)
    assert client.post("/setup", json={}).status_code == 500
    assert causes(grown) == {"internal": 1}


def test_texts_that_cannot_be_answered_are_counted_one_by_one_and_the_rest_is_predicted(backend, grown):
    client = backend(max_text_characters=4000)
    deep = {"data": {"text": "<i>" * 1200 + "Alice"}}
    config = LABEL_CONFIG.replace("Labels ", "HyperTextLabels ").replace("/Labels", "/HyperTextLabels")
    config = config.replace("<Text ", "<HyperText ")
    body = {"tasks": [*tasks("Alice", "Bob " * 2000, "Carol"), deep], "label_config": config}
    found = client.post("/predict", json=body).json()["results"]
    assert ["error" in item for item in found] == [False, True, False, True]
    assert causes(grown) == {"too_large": 1, "bad_text": 1}
    assert [grown("spanloop_texts_total", result=result) for result in ("predicted", "failed")] == [2, 2]
    assert grown("spanloop_extractor_wait_seconds_count") == 1


def test_without_a_model_each_prediction_is_counted_and_no_wait_for_an_answer(backend, grown, tmp_path, until):
    client = backend(wait=False, model=str(tmp_path / "missing"))
    until(lambda: client.app.state.supervisor.extractor.why_not)
    assert [predict(client, "Alice").status_code for _ in range(2)] == [503, 503]
    assert grown("spanloop_errors_total", cause="no_model") == 2
    assert grown("spanloop_errors_total", cause="model_load") >= 1
    assert grown("spanloop_extractor_wait_seconds_count") == 0


def test_a_prediction_that_finds_no_place_is_counted(backend, grown, monkeypatch):
    monkeypatch.setattr("service.backend.supervisor.AT_ONCE", 0)
    client = backend(predict_deadline=0.1)
    assert predict(client, "Alice").status_code == 503
    assert causes(grown) == {"busy": 1}


def test_the_page_shows_the_version_and_the_runs_with_phase_progress_and_outcome(client):
    runs = client.app.state.supervisor.runs
    runs.save(Run(id="run-a", projects=(1,), why="Start Training", phase="tune", percent=40, detail="step 7 of 10"))
    runs.save(Run(id="run-b", projects=(1,), outcome="held", message="Not better: the live version stays."))
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert client.app.state.supervisor.extractor.version in page.text
    for shown in ("run-a", "step 7 of 10", 'value="40', "run-b", "Not better: the live version stays."):
        assert shown in page.text
    fragment = client.get("/?fragment").text
    assert "run-a" in fragment
    assert "<html" not in fragment


def test_the_page_escapes_what_strangers_wrote(client):
    attack = "<script>alert(1)</script>"
    client.app.state.supervisor.runs.save(Run(id="run-a", projects=(1,), why=attack, outcome="failed", message=attack))
    setup(client, schema=f'<View><Labels name="l" toName="t"><Label value="{"&lt;script&gt;" * 3}" hint="{"x" * 400}"/>'
          '</Labels><Text name="t" value="$t"/></View>')  # fmt: skip
    for path in ("/", "/?fragment"):
        text = client.get(path).text
        assert attack not in text
        assert "&lt;script&gt;" in text
        assert text.count("<script>") == (path == "/")


def test_the_page_says_what_is_wrong_with_a_projects_config(client):
    setup(client, schema="<View/>")
    assert "Project 1" in client.get("/").text
    setup(client)
    assert "Project 1" not in client.get("/").text
