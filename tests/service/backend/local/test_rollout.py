from __future__ import annotations

import asyncio
import shutil
from functools import partial

import pytest

from service.backend.local.rollout import LocalRollout
from service.extractor.engine import Engine
from service.extractor.questions import Question, Unavailable
from service.versions.history import INITIAL, LiveFile
from service.versions.lineage import Canary
from service.versions.signature import signing
from service.versions.store import BentoStore
from tests.support.signing_keys import key_pair


class Machine:
    def __init__(self, settings, bento_store):
        self.settings = settings
        self.store = BentoStore(settings.folder)
        self.live = LiveFile(settings.folder)
        self.engine = Engine()
        self.rollout = LocalRollout(settings, self.store, self.live, self.engine)

    def answer(self):
        found = asyncio.run(self.engine.ask([Question(["Alice"], ["person"])], 0.5, 30))
        assert len(found.items[0][0].spans) == 1
        return found.version


@pytest.fixture
def machine(settings, bento_store):
    made = []

    def make(**overrides):
        made.append(Machine(settings(**overrides), bento_store))
        return made[-1]

    yield make
    for one in made:
        one.engine.close()


def canary(*spans):
    return Canary(text="Alice met Bob", labels=("person",), threshold=0.5, spans=spans)


GOOD = canary((0, 5, "person"), (10, 13, "person"))


def test_with_nothing_promoted_the_base_model_answers(machine):
    one = machine()
    assert one.rollout.version.startswith("tiny-")
    one.rollout.tick()
    assert one.answer() == one.rollout.version


def test_the_setting_of_windows_is_for_the_base_model_and_not_for_a_version(machine, publish):
    one = machine(window_words=64)
    one.rollout.tick()
    assert one.answer() == one.rollout.version
    assert one.rollout.version.endswith("-w64")
    assert asyncio.run(one.engine.ready(1)).model.window_words == 64
    publish(one.store, "v1")
    one.live.swap(INITIAL, "v1", "better")
    one.rollout.tick()
    assert one.answer() == "v1"
    assert asyncio.run(one.engine.ready(1)).model.window_words == 384


def test_a_promoted_version_answers_at_the_next_look(machine, publish, grown):
    one = machine()
    one.rollout.tick()
    assert grown("spanloop_rollouts_total", outcome="done") == 0, "the first model is no rollout"
    publish(one.store, "v1", canaries=(GOOD,))
    one.live.swap(INITIAL, "v1", "better")
    one.rollout.tick()
    assert one.answer() == one.rollout.version == "v1"
    assert grown("spanloop_rollouts_total", outcome="done") == 1


def test_a_live_version_is_loaded_once_and_not_at_every_look(machine, monkeypatch):
    one = machine()
    one.rollout.tick()
    current = one.engine._current
    for _ in range(3):
        one.rollout.tick()
    assert one.engine._current is current


@pytest.mark.parametrize("damage", ["weights", "gone", "canary", "lineage"])
def test_a_broken_version_is_taken_back_with_the_reason_and_the_one_before_keeps_answering(
    machine, publish, damage, grown
):
    one = machine()
    publish(one.store, "v1", canaries=(GOOD,))
    one.live.swap(INITIAL, "v1", "better")
    one.rollout.tick()
    publish(one.store, "v2", canaries=(canary((0, 5, "company")) if damage == "canary" else GOOD,))
    folder = one.store.fetch("v2")
    if damage == "weights":
        (folder / "model.safetensors").write_bytes(b"damaged")
    elif damage == "lineage":
        (folder / "lineage.json").write_text('{"format": 99}')
    elif damage == "gone":
        shutil.rmtree(folder)
    one.live.swap("v1", "v2", "even better")
    for _ in range(3):
        one.rollout.tick()
        assert one.answer() == "v1"
    live = one.live.read()
    assert live.live == "v1"
    assert "v2 was taken back" in live.why
    assert live.given_up == ("v2",)
    assert grown("spanloop_rollouts_total", outcome="undone") == 1
    assert grown("spanloop_rollouts_total", outcome="done") == 0
    assert grown("spanloop_errors_total", cause="model_load") == 1


def test_a_broken_version_that_is_left_while_it_is_loaded_takes_nothing_back(machine, publish, monkeypatch, grown):
    one = machine()
    for before, version in ((INITIAL, "v1"), ("v1", "v2")):
        publish(one.store, version, canaries=(GOOD,))
        one.live.swap(before, version, "better")
    load = one.rollout._load

    def left_meanwhile(target):
        if target == "v2":
            one.live.swap("v2", "v1", "promoted by hand")
            raise OSError("no such weights")
        return load(target)

    monkeypatch.setattr(one.rollout, "_load", left_meanwhile)
    for _ in range(2):
        one.rollout.tick()
    assert one.answer() == "v1"
    assert one.live.read().why == "promoted by hand"
    assert grown("spanloop_rollouts_total", outcome="undone") == 0


