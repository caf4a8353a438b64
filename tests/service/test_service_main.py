from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from service.__main__ import app
from service.backend.local.projects import FileProjects
from service.model.calibration import Calibration
from service.settings import ROOT
from service.versions.history import INITIAL, LiveFile
from service.versions.lineage import Blend, Calibrated, Tried
from service.versions.oci.bentos import Bentos
from service.versions.store import BentoStore
from tests.support.oci_registry import docker_registry
from tests.support.signing_keys import key_pair


@pytest.fixture
def home(tmp_path, monkeypatch, model_folder, bento_store):
    monkeypatch.setenv("SPANLOOP_HOME", str(tmp_path))
    monkeypatch.setenv("SPANLOOP_MODEL", str(model_folder))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SPANLOOP_THREADS", "1")
    return tmp_path


def call(*arguments):
    found = CliRunner().invoke(app, arguments)
    return found.exit_code, re.sub(r"\s+", " ", found.output)


def document(*arguments, status=0):
    """The JSON that a command prints. Nothing else may be told."""
    found = CliRunner().invoke(app, [*arguments, "--json"])
    assert (found.exit_code, found.stderr) == (status, "")
    return json.loads(found.stdout)


def test_versions_are_listed_with_their_scores_and_which_is_live(home, publish):
    publish(BentoStore(home), "20261125-182648-859da5")
    publish(BentoStore(home), "v2", better=False)
    LiveFile(home).swap(INITIAL, "20261125-182648-859da5", "")
    status, output = call("versions")
    assert status == 0
    assert "live" in output
    assert "20261125-182648-859da5" in output
    assert "0.750" in output
    assert "held" in output


def test_versions_are_a_document_for_programs(home, publish):
    publish(BentoStore(home), "v1")
    publish(BentoStore(home), "v2", better=False, created="2026-11-20T00:00:00Z")
    assert document("versions")["live"] is None
    LiveFile(home).swap(INITIAL, "v1", "")
    found = document("versions")
    assert found["live"] == "v1"
    assert {one["version"]: (one["f1"], one["tasks"], one["verdict"]) for one in found["versions"]} == {
        "v1": (0.75, 30, "better"),
        "v2": (0.75, 30, "held"),
    }


def test_projects_are_a_document_for_programs(home):
    known = FileProjects(home)
    known.configure(3, {"threshold": 0.35})
    known.leave_out(3)
    known.tick()
    (project,) = document("projects")["projects"]
    assert (project["project"], project["threshold"], project["learnt_from"]) == (3, 0.35, False)


def test_a_version_is_a_document_without_words_beside_it(home, publish):
    publish(
        BentoStore(home),
        "v1",
        calibrated=Calibrated(calibration=Calibration(), why="Because.", texts=9, candidates=3, support={}),
    )
    assert document("show", "v1")["calibrated"]["why"] == "Because."


def test_whether_a_version_is_trusted_is_a_document_for_programs(home, publish, monkeypatch):
    publish(BentoStore(home), "v1")
    monkeypatch.setenv("SPANLOOP_TRUSTED_KEYS", str(key_pair(home, "release").certificate))
    found = document("verify", "v1", status=1)
    assert (found["version"], found["trusted"]) == ("v1", False)
    assert "it has no signature" in found["why"]


def test_what_a_version_was_made_with_is_printed(home, publish):
    store = BentoStore(home)
    publish(store, "v1")
    status, output = call("sbom", "v1")
    assert (status, "no sbom.cdx.json" in output) == (1, True), "an older release has made it"
    (store.fetch("v1") / "sbom.cdx.json").write_text('{"bomFormat": "CycloneDX"}')
    status, output = call("sbom", "v1")
    assert (status, output.strip()) == (0, '{"bomFormat": "CycloneDX"}')


def test_without_versions_the_initial_model_is_said_to_be_live(home):
    status, output = call("versions")
    assert status == 0
    assert "initial model" in output


def test_a_version_is_shown_with_all_that_is_known_of_it(home, publish):
    publish(BentoStore(home), "v1", digest="the-digest")
    status, output = call("show", "v1")
    assert status == 0
    assert "the-digest" in output


def test_a_document_for_programs_has_no_colours_where_they_are_forced(home, publish, monkeypatch):
    """As in a notebook, which forces them on all that it starts."""
    publish(BentoStore(home), "v1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    command = [sys.executable, "-m", "service", "show", "v1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout)["version"] == "v1"


