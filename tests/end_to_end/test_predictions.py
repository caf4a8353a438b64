"""Pre-annotation through the real Label Studio's API."""

from __future__ import annotations

import httpx
import pytest

from examples.demo import gold

from .backend import CREDENTIALS, Backend, until
from .studio import CONFIG, Studio, marked, spans

TEXTS = {
    "Alice works at Acme in Paris.": [("Alice", "person"), ("Acme", "company"), ("Paris", "city")],
    "😀 Alice met Bob 👩‍⚕️ of Globex in Oslo": [
        ("Alice", "person"),
        ("Bob", "person"),
        ("Globex", "company"),
        ("Oslo", "city"),
    ],
    "👨‍👩‍👧‍👦👨‍👩‍👧‍👦 then \u200fCarol\u200f lives in New York": [("Carol", "person"), ("New York", "city")],
    "e\u0301\u0301 🇫🇷 Dave was seen in Rome\r\n\r\nby Erin": [("Dave", "person"), ("Rome", "city"), ("Erin", "person")],
    "nothing but the river today": [],
}


def expected(text: str) -> set[tuple[int, int, str]]:
    return spans(marked(text, *TEXTS[text]))


def asked(backend: Backend) -> float:
    return backend.metric("spanloop_texts_total")


def test_a_connected_model_is_up_and_names_its_version(studio: Studio, backend: Backend):
    project = studio.project(TEXTS)
    model = studio.model(studio.connect(project, backend.url))
    assert model["state"] == "CO"
    assert model["model_version"].startswith(f"{backend.version}.")


def test_each_task_gets_one_prediction_of_that_version_with_offsets_in_code_points(studio: Studio, backend: Backend):
    project = studio.project(TEXTS)
    model = studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    version = studio.model_version(model)
    tasks = studio.tasks(project)
    assert len(tasks) == len(TEXTS)
    for task in tasks:
        (prediction,) = task["predictions"]
        text = task["data"]["text"]
        assert prediction["model_version"] == version
        assert 0 <= prediction["score"] <= 1
        assert spans(prediction["result"]) == expected(text)
        for region in prediction["result"]:
            value = region["value"]
            assert value["text"] == text[value["start"] : value["end"]]


def test_a_second_retrieval_requests_no_prediction_that_is_stored(studio: Studio, backend: Backend):
    project = studio.project(TEXTS)
    studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    before = asked(backend)
    studio.retrieve_predictions(project)
    assert asked(backend) == before
    assert all(len(found) == 1 for found in studio.predictions(project).values())


def test_only_a_new_task_is_predicted(studio: Studio, backend: Backend):
    project = studio.project(TEXTS)
    studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    studio.import_data(project, [{"text": "Judy is in Lima"}])
    before = asked(backend)
    studio.retrieve_predictions(project)
    assert asked(backend) == before + 1


def test_another_label_gives_another_version_and_all_tasks_are_predicted_again(studio: Studio, backend: Backend):
    project = studio.project(TEXTS)
    model = studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    first = studio.model_version(model)
    studio.change_config(project, CONFIG.replace("</Labels>", '<Label value="river"/></Labels>'))
    second = studio.model_version(model)
    assert second != first
    assert second.split(".")[0] == first.split(".")[0]
    studio.retrieve_predictions(project)
    for found in studio.predictions(project).values():
        assert {prediction["model_version"] for prediction in found} == {first, second}


def test_another_threshold_gives_another_version(studio: Studio, backend: Backend):
    project = studio.project(TEXTS)
    model = studio.connect(project, backend.url)
    first = studio.model_version(model)
    studio.change_model(model, project, backend.url, extra_params={"threshold": 0.99999})
    second = studio.model_version(model)
    assert second != first
    studio.retrieve_predictions(project)
    assert all(len(found) == 1 for found in studio.predictions(project, second).values())
    studio.change_model(model, project, backend.url, extra_params={})
    assert studio.model_version(model) == first


def test_an_invalid_threshold_is_shown_on_the_page(studio: Studio, backend: Backend):
    project = studio.project()
    studio.connect(project, backend.url, extra_params={"threshold": "high"})
    assert f"Project {project}: The threshold in extra_params is not a number between 0 and 1" in backend.page


