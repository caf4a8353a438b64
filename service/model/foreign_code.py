"""Programs that come with a model. Spanloop runs none of them.

A model's config may name a Python file beside its weights or on the hub (`auto_map`). transformers runs that file only
for a caller who trusts it, and GLiNER trusts every model (`trust_remote_code=True`). So a version from a registry could
run a program wherever it is loaded. transformers fetches every such file by one function before it runs it, and that
function refuses here.
"""

from __future__ import annotations

from typing import NoReturn

from transformers import dynamic_module_utils


class ForeignCode(RuntimeError):
    """A model's config names a program that should be run."""


def refuse() -> None:
    """From now on, this process runs no program that a model's config names: loading the model raises ForeignCode."""
    dynamic_module_utils.get_cached_module_file = _refused


def _refused(repository: object, file: str, *_: object, **__: object) -> NoReturn:
    raise ForeignCode(
        f"Its config names the program {file} of {repository}, and Spanloop runs no program that comes with a model. "
        "Nothing of it was run. Use a model whose config has no auto_map."
    )
