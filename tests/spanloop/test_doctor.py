"""`spanloop doctor` on broken set-ups: each is named, with what it means and what to do."""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from service.backend.local.projects import FileProjects
from service.labelstudio.client import LabelStudio
from service.labelstudio.inspection import Inspection
from service.settings import LabelStudioSettings
from spanloop.__main__ import app
from tests.support import fake_backend
from tests.support.oci_registry import HTPASSWD, PASSWORD, USER, docker_registry
from tests.support.studio import KEY, PERSONAL_KEY, StudioProject

BLOCKED = "URL resolves to a reserved network address (block: 127.0.0.0/8)"
CARD = "---\nlicense: apache-2.0\n---\n# A model\n"


@pytest.fixture
def backend():
    with fake_backend.serving() as state:
        yield state


@pytest.fixture
def model(tmp_path):
    """What a model's directory looks like from outside."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "gliner_config.json").write_text('{"model_name": "some/encoder"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text(CARD)
    return folder


@pytest.fixture
def healthy(tmp_path, monkeypatch, studio, backend, model):
    """A set-up in which nothing is wrong: project 3 is connected."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    studio.projects[3] = StudioProject(models=[backend.url])
    settings = {"HOME": home, "MODEL": model, "LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": KEY}
    for name, value in {**settings, "BACKEND_URL": backend.url}.items():
        monkeypatch.setenv(f"SPANLOOP_{name}", str(value))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: shutil._ntuple_diskusage(1 << 40, 0, 1 << 40))
    return monkeypatch


def examined(*arguments, status=1):
    """The findings by what was checked."""
    found = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    assert (found.exit_code, found.stderr) == (status, ""), found.output
    document = json.loads(found.stdout)
    assert document["healthy"] == (status == 0)
    assert all(one["cure"] for one in document["findings"] if one["state"] in ("wrong", "look"))
    return {one["check"]: one for one in document["findings"]}


def test_in_a_healthy_set_up_nothing_is_wrong(healthy, tmp_path):
    with docker_registry(tmp_path / "registry") as host:
        healthy.setenv("SPANLOOP_REGISTRY", f"{host}/bentos")
        healthy.setenv("SPANLOOP_REGISTRY_PLAIN_HTTP", "true")
        found = examined(status=0)
    assert {one["state"] for one in found.values()} == {"ok"}, found
    assert found["Label Studio's address"]["told"].startswith("Label Studio 1.23.2 answers")
    assert found["The API key"]["told"] == "Label Studio takes it: a legacy token of anna@example.com."
    assert found["The model's licence"]["told"].startswith("Its card says apache-2.0.")


def test_a_person_reads_a_line_for_each_check_in_words(healthy):
    healthy.setenv("SPANLOOP_BACKEND_URL", "http://127.0.0.1:1")
    found = CliRunner().invoke(app, ["doctor", "--project", "3"])
    output = re.sub(r"\s+", " ", found.output)
    assert found.exit_code == 1
    assert "✓ ok The API key: Label Studio takes it" in output
    assert "✗ wrong The backend: Nothing answers at http://127.0.0.1:1" in output
    assert "To do: Start it with `spanloop serve`" in output
    assert "– not checked What the backend needs: Not checked, because the backend does not say." in output
    assert output.endswith("To mend: 2. To look at: 0. "), "and the project's model is elsewhere"


@pytest.mark.parametrize(
    ("url", "told", "cure"),
    [
        ("", "It is not set.", "Set SPANLOOP_LABEL_STUDIO_URL"),
        ("label-studio.example.com", "no address of a web server", "with http:// or https:// in front"),
        ("http://label-studio.invalid", "finds no address for the name label-studio.invalid", "name server"),
        ("http://127.0.0.1:1", "does not answer", "Start Label Studio"),
    ],
)
def test_an_address_without_a_label_studio_is_told_and_what_hangs_on_it_is_not_checked(healthy, url, told, cure):
    healthy.setenv("SPANLOOP_LABEL_STUDIO_URL", url)
    found = examined()
    assert told in found["Label Studio's address"]["told"]
    assert cure in found["Label Studio's address"]["cure"]
    for check in ("The API key", "The projects in Label Studio", "The clock against Label Studio's"):
        assert found[check]["state"] == "not checked"


