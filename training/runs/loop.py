"""The training loop of V and M: steps, metrics, checkpoints and exact resumption.

A resumed run equals an uninterrupted one bit for bit, on the same machine with the same number of
threads: everything that a step depends on (weights, optimizer, two random states, the data source)
is in the checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arena.progress_bar import ProgressBar
from training.runs.resume import (
    Checkpoint,
    StopRequest,
    TrainingError,
    load_checkpoint,
    save_checkpoint,
    stopping_softly,
)
from training.runs.run_folder import CHECKPOINTS, Metrics


@dataclass(frozen=True)
class Schedule:
    """Number of steps, and the intervals between logs, evaluations and checkpoints."""

    steps: int
    log_steps: int
    eval_steps: int
    checkpoint_steps: int
    decay_steps: int = 0  # final steps over which the learning rate decays to 0

    @classmethod
    def of(cls, options: Any) -> Schedule:
        """Read the schedule from the options of a command, which have the same names."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})

    def learning_rate_factor(self, step: int) -> float:
        """Return the learning rate's factor in the step after `step`: 1, then linear decay to 0.

        A constant learning rate leaves noise in the weights; the decay removes it (Bottou et al.
        2018, section 4.3).
        """
        return min(1.0, (self.steps - step) / self.decay_steps) if self.decay_steps else 1.0


class BatchSource(Protocol):
    """A source of batches whose content changes during training, such as a rotating buffer."""

    def begin(self, state: Mapping[str, Any] | None) -> None:
        """Start from the beginning (None), or restore a value of `state`."""
        ...

    def state(self) -> dict[str, Any]:
        """Return the JSON values that the next batches depend on."""
        ...


@dataclass
class TrainingState:
    """A network and everything else that a training step depends on."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    random: np.random.Generator  # draws the batches
    generator: torch.Generator  # draws the latents
    max_norm: float  # gradients are clipped to this norm
    source: BatchSource | None = None
    step: int = 0
    seconds: float = 0.0  # training time over all runs in the folder

    def save(self, folder: Path) -> None:
        """Write a checkpoint.

        Raises:
            TrainingError: a weight is not finite; earlier checkpoints are kept.
        """
        for name, parameter in self.network.named_parameters():
            if not torch.isfinite(parameter).all():
                raise _not_finite_error(folder, name, self.step)
        values = {"seconds": self.seconds, "random": self.random.bit_generator.state}
        if self.source is not None:
            values["source"] = self.source.state()
        save_checkpoint(folder, self.step, self._arrays(), values)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint.

        Raises:
            TrainingError: the checkpoint does not fit the network.
        """
        arrays = {name: torch.from_numpy(array) for name, array in checkpoint.arrays.items()}
        try:
            self.network.load_state_dict(_under("network.", arrays), strict=True)
            self.optimizer.load_state_dict(self._optimizer_state(_under("optimizer.", arrays)))
            self.generator.set_state(arrays["generator"])
            self.random.bit_generator.state = checkpoint.values["random"]
            self.seconds = float(checkpoint.values["seconds"])
            source = None if self.source is None else checkpoint.values["source"]
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise TrainingError(
                f"Checkpoint {checkpoint.folder} does not fit this network ({reason}). Use another "
                "--out"
            ) from None
        if self.source is not None:
            self.source.begin(source)
        self.step = checkpoint.step

    def _arrays(self) -> dict[str, NDArray[Any]]:
        tensors = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
        tensors["generator"] = self.generator.get_state()
        return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}

    def _optimizer_state(self, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            number, _, name = key.partition(".")
            state.setdefault(int(number), {})[name] = tensor
        return {**self.optimizer.state_dict(), "state": state}


def train(
    folder: Path,
    state: TrainingState,
    schedule: Schedule,
    losses: Callable[[TrainingState], Mapping[str, Tensor]],
    evaluate: Callable[[], Mapping[str, Any]],
) -> Mapping[str, Any]:
    """Train until the end of the schedule, from the newest checkpoint of the folder if any.

    Args:
        folder: run folder.
        state: initial state; a checkpoint replaces it.
        schedule: number of steps, and intervals.
        losses: draws a batch and returns its losses; `loss` is minimised, all are logged.
        evaluate: measures on held-out episodes; must not change the random states.

    Returns:
        The last evaluation.

    Raises:
        TrainingError: the loss is not finite, or the checkpoint is damaged.
        KeyboardInterrupt: the user stopped the training; the last step was saved.
    """
    checkpoint = load_checkpoint(folder / CHECKPOINTS)
    if checkpoint is not None:
        state.restore(checkpoint)
    elif state.source is not None:
        state.source.begin(None)
    metrics = Metrics(folder, state.step)
    try:
        with (
            stopping_softly() as stop,
            ProgressBar("steps", schedule.steps, state.step) as progress,
        ):
            _train(folder, state, schedule, losses, evaluate, metrics, progress, stop)
        last = evaluate()
        metrics.log(state.step, seconds=state.seconds, **last)
        return last
    finally:
        metrics.close()


def _train(
    folder: Path,
    state: TrainingState,
    schedule: Schedule,
    losses: Callable[[TrainingState], Mapping[str, Tensor]],
    evaluate: Callable[[], Mapping[str, Any]],
    metrics: Metrics,
    progress: ProgressBar,
    stop: StopRequest,
) -> None:
    note = ""
    rates = [group["lr"] for group in state.optimizer.param_groups]
    while state.step < schedule.steps and not stop.requested:
        started = time.perf_counter()
        for group, rate in zip(state.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * schedule.learning_rate_factor(state.step)
        values = take_step(folder, state, losses)
        state.seconds += time.perf_counter() - started
        if state.step % schedule.log_steps == 0:
            metrics.log(state.step, **values, seconds=state.seconds)
            note = f"loss {values['loss']:.4g}"
        progress.update(state.step, note)
        if state.step % schedule.eval_steps == 0 and state.step < schedule.steps:
            measured = evaluate()
            metrics.log(state.step, **measured)
            progress.say(f"step {state.step}: {_summary(measured)}")
        if state.step % schedule.checkpoint_steps == 0:
            state.save(folder / CHECKPOINTS)
    state.save(folder / CHECKPOINTS)


def take_step(
    folder: Path, state: TrainingState, losses: Callable[[TrainingState], Mapping[str, Tensor]]
) -> dict[str, float]:
    """Take one optimizer step; return the losses and the gradient's norm as numbers.

    Raises:
        TrainingError: the loss is not finite; the network is unchanged.
    """
    state.network.train()
    parts = losses(state)
    values = {name: float(part.detach()) for name, part in parts.items()}
    if not np.isfinite(values["loss"]):
        raise _not_finite_error(folder / CHECKPOINTS, "loss", state.step)
    state.optimizer.zero_grad(set_to_none=True)
    parts["loss"].backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), state.max_norm)
    state.optimizer.step()
    state.step += 1
    return {**values, "gradient_norm": float(norm)}


def _under(prefix: str, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _summary(values: Mapping[str, Any]) -> str:
    numbers = {name: value for name, value in values.items() if isinstance(value, (int, float))}
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def _not_finite_error(folder: Path, what: str, step: int) -> TrainingError:
    newest = load_checkpoint(folder)
    kept = "There is no checkpoint yet" if newest is None else f"Checkpoint {newest.folder} is kept"
    return TrainingError(
        f"{what} is not finite at step {step}. {kept}. Use a smaller --learning-rate and another "
        "--out"
    )
