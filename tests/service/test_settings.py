from __future__ import annotations

import pytest
from pydantic import ValidationError

from docs.settings import PAGE, page
from service.backend.cluster.settings import ClusterSettings
from service.backend.local.settings import MachineSettings
from service.extractor.settings import ExtractorSettings
from service.settings import Settings


def test_everything_has_a_default_that_serves():
    settings = MachineSettings()
    assert settings.threshold is None
    assert settings.model.endswith("starter/model")
    assert settings.compute_threads >= 1


def test_settings_come_from_the_environment_and_empty_ones_count_as_unset(monkeypatch):
    monkeypatch.setenv("SPANLOOP_MODEL", "urchade/gliner_small-v2.1")
    monkeypatch.setenv("SPANLOOP_THRESHOLD", "0.3")
    monkeypatch.setenv("SPANLOOP_MAX_BODY_MB", "")
    monkeypatch.setenv("SPANLOOP_UNKNOWN", "passed over")
    settings = MachineSettings()
    assert settings.model == "urchade/gliner_small-v2.1"
    assert settings.threshold == 0.3
    assert settings.max_body_mb == 50


@pytest.mark.parametrize("value", ["0", "", "0.0"])
def test_no_threshold_is_that_of_the_version(monkeypatch, value):
    monkeypatch.setenv("SPANLOOP_THRESHOLD", value)
    assert MachineSettings().threshold is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPANLOOP_THRESHOLD", "1"),
        ("SPANLOOP_THRESHOLD", "-0.1"),
        ("SPANLOOP_THRESHOLD", "high"),
        ("SPANLOOP_PREDICT_DEADLINE", "0"),
        ("SPANLOOP_MAX_BODY_MB", "-1"),
        ("SPANLOOP_RUN_ATTEMPTS", "0"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("SPANLOOP_").lower()):
        MachineSettings()


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch):
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", "do-not-show-1")
    monkeypatch.setenv("SPANLOOP_BASIC_AUTH_PASSWORD", "do-not-show-2")
    assert "do-not-show" not in f"{MachineSettings()!r} {MachineSettings()} {MachineSettings().model_dump_json()}"


def test_a_program_is_not_stopped_by_a_setting_of_another(monkeypatch):
    monkeypatch.setenv("SPANLOOP_RETRAIN_EVERY", "often")
    monkeypatch.setenv("SPANLOOP_PRECISION", "int7")
    with pytest.raises(ValidationError, match="retrain_every"):
        ClusterSettings()
    with pytest.raises(ValidationError, match="precision"):
        ExtractorSettings()
    monkeypatch.setenv("SPANLOOP_RETRAIN_EVERY", "5")
    assert ClusterSettings().retrain_every == 5
    monkeypatch.setenv("SPANLOOP_PRECISION", "int8")
    assert ExtractorSettings().precision == "int8"


def test_a_secret_from_a_file_loses_its_line_feed(monkeypatch):
    monkeypatch.setenv("SPANLOOP_BASIC_AUTH_PASSWORD", "secret\n")
    assert ClusterSettings().basic_auth_password.get_secret_value() == "secret"


def test_the_home_directory_is_made(tmp_path):
    settings = MachineSettings(home=tmp_path / "a" / "b")
    assert settings.folder.is_dir()


def kinds(settings):
    for kind in settings.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_the_page_is_what_the_classes_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m docs.settings"


def test_the_page_has_every_setting_once_and_says_what_it_means():
    fields = {name: field for kind in kinds(Settings) for name, field in kind.model_fields.items()}
    assert [name for name, field in fields.items() if not field.description] == []
    assert [name for name in fields if page().count(f"| `SPANLOOP_{name.upper()}` |") != 1] == []