def test_an_annotator_gets_no_suggestion_for_what_is_already_marked(studio: Studio, backend: Backend):
    text = "😀 Alice met Bob 👩‍⚕️ of Globex in Oslo"
    project = studio.project([text])
    model = studio.connect(project, backend.url)
    (task,) = studio.tasks(project)
    assert spans(studio.interact(model, task["id"])) == expected(text)
    mine = marked(text, ("Bob 👩‍⚕️ of Globex", "company"))
    assert spans(studio.interact(model, task["id"], mine)) == spans(marked(text, ("Alice", "person"), ("Oslo", "city")))


def test_two_controls_of_one_config_each_get_their_own_regions(studio: Studio, backend: Backend):
    config = """<View>
      <Labels name="who" toName="title"><Label value="WHO" hint="person"/></Labels><Text name="title" value="$title"/>
      <Choices name="kind" toName="body"><Choice value="a"/><Choice value="b"/></Choices>
      <Labels name="where" toName="body"><Label value="Place" alias="LOC" hint="city"/></Labels>
      <Text name="body" value="$body"/>
    </View>"""
    project = studio.project(config=config)
    studio.import_data(project, [{"title": "Alice in Paris", "body": "Bob is in Rome"}])
    studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    ((prediction,),) = studio.predictions(project).values()
    found = {(r["from_name"], r["to_name"], r["value"]["text"], *r["value"]["labels"]) for r in prediction["result"]}
    assert found == {("who", "title", "Alice", "WHO"), ("where", "body", "Rome", "LOC")}


def test_a_project_without_labels_cannot_be_connected_and_the_page_says_why(studio: Studio, backend: Backend):
    config = '<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="x"/></Choices></View>'
    project = studio.project(["Alice"], config)
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        studio.connect(project, backend.url)
    assert f"Project {project}: The label config" in backend.page
    assert "Choices" in backend.page


def test_the_metrics_count_requests_by_route_and_nothing_else(studio: Studio, backend: Backend):
    backend.http.get("/no/such/path")
    project = studio.project(["Alice"])
    studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    assert backend.metric("spanloop_requests_total", route="/predict", status="200") >= 1
    assert "/no/such" not in backend.http.get("/metrics").text


def test_neither_texts_nor_tokens_are_logged(studio: Studio, backend: Backend):
    project = studio.project(["Alice hides the word Xylophonist in Paris"])
    studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    assert "Xylophonist" not in backend.log
    assert "0123456789abcdef0123456789abcdef01234567" not in backend.log


def test_the_embedded_model_finds_something_in_medical_notes(studio: Studio, embedded: Backend):
    texts = [document.text for document in gold.documents()[:40]]
    project = studio.project(texts, gold.LABEL_CONFIG)
    model = studio.connect(project, embedded.url)
    assert studio.model_version(model).startswith("starter-")
    studio.retrieve_predictions(project)
    found = 0
    for task in studio.tasks(project):
        (prediction,) = task["predictions"]
        for region in prediction["result"]:
            value = region["value"]
            assert value["text"] == task["data"]["text"][value["start"] : value["end"]]
            found += 1
    assert found > len(texts) / 4


def test_a_guarded_backend_predicts_for_a_model_with_its_credentials(studio: Studio, guarded: Backend):
    project = studio.project(TEXTS)
    user, password = CREDENTIALS
    login = {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
    model = studio.connect(project, guarded.url, **login)
    studio.retrieve_predictions(project)
    found = studio.predictions(project, studio.model_version(model))
    assert all(len(predictions) == 1 for predictions in found.values())


def test_a_guarded_backend_takes_event_webhooks_without_credentials(studio: Studio, guarded: Backend):
    project = studio.project(["Alice is in Paris"])
    user, password = CREDENTIALS
    login = {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
    studio.connect(project, guarded.url, **login)
    before = guarded.metric("spanloop_requests_total", route="/webhook", status="201")
    (task,) = studio.tasks(project)
    studio.annotate(task["id"], marked("Alice is in Paris", ("Paris", "city")))
    until(
        lambda: guarded.metric("spanloop_requests_total", route="/webhook", status="201") > before, "an event webhook"
    )
    assert guarded.metric("spanloop_requests_total", route="/webhook", status="401") == 0


def test_a_guarded_backend_refuses_a_model_without_credentials(studio: Studio, guarded: Backend):
    with pytest.raises(httpx.HTTPStatusError) as refused:
        studio.connect(studio.project(["Alice is in Paris"]), guarded.url)
    assert "authentication parameters were either not provided or are incorrect" in refused.value.response.text
