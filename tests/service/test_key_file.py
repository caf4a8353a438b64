"""An API key that lies in a file."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.settings import LabelStudioSettings


def key(**settings):
    return LabelStudioSettings(**settings).label_studio_api_key.get_secret_value()


def test_the_key_is_read_from_its_file_without_the_line_feed_at_its_end(tmp_path):
    (tmp_path / "key").write_text("0123abcd\n")
    assert key(label_studio_api_key_file=tmp_path / "key") == "0123abcd"
    assert key(label_studio_api_key_file=tmp_path / "key", label_studio_api_key="other") == "other"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ValidationError, match=r"the API key cannot be read from its file: .*nowhere"):
        key(label_studio_api_key_file=tmp_path / "nowhere")