def test_another_program_at_the_address_is_told(healthy, studio):
    studio.page_below = "/api"
    assert "is not Label Studio's API, but a login page" in examined()["Label Studio's address"]["told"]


def test_a_redirect_is_told_with_the_address_to_set(healthy, studio):
    studio.redirects_to = "https://label-studio.example.com/ls/api/version/"
    found = examined()["Label Studio's address"]
    assert found["told"].endswith("redirects to https://label-studio.example.com/ls.")
    assert "SPANLOOP_LABEL_STUDIO_URL=https://label-studio.example.com/ls" in found["cure"]


def test_a_login_in_front_of_label_studio_is_told(healthy, studio):
    studio.redirects_to = "/user/login/?next=/api/version/"
    found = examined()["Label Studio's address"]
    assert "a login page, a proxy or another program: it redirects /api/version/ to /user/login/" in found["told"]


def personal(expires):
    """A personal access token that expires."""
    payload = base64.urlsafe_b64encode(json.dumps({"exp": int(expires.timestamp())}).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "It is not set."),
        ("f" * 40, "It is a legacy token. Label Studio refuses the API key"),
        (personal(datetime(2030, 1, 1, tzinfo=UTC)), "It is a personal access token. Label Studio refuses"),
        (personal(datetime(2026, 1, 2, tzinfo=UTC)), "The personal access token has expired on 2026-01-02"),
    ],
)
def test_a_key_that_is_not_taken_is_told_and_never_printed(healthy, key, told):
    healthy.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", key)
    found = examined()
    assert told in found["The API key"]["told"]
    assert found["The projects in Label Studio"]["state"] == "not checked"
    assert not key or key not in json.dumps(found)


def test_a_personal_access_token_is_told_with_its_owner_and_its_end(healthy):
    healthy.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", PERSONAL_KEY)
    told = examined(status=0)["The API key"]["told"]
    assert told == "Label Studio takes it: a personal access token of anna@example.com, valid until 2100-01-01."


@pytest.mark.parametrize(("kind", "lost"), [("ml", "cannot be connected"), ("webhooks", "gets no webhook")])
def test_a_blocked_address_is_told_with_the_flags_that_open_it_and_nothing_is_made(healthy, studio, kind, lost):
    studio.blocks[kind] = BLOCKED
    found = examined()["Label Studio's rules for addresses"]
    assert BLOCKED in found["told"]
    assert lost in found["meaning"]
    assert "ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false" in found["cure"]


def test_what_a_label_studio_makes_of_the_question_is_deleted_again(healthy, studio):
    studio.makes_all = True
    assert examined(status=0)["Label Studio's rules for addresses"]["state"] == "ok"
    assert {"DELETE /api/ml/9/", "DELETE /api/webhooks/9/"} < {*studio.asked}


def test_what_a_label_studio_makes_of_the_question_and_does_not_delete_is_told(healthy, studio):
    studio.makes_all = studio.keeps_all = True
    found = examined(status=0)["Label Studio's rules for addresses"]
    assert (found["state"], "made /api/ml/9/" in found["told"]) == ("not checked", True)


def test_an_answer_that_names_no_field_says_nothing_of_the_address(healthy, studio):
    studio.invalid = {}
    found = examined(status=0)["Label Studio's rules for addresses"]
    assert (found["state"], "Validation error" in found["told"]) == ("not checked", True)


def test_a_label_studio_that_waits_for_a_model_is_waited_for(studio):
    studio.projects[3] = StudioProject(state="ER")
    studio.asks_models = lambda project: time.sleep(1)
    settings = LabelStudioSettings(label_studio_url=studio.url, label_studio_api_key=KEY)
    assert [model.state for model in Inspection(LabelStudio(settings, timeout=0.2)).models(3)] == ["ER"]


def test_projects_beyond_those_that_are_listed_are_counted(healthy, studio, backend):
    studio.projects |= {number: StudioProject(models=[]) for number in range(10, 13)}
    healthy.setattr("service.labelstudio.inspection.PROJECTS_MAX", 2)
    found = examined(status=0)["Further projects"]
    assert (found["state"], "there are 2 more" in found["told"]) == ("not checked", True)


