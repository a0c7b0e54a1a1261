"""Weights and training states as safetensors: unlike a pickle, they contain no code."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn
from torch.optim import Optimizer

from agent.errors import UserError
from agent.files import write_atomically


class DivergedError(UserError):
    """Training diverged: a value is no longer finite."""

    def __init__(self, timesteps: int, option: str = "--learning-rate") -> None:
        """Say what to change.

        Args:
            timesteps: timesteps so far.
            option: the option of the learning rate that was too high.
        """
        super().__init__(
            f"training diverged: a value is no longer finite after {timesteps:,} timesteps: give a"
            f" lower {option}"
        )


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights of a network as float16; a reader sees the old file or the new one.

    For the weights of PPO2, rounding to float16 changed no probability of an action by more than
    5e-5 (500 frames of the training levels).
    """
    weights = {name: value.half() for name, value in _parameters(network).items()}
    write_atomically(path, save(weights))


def load_weights(network: nn.Module, path: Path) -> None:
    """Load weights that `save_weights` wrote.

    Raises:
        UserError: the file is missing, is not a safetensors file, or belongs to another network.
    """
    found = _read(path)
    _load(network, found, path)


def save_training(
    network: nn.Module, optimizer: Optimizer, steps: int, seconds: float, path: Path
) -> None:
    """Write the weights of a network in training, and the state of its optimizer.

    Args:
        network: the network.
        optimizer: its optimizer.
        steps: timesteps of training so far.
        seconds: seconds of training so far.
        path: the file.
    """
    tensors = {f"network.{name}": tensor for name, tensor in _parameters(network).items()}
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimizer.{number}.{name}"] = value.contiguous()
    tensors |= {"steps": torch.tensor(steps), "seconds": torch.tensor(seconds)}
    write_atomically(path, save(tensors))


def load_training(network: nn.Module, optimizer: Optimizer, path: Path) -> tuple[int, float]:
    """Load what `save_training` wrote, and return the timesteps and seconds of training.

    Raises:
        UserError: the file can't be read or belongs to another network.
    """
    found = _read(path)
    steps, seconds = (found.pop(name, torch.tensor(0)) for name in ("steps", "seconds"))
    weights = {n.removeprefix("network."): t for n, t in found.items() if n.startswith("network.")}
    _load(network, weights, path)
    restored = optimizer.state_dict()
    for name, value in found.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".")
            restored["state"].setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(restored)
    for parameter, state in optimizer.state.items():
        # The fused optimizer needs the parameter's order in memory, which a file does not keep.
        for key, value in state.items():
            if value.shape == parameter.shape:
                state[key] = torch.empty_like(parameter).copy_(value)
    return int(steps), float(seconds)


def all_finite(network: nn.Module) -> bool:
    """Return whether all weights are finite."""
    return all(bool(torch.isfinite(value).all()) for value in network.parameters())


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return dict(load_file(path))
    except FileNotFoundError:
        raise UserError(
            f"there are no weights at {path}: train them with `python -m baselines.pretrain`,"
            " or omit the option"
        ) from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"the weights {path} can't be read: {error}") from None


def _parameters(network: nn.Module) -> dict[str, torch.Tensor]:
    # In a state_dict, the parameters that policy and value share would appear three times.
    return {name: value.detach().contiguous() for name, value in network.named_parameters()}


def _load(network: nn.Module, found: dict[str, torch.Tensor], path: Path) -> None:
    expected = _parameters(network)
    for name in sorted({*expected, *found}):
        shapes = [tuple(t[name].shape) if name in t else None for t in (expected, found)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"the weights {path} belong to another network: {name} has the shape {shapes[1]},"
                f" expected {shapes[0]}"
            )
    if not all(bool(torch.isfinite(value).all()) for value in found.values()):
        raise UserError(f"the weights {path} contain a value that is not finite: train them again")
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(found[name])
