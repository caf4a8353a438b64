from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from training.kernels import CAPACITIES

LEARN = """
import json, sys
from pathlib import Path
import training.__main__
from training import kernels
assert "torch" not in sys.modules, "the capacities are read when torch is loaded"
if sys.argv[1] == "few":
    kernels.keep_few()
import torch
torch.set_num_threads(1)
torch.manual_seed(1)
layer = torch.nn.Linear(384, 96)
learnt, sizes = 0.0, []
for rows in range(100, 500):
    with torch.autocast("cpu", torch.bfloat16):
        loss = layer(torch.randn(rows, 384)).square().mean()
    loss.backward()
    learnt += loss.item()
    if rows in (200, 499):
        sizes.append(int(Path("/proc/self/statm").read_text().split()[1]))  # pages in memory
print(json.dumps([learnt, layer.weight.grad.sum().item(), sizes[1] - sizes[0]]))
"""


def learnt(kept):
    # A test before this one may have set in this process how many kernels are kept.
    environment = {name: value for name, value in os.environ.items() if name not in CAPACITIES}
    done = subprocess.run(
        [sys.executable, "-c", LEARN, kept], env=environment, capture_output=True, text=True, check=True
    )
    *numbers, grown = json.loads(done.stdout)
    return numbers, grown


@pytest.mark.skipif(
    not torch.backends.mkldnn.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="this processor does not multiply bfloat16 with oneDNN",
)
def test_the_memory_of_a_run_does_not_grow_with_every_new_shape_of_a_batch_and_its_numbers_are_the_same():
    few, many = learnt("few"), learnt("many")
    assert few[0] == many[0]
    assert few[1] < 0.2 * many[1]
