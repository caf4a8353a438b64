"""A loaded model and its version."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from service.model.model import Model


class Loaded(NamedTuple):
    """A model that is ready to answer, and its version."""

    version: str
    model: Model
    seconds: float = 0.0
    """Seconds that loading and checking took."""

    @property
    def device(self) -> str:
        """What the model computes on, in words."""
        import torch  # its process has it already; the backend of a cluster reads this module without

        device = self.model.gliner.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device.type).upper()