def test_a_restart_on_a_broken_version_ends_with_the_one_before_it(machine, publish):
    one = machine()
    publish(one.store, "v1", canaries=(GOOD,))
    publish(one.store, "v2", canaries=(GOOD,))
    one.live.swap(INITIAL, "v1", "")
    one.live.swap("v1", "v2", "")
    (one.store.fetch("v2") / "model.safetensors").unlink()
    again = machine()
    for _ in range(3):
        again.rollout.tick()
    assert again.answer() == "v1"


def test_a_version_that_cannot_be_loaded_at_the_start_stays_live_and_answers_once_it_can(machine, publish, monkeypatch):
    one = machine()
    for before, version in ((INITIAL, "v1"), ("v1", "v2")):
        publish(one.store, version, canaries=(GOOD,))
        one.live.swap(before, version, "better")
    weights = one.store.fetch("v2") / "model.safetensors"
    weights.rename(weights.with_suffix(".away"))
    again = machine()
    for _ in range(2):
        again.rollout.tick()
    assert again.answer() == again.rollout.version == "v1"
    assert "v2 is live and could not be loaded" in again.rollout.trouble
    assert again.live.read().live == "v2"
    assert again.live.read().given_up == ()
    weights.with_suffix(".away").rename(weights)
    again.rollout.tick()
    assert again.answer() == "v1", "it is not tried at each look"
    monkeypatch.setattr("service.backend.local.rollout.RETRY_SECONDS", 0)
    again.rollout._retry_at = 0
    again.rollout.tick()
    assert again.answer() == "v2"
    assert again.rollout.trouble == ""


def test_a_broken_version_that_is_promoted_while_another_stands_in_is_taken_back(machine, publish):
    one = machine()
    for before, version in ((INITIAL, "v1"), ("v1", "v2")):
        publish(one.store, version, canaries=(GOOD,))
        one.live.swap(before, version, "better")
    (one.store.fetch("v2") / "model.safetensors").unlink()
    again = machine()
    again.rollout.tick()
    assert again.answer() == "v1"
    publish(one.store, "v3", canaries=(canary((0, 5, "company")),))
    again.live.swap("v2", "v3", "better still")
    again.rollout.tick()
    assert again.answer() == "v1"
    assert again.live.read().live == "v2"
    assert again.live.read().given_up == ("v3",)


def test_with_every_version_broken_the_base_model_answers_in_the_end(machine, publish):
    one = machine()
    versions = ["v1", "v2", "v3"]
    for before, version in zip([INITIAL, *versions], versions, strict=False):
        publish(one.store, version, canaries=(GOOD,))
        one.live.swap(before, version, "")
        (one.store.fetch(version) / "model.safetensors").write_bytes(b"damaged")
    for _ in range(6):
        one.rollout.tick()
    assert one.answer().startswith("tiny-")


def test_a_base_model_that_cannot_be_loaded_is_the_error_of_each_request(machine, tmp_path):
    one = machine(model=str(tmp_path))
    one.rollout.tick()
    with pytest.raises(Unavailable, match="SPANLOOP_MODEL"):
        one.answer()


def test_a_version_works_even_if_the_base_model_does_not(machine, publish, tmp_path):
    one = machine(model=str(tmp_path))
    one.rollout.tick()
    publish(one.store, "v1", canaries=(GOOD,))
    one.live.swap(INITIAL, "v1", "")
    one.rollout.tick()
    assert one.answer() == "v1"


def test_a_version_that_was_changed_after_it_was_signed_is_taken_back_before_it_is_loaded(
    machine, lineage, model_folder, grown, tmp_path
):
    pair = key_pair(tmp_path, "release")
    one = machine(verify="require", trusted_keys=pair.certificate)
    save = partial(shutil.copytree, model_folder, dirs_exist_ok=True)
    one.store.publish(lineage("v1"), save, signing(pair.private))
    one.live.swap(INITIAL, "v1", "better")
    one.rollout.tick()
    assert one.answer() == "v1"
    one.store.publish(lineage("v2"), save, signing(pair.private))
    (one.store.fetch("v2") / "calibration.json").write_text("{}")
    one.live.swap("v1", "v2", "better")
    one.rollout.tick()
    one.rollout.tick()
    assert one.answer() == "v1"
    assert "v2 was taken back: The model of version v2 is not to be trusted" in one.rollout.history.why
    assert grown("spanloop_errors_total", cause="signature") == 1
