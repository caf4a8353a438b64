from __future__ import annotations

import shutil

from service.labelstudio.controls import fingerprint
from service.labelstudio.label_config import parse
from service.versions.names import initial_version, seen_version


def labels(inside: str) -> str:
    return fingerprint(
        parse(f'<View><Labels name="l" toName="t">{inside}</Labels><Text name="t" value="$text"/></View>')
    )


def test_the_same_inputs_name_the_same_version():
    one = seen_version("v1", labels('<Label value="a"/>'), 0.5)
    assert one == seen_version("v1", labels('<Label  value="a" background="blue"/>'), 0.5)
    assert one.startswith("v1.")


def test_a_new_label_wording_threshold_or_model_names_another_version():
    names = {
        seen_version("v1", labels('<Label value="a"/>'), 0.5),
        seen_version("v1", labels('<Label value="a"/><Label value="b"/>'), 0.5),
        seen_version("v1", labels('<Label value="a" hint="another wording"/>'), 0.5),
        seen_version("v1", labels('<Label value="a" alias="A"/>'), 0.5),
        seen_version("v1", labels('<Label value="a"/>'), 0.4),
        seen_version("v1", labels('<Label value="a"/>'), None),
        seen_version("v2", labels('<Label value="a"/>'), 0.5),
    }
    assert len(names) == 7


def test_new_prediction_code_names_another_version(monkeypatch):
    before = seen_version("v1", "", 0.5)
    monkeypatch.setattr("service.versions.names.PREDICTION_CODE", 999)
    assert seen_version("v1", "", 0.5) != before


def test_any_characters_in_a_config_are_fine():
    assert seen_version("v1", "\ud800 ☃ \x00", 0.5).startswith("v1.")


def test_a_local_base_model_is_named_after_its_directory_and_content(model_folder, tmp_path):
    copy = tmp_path / "My GLiNER!"
    shutil.copytree(model_folder, copy)
    before = initial_version(str(copy))
    assert before.startswith("my-gliner-")
    assert initial_version(str(copy)) == before
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert initial_version(str(copy)) != before


def test_a_directory_named_model_is_named_after_the_one_above(model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "starter" / "model")
    assert initial_version(str(tmp_path / "starter" / "model")).startswith("starter-")


def test_a_hub_model_is_named_after_its_last_part():
    assert initial_version("urchade/gliner_small-v2.1") == "gliner_small-v2.1"
    assert initial_version("???") == "model"


def test_a_base_model_with_other_windows_is_another_version():
    assert initial_version("urchade/gliner_small-v2.1", 64) == "gliner_small-v2.1-w64"
