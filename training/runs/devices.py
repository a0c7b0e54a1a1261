"""The device and the precision that V and M are trained with.

All random numbers are drawn on the CPU. A run therefore draws the same batches and latents on any
device, and its checkpoints hold all random states. torch is imported only where it is used:
the options of the commands, and so --help, need this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.runs.resume import TrainingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

DEVICES = ("cpu", "cuda", "auto")
PRECISIONS = ("float32", "bfloat16")
DEVICE_HELP = "device: cpu, cuda (one GPU), or auto (cuda if available)"
PRECISION_HELP = (
    "precision of the layers; losses, the LSTM's recurrence and all evaluations are float32 "
    "[float32 on the CPU, bfloat16 on cuda]"
)


@dataclass(frozen=True)
class ComputeDevice:
    """A device and the precision of the layers on it."""

    torch_device: torch.device
    precision: str  # one of PRECISIONS

    def autocast(self) -> torch.autocast:
        """Return the context in which a loss is computed; bfloat16 needs no gradient scaling."""
        import torch

        enabled = self.precision == "bfloat16"
        return torch.autocast(self.torch_device.type, torch.bfloat16, enabled=enabled)

    def move(self, tensor: Tensor) -> Tensor:
        """Move a CPU tensor to the device; copies to a GPU are asynchronous."""
        if self.torch_device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self.torch_device, non_blocking=True)

    def describe(self) -> dict[str, str]:
        """Return the device's name (the GPU's model, if it is a GPU) and the precision."""
        name = self.torch_device.type
        if name == "cuda":
            import torch

            name = torch.cuda.get_device_name(self.torch_device)
        return {"device": name, "precision": self.precision}


def choose_device(device: str, precision: str | None) -> ComputeDevice:
    """Choose the device and precision of a run from its options.

    Args:
        device: one of DEVICES.
        precision: one of PRECISIONS; None: the default of the device.

    Raises:
        TrainingError: cuda was requested but is not available, or it does not support bfloat16.
    """
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise TrainingError(
            f"--device cuda: torch {torch.__version__} finds no CUDA device. Use --device cpu or "
            "auto"
        )
    chosen = "cuda" if available and device != "cpu" else "cpu"
    if precision is None:
        precision = "bfloat16" if chosen == "cuda" else "float32"
    if chosen == "cuda" and precision == "bfloat16" and not torch.cuda.is_bf16_supported():
        raise TrainingError(
            f"{torch.cuda.get_device_name()} does not support bfloat16. Use --precision float32"
        )
    return ComputeDevice(torch.device(chosen), precision)