def test_a_versions_thresholds_and_what_its_scores_mean_are_shown_beside_its_json(home, publish):
    calibration = Calibration(slope=0.5, offsets={"person": -1.0}, thresholds={"person": 0.21})
    facts = {"why": "Scores are probabilities.", "texts": 9, "candidates": 30, "support": {"person": 17}}
    publish(BentoStore(home), "v1", calibrated=Calibrated(calibration=calibration, **facts))
    found = CliRunner().invoke(app, ["show", "v1"])
    assert json.loads(found.stdout)["calibrated"]["calibration"]["thresholds"] == {"person": 0.21}
    table = re.sub(r"[\s│┃]+", " ", found.stderr)
    assert "person 17 0.21 0.27 0.52" in table
    assert "any other 0 0.50 0.50 0.90" in table
    assert "Scores are probabilities." in table


def test_how_far_a_versions_weights_moved_is_shown_in_its_json_and_in_words(home, publish):
    tried = (Tried(share=1.0, f1=0.51, forgotten=0.08), Tried(share=0.85, f1=0.49, forgotten=0.04))
    publish(BentoStore(home), "v1", blend=Blend(share=0.85, limit=0.05, tried=tried))
    found = CliRunner().invoke(app, ["show", "v1"])
    blend = json.loads(found.stdout)["blend"]
    assert (blend["share"], [one["forgotten"] for one in blend["tried"]]) == (0.85, [0.08, 0.04])
    assert "moves 85% of the way from the base model to the tuned weights" in re.sub(r"\s+", " ", found.stderr)


def test_labels_with_square_brackets_are_shown_as_they_are_written(home, publish):
    facts = {"texts": 9, "candidates": 30, "support": {"[per]": 17, "[/per]": 3}}
    why = "Other thresholds took F1 up: those of [/per], [per]."
    publish(BentoStore(home), "v1", calibrated=Calibrated(calibration=Calibration(), why=why, **facts))
    status, output = call("show", "v1")
    assert status == 0, output
    table = re.sub(r"[\s│┃]+", " ", output)
    assert "[/per] 3 0.50" in table
    assert "[per] 17 0.50" in table
    assert table.count(why) == 2, "in the JSON and below the table"


@pytest.mark.parametrize("command", ["show", "promote"])
def test_an_unknown_version_is_an_error_that_says_how_to_list_them(home, command):
    status, output = call(command, "v9")
    assert status == 1
    assert "v9" in output
    assert "spanloop versions" in output
    assert LiveFile(home).read().live == INITIAL


def test_a_version_is_promoted_and_rolled_back_by_hand(home, publish):
    for version in ("v1", "v2"):
        publish(BentoStore(home), version)
        assert call("promote", version)[0] == 0
    assert LiveFile(home).read().live == "v2"
    status, output = call("rollback")
    assert status == 0
    assert "v1" in output
    assert LiveFile(home).read().live == "v1"


