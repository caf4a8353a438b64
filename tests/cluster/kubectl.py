"""kubectl, as a person types it."""

from __future__ import annotations

import json
import subprocess


def kubectl(*arguments: str, given: object = None) -> str:
    """Run kubectl; `given` goes to it as JSON."""
    content = None if given is None else json.dumps(given)
    done = subprocess.run(["kubectl", *arguments], input=content, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout
