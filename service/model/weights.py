"""Where the files of a model are: a directory whose weights are safetensors.

GLiNER also reads weights from a pickle. A pickle is a program that builds objects, so a hostile one can do more than
that. It is refused, or converted by torch's reader that builds only tensors.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from pathlib import Path
from pickle import UnpicklingError

import torch
from huggingface_hub import constants, snapshot_download
from safetensors.torch import save_file

from service.model.errors import ModelError

log = logging.getLogger(__name__)

WEIGHTS, PICKLE = "model.safetensors", "pytorch_model.bin"

UNREAD = ("*.bin", "*.ckpt", "*.h5", "*.msgpack", "*.onnx", "*.pickle", "*.pkl", "*.pt", "*.pth")
"""Files that no program here reads, and that are not downloaded: other formats of the same weights."""


def located(source: str, convert_pickle: bool = False) -> Path:
    """The directory of a model: `source`, or the copy of the hub's model of that name, which is downloaded first.

    `convert_pickle`: whether weights that are there as a pickle alone are converted, once, to a copy. Raises ModelError
    for such weights otherwise, and what the hub raises.
    """
    local = Path(source).is_dir()
    folder = Path(source) if local else Path(snapshot_download(source, ignore_patterns=[*UNREAD]))
    if (folder / WEIGHTS).exists():
        return folder
    if convert_pickle:
        if not local:
            snapshot_download(source, allow_patterns=[PICKLE])
        return _converted(source, folder) if (folder / PICKLE).exists() else folder
    if local and not (folder / PICKLE).exists():
        return folder  # GLiNER says what is missing
    raise ModelError(
        f"The model {source!r} was not loaded: {folder} has no {WEIGHTS}. If its download broke off, load it again. A "
        f"pickle ({PICKLE}) is not read, because a hostile one can run any program. Choose a model with safetensors. "
        "If you trust this one, set "
        "SPANLOOP_CONVERT_PICKLE=true (in the chart model.convertPickle): its weights are then converted once."
    )


def _converted(source: str, folder: Path) -> Path:
    """The copy of a directory with its weights as safetensors, which is made if it is not there. Raises ModelError."""
    pickled = folder / PICKLE
    state = pickled.stat()
    identity = hashlib.sha256(f"{pickled.resolve()}\n{state.st_size}\n{state.st_mtime_ns}".encode()).hexdigest()
    target = Path(constants.HF_HOME) / "spanloop" / f"{folder.name}-{identity[:12]}"
    if (target / WEIGHTS).exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".converting-") as name:
        stage = Path(name) / "model"
        shutil.copytree(folder, stage, ignore=shutil.ignore_patterns(*UNREAD))
        save_file(_tensors(source, pickled), stage / WEIGHTS, metadata={"format": "pt"})
        try:
            stage.rename(target)
        except OSError:
            if not (target / WEIGHTS).exists():  # another process was quicker
                raise
    log.warning("the weights of %s are a pickle, %s; they were converted once, to %s", source, PICKLE, target)
    return target


def _tensors(source: str, pickled: Path) -> dict[str, torch.Tensor]:
    """The tensors in a pickle, each with memory of its own, as safetensors need it. No other object is built."""
    try:
        found = torch.load(pickled, map_location="cpu", weights_only=True)
        return {name: tensor.clone().contiguous() for name, tensor in found.items()}
    except (UnpicklingError, AttributeError, EOFError, RuntimeError) as error:
        raise ModelError(
            f"The model {source!r} was not loaded: {pickled} holds something else than tensors, and nothing of it was "
            f"run ({error}). Do not use this model, and find out where it is from."
        ) from error
