"""Where V and M are trained, and in which precision: the one place that chooses.

All random numbers are drawn on the CPU, so a run draws the same batches and latents on any device,
and the random states in its checkpoints are all there are: none hides on the GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.runs.resume import TrainingError

DEVICES = ("cpu", "cuda", "auto")
PRECISIONS = ("float32", "bfloat16")
DEVICE_HELP = "what to compute on: cpu, cuda (one GPU), or auto, cuda where there is one"
PRECISION_HELP = (
    "of the layers; losses, the recurrence and all measures stay in float32. Left out: float32 on "
    "the CPU, bfloat16 on cuda"
)


@dataclass(frozen=True)
class Place:
    """A device, and the precision of the layers there."""

    device: torch.device
    precision: str  # one of PRECISIONS

    def autocast(self) -> torch.autocast:
        """The context in which a loss is computed; bfloat16 needs no scaling of gradients."""
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def move(self, tensor: Tensor) -> Tensor:
        """A tensor of the CPU on the device; the copy to a GPU goes on while this returns."""
        if self.device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def describe(self) -> dict[str, str]:
        """For the record: the device, by its name where it is a GPU, and the precision."""
        name = self.device.type
        if name == "cuda":
            name = torch.cuda.get_device_name(self.device)
        return {"device": name, "precision": self.precision}


def choose_place(device: str, precision: str | None) -> Place:
    """The place that the options ask for.

    Args:
        device: one of DEVICES.
        precision: one of PRECISIONS; None: what suits the device.

    Raises:
        TrainingError: cuda is asked for and not there, or it knows no bfloat16.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise TrainingError(
            f"--device cuda: torch {torch.__version__} finds no CUDA device here: give --device "
            "cpu or auto"
        )
    chosen = "cuda" if there and device != "cpu" else "cpu"
    if precision is None:
        precision = "bfloat16" if chosen == "cuda" else "float32"
    if chosen == "cuda" and precision == "bfloat16" and not torch.cuda.is_bf16_supported():
        raise TrainingError(
            f"{torch.cuda.get_device_name()} has no bfloat16: give --precision float32"
        )
    return Place(torch.device(chosen), precision)