def test_a_short_name_is_told_since_it_gets_no_webhook(healthy, studio):
    studio.projects[3] = StudioProject(models=["http://spanloop:9090"], webhooks=[])
    found = examined("--backend", "http://spanloop:9090")
    assert found["The backend's address"]["told"] == "spanloop is a short name, without a dot."
    assert "There is none to http://spanloop:9090/webhook" in found["The webhook of project 3"]["told"]


def test_projects_without_the_model_are_told(healthy, studio, backend):
    studio.projects = {
        3: StudioProject(models=[]),
        4: StudioProject(models=["http://192.0.2.7:9090"]),
        5: StudioProject(models=[backend.url], is_interactive=False),
        6: StudioProject(models=[backend.url], state="ER"),
    }
    found = examined(*(f"--project={number}" for number in (3, 4, 5, 6, 7)))
    assert found["Project 3"]["told"] == "It has no model."
    assert f"Connect Model and enter {backend.url}" in found["Project 3"]["cure"]
    assert found["Project 4"]["told"].startswith("Its model is at http://192.0.2.7:9090")
    assert (found["Project 5"]["state"], "Interactive preannotations are off" in found["Project 5"]["told"]) == (
        "look",
        True,
    )
    assert "does not reach" in found["Project 6"]["told"]
    assert "has no project 7" in found["Project 7"]["told"] or "404" in found["Project 7"]["told"]
    assert found["The webhook of project 3"]["state"] == "not checked"


def test_without_any_connected_project_that_is_told(healthy, studio):
    studio.projects = {3: StudioProject(models=[])}
    assert "is connected to this backend" in examined()["The projects in Label Studio"]["told"]


def test_projects_of_another_backend_are_not_looked_at(healthy, studio):
    studio.projects[4] = StudioProject(models=["http://192.0.2.7:9090"])
    with fake_backend.serving() as other:
        other.health["model_version"] = "another"
        studio.projects[5] = StudioProject(models=[other.url])
        found = examined(status=0)
    assert {check for check in found if check.startswith("Project ")} == {"Project 3"}


def test_no_login_in_an_address_is_told(healthy, studio, backend):
    studio.projects = {3: StudioProject(models=["http://anna:do-not-tell@192.0.2.7:9090"])}
    own = backend.url.replace("//", "//anna:do-not-tell@")
    found = examined("--backend", own, "--project", "3")
    assert found["Project 3"]["told"] == f"Its model is at http://192.0.2.7:9090, and this backend at {backend.url}."
    assert "do-not-tell" not in json.dumps(found)


def test_kept_projects_that_cannot_be_read_are_left_as_they_are(healthy, tmp_path):
    (tmp_path / "home" / "projects.json").write_text("{broken")
    assert examined(status=0)["Project 3"]["state"] == "ok"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["projects.json"]


RELEASE = "http://spanloop-backend.here.svc.cluster.local:9090"


@pytest.fixture
def outside(healthy, tmp_path):
    """A machine outside the cluster, without the settings of the release."""
    healthy.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    for name in ("BACKEND_URL", "MODEL", "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"):
        healthy.delenv(f"SPANLOOP_{name}")
    return healthy


def test_of_a_release_seen_from_outside_only_what_is_named_here_is_judged(outside):
    found = examined("--namespace", "here")
    for check, name in (
        ("Label Studio's address", "LABEL_STUDIO_URL"),
        ("The API key", "LABEL_STUDIO_API_KEY"),
        ("The base model", "MODEL"),
        ("The registry", "REGISTRY"),
        ("The backend", "BACKEND_URL"),
    ):
        assert (found[check]["state"], f"name it in SPANLOOP_{name}." in found[check]["told"]) == ("not checked", True)
    assert [check for check, one in found.items() if one["state"] == "wrong"] == ["The backend's rights"]


