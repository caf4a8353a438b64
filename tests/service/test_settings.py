from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_everything_has_a_default_that_serves():
    settings = Settings()
    assert settings.threshold == 0.5
    assert settings.model.endswith("starter/model")
    assert settings.compute_threads >= 1


def test_settings_come_from_the_environment_and_empty_ones_count_as_unset(monkeypatch):
    monkeypatch.setenv("SPANLOOP_MODEL", "urchade/gliner_small-v2.1")
    monkeypatch.setenv("SPANLOOP_THRESHOLD", "0.3")
    monkeypatch.setenv("SPANLOOP_MAX_BODY_MB", "")
    monkeypatch.setenv("SPANLOOP_UNKNOWN", "passed over")
    settings = Settings()
    assert settings.model == "urchade/gliner_small-v2.1"
    assert settings.threshold == 0.3
    assert settings.max_body_mb == 50


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPANLOOP_THRESHOLD", "1"),
        ("SPANLOOP_THRESHOLD", "0"),
        ("SPANLOOP_THRESHOLD", "high"),
        ("SPANLOOP_PREDICT_DEADLINE", "0"),
        ("SPANLOOP_MAX_BODY_MB", "-1"),
        ("SPANLOOP_RUN_ATTEMPTS", "0"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("SPANLOOP_").lower()):
        Settings()


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch):
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", "do-not-show-1")
    monkeypatch.setenv("SPANLOOP_BASIC_AUTH_PASSWORD", "do-not-show-2")
    assert "do-not-show" not in f"{Settings()!r} {Settings()} {Settings().model_dump_json()}"


def test_the_home_directory_is_made(tmp_path):
    settings = Settings(home=tmp_path / "a" / "b")
    assert settings.folder.is_dir()
