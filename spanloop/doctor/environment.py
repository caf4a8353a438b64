"""The environment variables: can every program read its settings from them?"""

from __future__ import annotations

from pydantic import ValidationError

from service.backend.local.settings import MachineSettings
from service.prelabel.settings import PrelabelSettings
from service.settings import Settings
from spanloop.doctor.finding import Finding, ok, wrong
from spanloop.doctor.settings import DoctorSettings
from training.settings import TrainingSettings

CHECK = "The settings"
PROGRAMS: tuple[type[Settings], ...] = (DoctorSettings, MachineSettings, TrainingSettings, PrelabelSettings)


def check() -> Finding:
    """Which variables have a value that no program takes. The value itself is not told: it may be a secret."""
    refused: dict[str, str] = {}
    for program in PROGRAMS:
        try:
            program()
        except ValidationError as errors:
            refused |= {f"SPANLOOP_{'_'.join(map(str, one['loc'])).upper()}": one["msg"] for one in errors.errors()}
    if not refused:
        return ok(CHECK, "All that are set can be read.")
    told = " ".join(f"{name}: {why}." for name, why in sorted(refused.items()))
    return wrong(
        CHECK, told, "Programs that read it do not start.", "Correct the variable; docs/settings.md lists all."
    )