def test_a_release_is_known_by_the_address_that_its_notes_print(outside, studio):
    studio.projects[3] = StudioProject(models=[RELEASE])
    outside.setenv("SPANLOOP_LABEL_STUDIO_URL", studio.url)
    outside.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", KEY)
    outside.setenv("SPANLOOP_MODEL", "nobody/no-such-model")
    found = examined("--namespace", "here")
    assert found["Project 3"]["told"] == f"It is connected to {RELEASE}."
    assert "only the extractor's pods and runs hold nobody/no-such-model" in found["The base model"]["told"]


def test_a_backend_is_known_by_the_name_by_which_label_studio_called_it(healthy, studio, tmp_path):
    studio.projects[3] = StudioProject(models=["http://192.0.2.7:9090"])
    known = FileProjects(tmp_path / "home")
    known.see(3, "192.0.2.7:9090")
    known.tick()
    assert examined(status=0)["Project 3"]["state"] == "ok"


def test_a_backend_with_another_name_is_known_by_its_answer(healthy, studio, backend):
    other = backend.url.replace("127.0.0.1", "localhost")
    studio.projects[3] = StudioProject(models=[other])
    healthy.setenv("SPANLOOP_BASIC_AUTH_USERNAME", "anna")
    healthy.setenv("SPANLOOP_BASIC_AUTH_PASSWORD", "do-not-send")
    assert examined(status=0)["Project 3"]["state"] == "ok"
    assert (other.removeprefix("http://"), "") in backend.lookers
    sent_to = {host for host, authorization in backend.lookers if authorization}
    assert sent_to == {backend.url.removeprefix("http://")}, "an address in Label Studio may be a stranger's"


@pytest.mark.parametrize(
    ("webhooks", "told"),
    [
        ([], "There is none to"),
        (
            [{"url": "http://192.0.2.7/webhook", "is_active": True, "send_for_all_actions": True}],
            "only to http://192.0.2.7",
        ),
        ([{"url": "{}/webhook", "is_active": False, "send_for_all_actions": True}], "is turned off"),
        (
            [
                {
                    "url": "{}/webhook",
                    "is_active": True,
                    "send_for_all_actions": False,
                    "actions": ["ANNOTATION_CREATED"],
                }
            ],
            "does not send ANNOTATIONS_DELETED, ANNOTATION_UPDATED",
        ),
    ],
)
def test_a_webhook_that_does_not_tell_the_backend_is_told(healthy, studio, backend, webhooks, told):
    studio.projects[3].webhooks = [{**one, "url": one["url"].format(backend.url)} for one in webhooks]
    found = examined()["The webhook of project 3"]
    assert told in found["told"]
    assert "runs do not start by themselves" in found["meaning"]


def test_a_model_that_is_a_pickle_is_told(healthy, model):
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    found = examined()["The base model"]
    assert "are a pickle (pytorch_model.bin), which is not read" in found["told"]
    assert "SPANLOOP_CONVERT_PICKLE=true" in found["cure"]
    healthy.setenv("SPANLOOP_CONVERT_PICKLE", "true")
    assert examined(status=0)["The base model"]["state"] == "ok"


def test_a_model_that_is_not_there_or_not_a_gliner_is_told(healthy, model, tmp_path):
    (model / "gliner_config.json").write_text("{")
    assert "has no gliner_config.json that can be read" in examined()["The base model"]["told"]
    healthy.setenv("SPANLOOP_MODEL", str(tmp_path / "nowhere"))
    found = examined()
    assert "neither a directory nor the name of a model" in found["The base model"]["told"]
    assert found["The model's licence"]["state"] == "not checked"
    healthy.setenv("SPANLOOP_MODEL", "nobody/no-such-model")
    assert examined(status=0)["The base model"]["state"] == "look"


def test_a_model_without_a_licence_is_told(healthy, model):
    (model / "README.md").unlink()
    assert "no card that names one" in examined(status=0)["The model's licence"]["told"]


def test_a_home_that_cannot_be_written_is_told(healthy):
    healthy.setenv("SPANLOOP_HOME", "/sys/kernel")
    assert "Nothing can be written to /sys/kernel" in examined()["The home directory"]["told"]
    healthy.setenv("SPANLOOP_HOME", "/sys/kernel/spanloop")
    assert examined()["Its disk space"]["state"] == "not checked"


