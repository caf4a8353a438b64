"""Writes docs/settings.md from the settings classes: a row for every variable, with its default and its docstring.

python -m docs.settings
"""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from service.backend.cluster.settings import ClusterSettings, ReleaseSettings
from service.backend.local.settings import MachineSettings
from service.extractor.settings import ExtractorSettings
from service.prelabel.settings import PrelabelSettings
from service.settings import Settings, SignatureSettings
from service.versions.pull import PullSettings
from spanloop.doctor.settings import DoctorSettings
from training.settings import TrainingSettings

PAGE = Path(__file__).parent / "settings.md"

ONE_MACHINE: dict[str, type[Settings]] = {
    "Spanloop": MachineSettings,
    "run": TrainingSettings,
    "prelabel": PrelabelSettings,
    "doctor": DoctorSettings,
}
CLUSTER: dict[str, type[Settings]] = {
    "backend": ClusterSettings,
    "extractor": ExtractorSettings,
    "pull": PullSettings,
    "run": TrainingSettings,
    "prelabel": PrelabelSettings,
    "doctor": DoctorSettings,
}
"""Programs by the name that the page gives them."""

RUN_ON_A_CLUSTER = {*ReleaseSettings.model_fields, "progress_port", "termination_log"} - {
    "log_json",
    *SignatureSettings.model_fields,
}
"""Settings of a run and of the doctor that have a meaning only on a cluster."""

HEAD = """\
# Settings

All settings are environment variables, and an empty one counts as unset. `python -m docs.settings` writes this page
from the classes that read them.

## On one machine

`spanloop serve` and a served Bento read the variables of Spanloop, `spanloop train` those of a run, and `spanloop
prelabel` those of prelabel. A run that the backend starts has the backend's environment. On a cluster the parts read
these variables too.

"""

CLUSTER_HEAD = """
## Only on a cluster

The chart sets these ([its values](../helm/spanloop/README.md)); its `extraEnv` sets any other variable of this page.
The pull is the init container that downloads the live version's model for an extractor. `spanloop` in a
backend's pod reads what the backend reads.

"""

TABLE = "| variable | default | read by | meaning |\n| --- | --- | --- | --- |\n"


def page() -> str:
    """The text of docs/settings.md."""
    machine = [name for name in _names(ONE_MACHINE) if name not in RUN_ON_A_CLUSTER]
    cluster = [name for name in _names(CLUSTER) if name not in machine]
    return HEAD + TABLE + _rows(machine, ONE_MACHINE) + CLUSTER_HEAD + TABLE + _rows(cluster, CLUSTER)


def _names(programs: dict[str, type[Settings]]) -> list[str]:
    """The fields of some programs, each once."""
    return list(dict.fromkeys(name for program in programs.values() for name in program.model_fields))


def _rows(names: list[str], programs: dict[str, type[Settings]]) -> str:
    return "".join(f"{_row(name, programs)}\n" for name in names)


def _row(name: str, programs: dict[str, type[Settings]]) -> str:
    fields = {
        program: settings.model_fields[name] for program, settings in programs.items() if name in settings.model_fields
    }
    meaning = " ".join((next(iter(fields.values())).description or "").split()).removesuffix(".")
    return f"| `SPANLOOP_{name.upper()}` | {_defaults(fields)} | {', '.join(fields)} | {meaning} |"


def _defaults(fields: dict[str, FieldInfo]) -> str:
    """The default, or those of the programs that differ in it."""
    readers: dict[str, list[str]] = {}
    for program, field in fields.items():
        readers.setdefault(_default(field), []).append(program)
    if len(readers) == 1:
        return next(iter(readers))
    return "; ".join(f"{default} ({', '.join(programs)})" for default, programs in readers.items())


def _default(field: FieldInfo) -> str:
    if field.default_factory:
        return "the embedded one"
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if value is None or value == "":
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
