"""Which packages a process that holds a model imports."""

from __future__ import annotations

import subprocess
import sys

from service.settings import ROOT

NEEDLESS = ["scipy", "sklearn", "sympy", "torch._dynamo", "torch._inductor", "torch.distributed.tensor"]

COMPILED = """
import torch
from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex
double = torch.compile(lambda number: 2 * number, backend="eager")
assert double(torch.ones(1)).item() == 2
with TransformGetItemToIndex():
    pass
assert torch.distributed.is_available()
import scipy, sklearn, torch.distributed.tensor
"""

MASKED = """
from transformers import masking_utils
with masking_utils.TransformGetItemToIndex():
    pass
"""


def run(program: str) -> str:
    """What a program prints, run in a new process."""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_with_a_model_does_not_import_needless_packages():
    imported = run(
        f"import sys, service.extractor.loading; print(*[name for name in {NEEDLESS} if name in sys.modules])"
    )
    assert imported.split() == []


def test_the_hidden_packages_can_be_imported_later():
    run(f"import service.model.model\n{COMPILED}{MASKED}")


def test_packages_that_were_imported_before_stay():
    before = "import torch._dynamo as before, torch, service.model.model\nassert torch._dynamo is before\n"
    run(f"{before}{COMPILED}{MASKED}")