def test_a_home_that_cannot_be_looked_at_is_told(healthy, tmp_path):
    healthy.setenv("SPANLOOP_HOME", str(tmp_path / ("x" * 300)))  # root may look at all but such a name
    found = examined()
    assert "(File name too long)" in found["The home directory"]["told"]
    assert found["Its permissions"]["state"] == found["Its disk space"]["state"] == "not checked"


def test_a_home_that_others_reach_is_told_with_the_command_that_closes_it(healthy, tmp_path):
    (tmp_path / "home").chmod(0o755)
    found = examined(status=0)["Its permissions"]
    assert (found["state"], found["cure"]) == ("look", f"chmod 700 {tmp_path / 'home'}")


@pytest.mark.parametrize(("free", "state"), [(5 << 30, "look"), (1 << 30, "wrong")])
def test_a_disk_without_room_for_a_run_is_told(healthy, free, state):
    healthy.setattr("shutil.disk_usage", lambda folder: shutil._ntuple_diskusage(1 << 40, 0, free))
    found = examined(status=int(state == "wrong"))["Its disk space"]
    assert (found["state"], "spanloop prune" in found["cure"]) == (state, True)


def test_a_home_that_is_not_there_yet_is_not_made(healthy, tmp_path):
    (tmp_path / "home").rmdir()
    assert "the first start makes it" in examined(status=0)["The home directory"]["told"]
    assert not (tmp_path / "home").exists()


def test_a_registry_that_refuses_the_credentials_is_told(healthy, tmp_path):
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "htpasswd").write_text(HTPASSWD)
    healthy.setenv("SPANLOOP_REGISTRY_PLAIN_HTTP", "true")
    healthy.setenv("DOCKER_CONFIG", str(tmp_path))
    with docker_registry(folder, {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}) as host:
        healthy.setenv("SPANLOOP_REGISTRY", f"{host}/bentos")
        for password, status in ((f"not{PASSWORD}", 1), (PASSWORD, 0)):
            auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
            (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
            found = examined(status=status)
            assert (found["The registry"]["state"], found["Publishing to the registry"]["state"]) == (
                ("wrong", "not checked") if status else ("ok", "ok")
            )
            assert password not in json.dumps(found)


def test_a_registry_that_does_not_run_or_is_none_is_told(healthy):
    healthy.setattr("spanloop.doctor.registry.PATIENCE_SECONDS", 0.0)
    healthy.setenv("SPANLOOP_REGISTRY_PLAIN_HTTP", "true")
    healthy.setenv("SPANLOOP_REGISTRY", "127.0.0.1:1/bentos")
    found = examined()
    assert "127.0.0.1:1/bentos" in found["The registry"]["told"]
    assert found["The clock against the registry's"]["state"] == "not checked"
    healthy.setenv("SPANLOOP_REGISTRY", "https://registry.example.com/bentos")
    assert "names no repository" in examined()["The registry"]["told"]


@pytest.mark.parametrize(("ahead", "told"), [(600, "behind Label Studio"), (-600, "ahead of Label Studio")])
def test_a_clock_that_is_off_is_told(healthy, studio, ahead, told):
    studio.ahead = ahead
    found = examined()["The clock against Label Studio's"]
    assert told in found["told"]
    assert "NTP" in found["cure"]


def test_what_the_backend_says_of_itself_is_told(healthy, backend):
    backend.health |= {"release": "0.0.9", "dependencies": {"label_studio": {"up": False}, "registry": {"up": True}}}
    found = examined()
    assert "runs 0.0.9" in found["The backend"]["told"]
    assert found["What the backend needs"]["told"] == "It cannot use: label studio."
    backend.health |= {"answers": False}
    assert "no model does" in examined()["The backend"]["told"]
    backend.health = {"status": "UP"}
    assert "is no Spanloop" in examined()["The backend"]["told"]


def test_a_variable_that_no_program_takes_is_told_by_name_alone(healthy):
    healthy.setenv("SPANLOOP_STEPS", "secret-many")
    found = examined()
    assert "SPANLOOP_STEPS" in found["The settings"]["told"]
    assert "secret-many" not in json.dumps(found)