def test_on_a_full_disk_a_rollback_changes_nothing_and_says_why(home, publish, monkeypatch):
    publish(BentoStore(home), "v1")
    call("promote", "v1")

    def full(_file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        status, output = call("rollback")
    assert status == 1
    assert "No space left on device" in output
    assert "Traceback" not in output
    assert LiveFile(home).read().live == "v1"
    assert call("rollback")[0] == 0


def test_a_version_with_a_verdict_against_it_is_promoted_by_force_alone_and_that_leaves_its_mark(home, publish):
    publish(BentoStore(home), "v1", better=False, reason="The difference may be chance.")
    status, output = call("promote", "v1")
    assert status == 1
    assert "held: The difference may be chance. Nothing was changed." in output
    assert "promote --force v1" in output
    assert LiveFile(home).read().live == INITIAL
    assert call("promote", "--force", "v1")[0] == 0
    assert LiveFile(home).read().live == "v1"
    assert "with --force, although its verdict is held" in LiveFile(home).read().why


def test_there_is_nothing_before_the_initial_model(home):
    status, output = call("rollback")
    assert status == 1
    assert "nothing before" in output


def test_old_versions_are_deleted_but_neither_the_live_one_nor_the_one_before_it(home, publish):
    for number in range(5):
        publish(BentoStore(home), f"v{number}", created=f"2026-11-2{number}T00:00:00Z")
    LiveFile(home).swap(INITIAL, "v0", "")
    LiveFile(home).swap("v0", "v1", "")
    status, output = call("prune", "--keep", "1")
    assert status == 0
    assert "2 versions deleted: v3, v2" in output
    assert [lineage.version for lineage in BentoStore(home).versions()] == ["v4", "v1", "v0"]
    assert call("rollback")[0] == 0
    assert LiveFile(home).read().live == "v0"


def test_projects_are_listed_with_threshold_last_sight_and_warning(home):
    known = FileProjects(home)
    known.configure(3, {"threshold": 0.35})
    known.configure(7, "", "The label config is not well-formed.")
    known.tick()
    status, output = call("projects")
    assert status == 0
    assert f"0.35 │ {known.get(3).seen:%Y-%m-%d %H:%M}" in output
    assert "not well-formed" in output


def test_a_project_is_forgotten_by_hand(home):
    running = FileProjects(home)
    running.see(3)
    running.see(99)
    running.tick()
    status, output = call("projects", "forget", "99")
    assert status == 0
    assert "Project 99 is forgotten" in output
    running.tick()
    assert running.ids == FileProjects(home).ids == (3,)


def test_a_project_is_left_out_and_taken_in_again_by_hand(home):
    known = FileProjects(home)
    known.see(3)
    known.tick()
    for command, learnt_from, told in (("leave-out", (), "leave it out"), ("take-in", (3,), "learn from it")):
        status, output = call("projects", command, "3")
        assert (status, "project 3" in output) == (0, True)
        assert FileProjects(home).learnt_from == learnt_from
        assert told in call("projects")[1]


def test_a_project_that_there_is_not_is_not_forgotten_and_the_error_says_how_to_list_them(home):
    status, output = call("projects", "forget", "99")
    assert status == 1
    assert "no project 99" in output
    assert "spanloop projects" in output


def test_a_version_is_signed_by_hand_and_then_verified(home, publish, monkeypatch):
    pair = key_pair(home, "release")
    publish(BentoStore(home), "v1")
    monkeypatch.setenv("SPANLOOP_TRUSTED_KEYS", str(pair.certificate))
    status, output = call("verify", "v1")
    assert status == 1
    assert "version v1 is not to be trusted: it has no signature" in output
    status, output = call("sign", "v1")
    assert status == 1
    assert "Nothing was signed. Set SPANLOOP_SIGNING_KEY" in output
    monkeypatch.setenv("SPANLOOP_SIGNING_KEY", str(pair.private))
    assert call("sign", "v1") == (0, "v1 is signed. ")
    assert call("verify", "v1") == (0, "v1 is as the holder of a trusted key has signed it. ")
    code = next(BentoStore(home).bento("v1").rglob("main.py"))
    code.write_text("changed")
    status, output = call("verify", "v1")
    assert status == 1
    assert "The Bento of version v1 is not to be trusted: its files are not those that were signed" in output


@pytest.mark.parametrize("command", ["sign", "verify"])
def test_what_there_is_not_is_neither_signed_nor_verified(home, command, monkeypatch):
    monkeypatch.setenv("SPANLOOP_SIGNING_KEY", str(key_pair(home, "release").private))
    status, output = call(command, "v9")
    assert status == 1
    assert "There is no version 'v9'" in output


def test_a_version_goes_through_a_registry_to_another_machine(home, publish, monkeypatch):
    publish(BentoStore(home), "v1")
    with docker_registry(home / "registry") as host:
        where = ("--registry", f"{host}/bentos", "--plain-http")
        status, output = call("push", "v1", *where)
        assert status == 0
        assert f"{host}/bentos has v1 as sha256:" in output
        status, output = call("push", "v9", *where)
        assert status == 1
        assert "There is no version 'v9'" in output
        monkeypatch.setenv("SPANLOOP_HOME", str(home / "other"))
        status, output = call("pull", "v9", *where)
        assert status == 1
        assert "v9" in output
        assert call("pull", "v1", *where) == (0, "v1 is on this machine. ")
    assert BentoStore(home / "other").get("v1") == BentoStore(home).get("v1")
    assert call("promote", "v1")[0] == 0


def test_a_version_in_a_registry_is_signed_by_hand_and_the_live_reference_stays_good(home, publish, monkeypatch):
    pair = key_pair(home, "release")
    publish(BentoStore(home / "run"), "v1")
    with docker_registry(home / "registry") as host:
        bentos = Bentos.connect(f"{host}/bentos", plain_http=True)
        bentos.push(BentoStore(home / "run"), "v1")
        before = bentos.get("v1").reference
        for name, value in {"REGISTRY": f"{host}/bentos", "REGISTRY_PLAIN_HTTP": "true"}.items():
            monkeypatch.setenv(f"SPANLOOP_{name}", value)
        monkeypatch.setenv("SPANLOOP_TRUSTED_KEYS", str(pair.certificate))
        monkeypatch.setenv("SPANLOOP_SIGNING_KEY", str(pair.private))
        assert call("verify", "v1")[0] == 1
        assert call("sign", "v1")[0] == 0
        assert call("verify", "v1")[0] == 0
        assert bentos.get("v1").reference != before
        assert bentos.get(before).lineage == bentos.get("v1").lineage
