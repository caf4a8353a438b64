"""The settings of one machine's Spanloop: backend and extractor in one process."""

from __future__ import annotations

from typing import ClassVar

from service.backend.settings import BackendSettings
from service.extractor.settings import EngineSettings
from service.settings import HomeSettings


class MachineSettings(BackendSettings, EngineSettings, HomeSettings):
    """The settings of `spanloop serve` and of a served Bento."""

    is_alone: ClassVar[bool] = True
