"""Versions that are signed with real keys: what is changed afterwards is refused."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess

import pytest

from service.versions import lineage as lineages
from service.versions.keys import KeyUnusable
from service.versions.signature import FILE, SignatureRefused, sign, signing
from service.versions.store import BentoStore
from service.versions.trust import Trust
from tests.support.signing_keys import RSA, key_pair, public_key

DESCRIPTIONS = {"verdict.json": "{}", "predictions.json": "{}", "report.html": "<html>"}


@pytest.fixture
def pair(tmp_path):
    return key_pair(tmp_path, "release")


@pytest.fixture
def save(model_folder):
    """Write what a run saves of a version: a model and what describes it."""

    def write(folder):
        shutil.copytree(model_folder, folder, dirs_exist_ok=True)
        for name, content in DESCRIPTIONS.items():
            (folder / name).write_text(content)

    return write


@pytest.fixture
def signed(tmp_path, save, pair, lineage):
    """The directory of a version's model, signed."""
    folder = tmp_path / "v1"
    save(folder)
    lineages.write(folder, lineage("v1"))
    sign(pair.private, folder)
    return folder


@pytest.fixture
def store(tmp_path, bento_store):
    return BentoStore(tmp_path / "home")


@pytest.fixture
def trust(pair):
    return Trust("require", pair.certificate)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def refused(look, folder):
    try:
        look(folder)
    except SignatureRefused:
        return True
    return False


def test_one_changed_byte_in_any_file_of_a_published_version_is_refused(store, lineage, save, pair, trust):
    store.publish(lineage("v1"), save, signing(pair.private))
    looks = {store.fetch("v1"): trust.check_model, store.bento("v1"): trust.check_bento}
    for folder, look in looks.items():
        look(folder)
    code = [file for file in files(store.bento("v1")) if file.suffix == ".py" and file.name != "main.py"]
    others = code[::20]  # a part of the code: each try reads all files
    tried = [
        (look, folder, file)
        for folder, look in looks.items()
        for file in files(folder)
        if file.stat().st_size and (file not in code or file in others)
    ]
    names = {file.name for _, _, file in tried}
    assert {"model.safetensors", "gliner_config.json", "lineage.json", FILE, "model.yaml", *DESCRIPTIONS} <= names
    assert "main.py" in names, "the code in the Bento"
    passed = []
    for look, folder, file in tried:
        before = file.read_bytes()
        middle = len(before) // 2
        file.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
        passed += [] if refused(look, folder) else [file]
        file.write_bytes(before)
    assert not passed, f"{len(tried) - len(passed)} of {len(tried)} refused"
    for folder, look in looks.items():
        look(folder)


def test_a_missing_file_is_refused_whichever_it_is(signed, trust):
    for file in files(signed):
        before = file.read_bytes()
        file.unlink()
        assert refused(trust.check_model, signed), file
        file.write_bytes(before)


@pytest.mark.parametrize("name", ["pytorch_model.bin", ".gitignore", ".git/hooks/x", "more/deep.json", "complete"])
def test_a_file_too_many_is_refused(signed, trust, name):
    (signed / name).parent.mkdir(parents=True, exist_ok=True)
    (signed / name).write_bytes(b"1")
    with pytest.raises(SignatureRefused, match=r"its files are not those that were signed .*Extra files"):
        trust.check_model(signed)


def test_a_link_in_a_version_is_refused(signed, trust, tmp_path):
    target = tmp_path / "elsewhere"
    (signed / "gliner_config.json").rename(target)
    (signed / "gliner_config.json").symlink_to(target)
    assert refused(trust.check_model, signed)


def test_a_signed_version_under_the_name_of_another_is_refused(signed, trust):
    other = signed.rename(signed.with_name("v2"))
    with pytest.raises(SignatureRefused, match="it is version v1 under another name"):
        trust.check_model(other)


def test_a_version_without_a_signature_is_refused_and_the_error_says_how_it_gets_one(signed, trust):
    (signed / FILE).unlink()
    with pytest.raises(SignatureRefused, match=r"it has no signature.*nothing of it was loaded.*spanloop sign v1"):
        trust.check_model(signed)


def test_what_describes_a_version_is_verified_without_its_weights(signed, trust):
    for file in ("model.safetensors", "gliner_config.json", "tokenizer.json"):
        (signed / file).unlink()
    assert refused(trust.check_model, signed)
    trust.check_description(signed)
    (signed / "report.html").write_text("<html>changed")
    with pytest.raises(SignatureRefused, match=r"changed or too many: report\.html"):
        trust.check_description(signed)


