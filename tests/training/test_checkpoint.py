from __future__ import annotations

import pytest
import torch

from training import checkpoint


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


def test_a_checkpoint_comes_back_bit_by_bit_with_its_state(path):
    tensors = {"a": torch.randn(3, 4), "b.c": torch.arange(5), "half": torch.ones(2, dtype=torch.float16).t()}
    checkpoint.save(path, tensors, {"step": 7, "best": 0.25})
    found = checkpoint.load(path)
    assert found.state == {"step": 7, "best": 0.25}
    assert set(found.tensors) == set(tensors)
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in tensors.items())


def test_there_is_none_before_the_first(path):
    assert checkpoint.load(path) is None


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "flipped"])
def test_a_damaged_checkpoint_is_an_error_that_names_it_and_what_to_do(path, damage):
    checkpoint.save(path, {"a": torch.randn(100)}, {"step": 7})
    content = path.read_bytes()
    damaged = {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "garbage": b"\xff" * 300,
        "flipped": bytes([255]) + content[1:],
    }[damage]
    path.write_bytes(damaged)
    with pytest.raises(RuntimeError, match=r"checkpoint\.safetensors is damaged.*delete it"):
        checkpoint.load(path)


def test_a_checkpoint_without_state_is_damaged(path):
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(RuntimeError, match="damaged"):
        checkpoint.load(path)


def test_a_disk_that_is_full_leaves_the_checkpoint_before(path, monkeypatch):
    checkpoint.save(path, {"a": torch.zeros(3)}, {"step": 1})

    def full(tensors, target, metadata):
        target.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, {"a": torch.ones(3)}, {"step": 2})
    assert checkpoint.load(path).state == {"step": 1}


def test_a_process_killed_while_it_saves_leaves_the_checkpoint_before(path, monkeypatch):
    checkpoint.save(path, {"a": torch.zeros(3)}, {"step": 1})

    class Killed(BaseException):
        pass

    def killed(descriptor):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("training.checkpoint.os.fsync", killed)
        with pytest.raises(Killed):
            checkpoint.save(path, {"a": torch.ones(3)}, {"step": 2})
    assert checkpoint.load(path).state == {"step": 1}
    checkpoint.save(path, {"a": torch.ones(3)}, {"step": 2})
    assert checkpoint.load(path).state == {"step": 2}