def test_a_description_without_its_lineage_is_refused(signed, trust):
    (signed / "lineage.json").unlink()
    with pytest.raises(SignatureRefused, match="its lineage cannot be read"):
        trust.check_description(signed)


def test_a_description_under_the_name_of_another_is_refused(signed, trust):
    with pytest.raises(SignatureRefused, match="it is version v1 under another name"):
        trust.check_description(signed.rename(signed.with_name("v2")))


def test_warn_says_in_the_log_what_require_refuses_and_off_says_nothing(signed, pair, service_log):
    (signed / FILE).unlink()
    Trust("off", pair.certificate).check_model(signed)
    assert not service_log
    Trust("warn", pair.certificate).check_model(signed)
    assert "version v1 is not to be trusted: it has no signature" in service_log[0]


def test_the_signature_of_a_stranger_is_refused(signed, trust, tmp_path):
    sign(key_pair(tmp_path / "stranger", "stranger").private, signed)
    with pytest.raises(SignatureRefused, match="signed with a key that is not trusted"):
        trust.check_model(signed)


def test_a_stranger_who_names_the_trusted_key_is_refused(signed, trust, tmp_path):
    (signed / "gliner_config.json").write_text("{}")
    named = json.loads((signed / FILE).read_text())["verificationMaterial"]
    sign(key_pair(tmp_path / "stranger", "stranger").private, signed)
    forged = {**json.loads((signed / FILE).read_text()), "verificationMaterial": named}
    (signed / FILE).write_text(json.dumps(forged))
    with pytest.raises(SignatureRefused, match="its signature is not by the key that it names"):
        trust.check_model(signed)


def test_a_list_of_files_that_was_changed_after_it_was_signed_is_refused(signed, trust):
    bundle = json.loads((signed / FILE).read_text())
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    payload["predicate"]["serialization"]["ignore_paths"].append("gliner_config.json")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    (signed / FILE).write_text(json.dumps(bundle))
    assert refused(trust.check_model, signed)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{}", b'{"verificationMaterial": {"publicKey": 1}}'])
def test_what_is_no_signature_is_refused(signed, trust, content):
    (signed / FILE).write_bytes(content)
    with pytest.raises(SignatureRefused, match="is no signature"):
        trust.check_model(signed)


def test_a_signature_that_only_names_the_key_is_refused(signed, trust):
    named = json.loads((signed / FILE).read_text())["verificationMaterial"]
    (signed / FILE).write_text(json.dumps({"verificationMaterial": named}))
    assert refused(trust.check_model, signed)


def test_after_a_rotation_what_the_old_key_signed_and_what_the_new_one_signs_is_trusted(signed, pair, tmp_path):
    new = key_pair(tmp_path, "next")
    both = Trust("require", pair.certificate.parent)
    both.check_model(signed)
    sign(new.private, signed)
    both.check_model(signed)
    with pytest.raises(SignatureRefused, match="not trusted"):
        Trust("require", pair.certificate).check_model(signed)


def test_a_public_key_without_a_certificate_is_as_good(signed, pair, tmp_path):
    Trust("require", public_key(pair, tmp_path / "public.pem")).check_model(signed)


def test_without_a_public_key_nothing_is_trusted(signed, tmp_path):
    for keys, why in {None: "no public key is set", tmp_path / "none": "cannot be read"}.items():
        with pytest.raises(SignatureRefused, match=why):
            Trust("require", keys).check_model(signed)
    (tmp_path / "text").write_text("no key")
    with pytest.raises(SignatureRefused, match="neither a public key nor a certificate"):
        Trust("require", tmp_path / "text").check_model(signed)
    with pytest.raises(SignatureRefused, match="none of an elliptic curve"):
        Trust("require", key_pair(tmp_path, "rsa", RSA).certificate).check_model(signed)


def test_a_private_key_that_cannot_sign_is_refused_before_a_run_has_learnt(tmp_path, pair):
    locked = tmp_path / "locked.key"
    command = ["openssl", "ec", "-in", str(pair.private), "-aes256", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)
    reasons = {
        tmp_path / "none": "cannot be read",
        pair.certificate: "no private key",
        locked: "has no password",
        key_pair(tmp_path, "rsa", RSA).private: "none of an elliptic curve",
    }
    for key, why in reasons.items():
        with pytest.raises(KeyUnusable, match=why):
            signing(key)


def test_a_publication_that_cannot_be_signed_leaves_no_version(store, lineage, save):
    def fail(folder, beside):
        raise OSError(5, "the key is on a disk that is gone")

    with pytest.raises(OSError, match="gone"):
        store.publish(lineage("v1"), save, fail)
    assert store.versions() == []
    assert not [*store.home.glob("models/*/v1"), *store.home.glob("bentos/*/v1")]
