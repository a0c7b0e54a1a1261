"""The training loop that V and M share: steps, metrics, checkpoints, and going on bit for bit.

Continuing equals not having stopped on the same machine with the same number of threads: all
that a step depends on (weights, optimizer, two random states, what is drawn from) is in the
checkpoint.
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

from training.runs.progress import ProgressBar
from training.runs.resume import (
    Checkpoint,
    Stop,
    TrainingError,
    load_checkpoint,
    save_checkpoint,
    stopping_softly,
)
from training.runs.run_folder import CHECKPOINTS, Metrics


@dataclass(frozen=True)
class Schedule:
    """What happens after how many steps."""

    steps: int
    log_steps: int
    eval_steps: int
    checkpoint_steps: int
    decay_steps: int = 0  # the last ones, in which the learning rate falls to nothing

    @classmethod
    def of(cls, options: Any) -> Schedule:
        """What a stage's options say, in fields of the same names."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})

    def share(self, step: int) -> float:
        """What of the learning rate the step after `step` takes, 0 to 1: all, then less and less.

        The noise of a constant rate stays in the weights; a linear fall takes it out (Bottou et
        al. 2018, section 4.3).
        """
        return min(1.0, (self.steps - step) / self.decay_steps) if self.decay_steps else 1.0


class Source(Protocol):
    """Where batches are drawn from, if that changes while training goes on."""

    def begin(self, state: Mapping[str, Any] | None) -> None:
        """Start anew, or from what `state` gave."""
        ...

    def state(self) -> dict[str, Any]:
        """What the next batches depend on, as JSON values."""
        ...


@dataclass
class Learner:
    """A network and all else that a step depends on."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    random: np.random.Generator  # draws the batches
    generator: torch.Generator  # draws the latents
    max_norm: float  # longer gradients are cut to this length
    source: Source | None = None
    step: int = 0
    seconds: float = 0.0  # of training, over all runs in the folder

    def save(self, folder: Path) -> None:
        """Write a checkpoint.

        Raises:
            TrainingError: a weight is not finite; the checkpoints before are kept.
        """
        for name, parameter in self.network.named_parameters():
            if not torch.isfinite(parameter).all():
                raise _not_finite(folder, name, self.step)
        values = {"seconds": self.seconds, "random": self.random.bit_generator.state}
        if self.source is not None:
            values["source"] = self.source.state()
        save_checkpoint(folder, self.step, self._arrays(), values)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint.

        Raises:
            TrainingError: it is of another network.
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
                f"the checkpoint {checkpoint.folder} does not fit this network ({reason}): give "
                "another --out"
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


def learn(
    folder: Path,
    learner: Learner,
    schedule: Schedule,
    losses: Callable[[Learner], Mapping[str, Tensor]],
    evaluate: Callable[[], Mapping[str, Any]],
) -> Mapping[str, Any]:
    """Train to the schedule's end, from the folder's newest checkpoint if there is one.

    Args:
        folder: the run's.
        learner: fresh; what the checkpoint says replaces it.
        schedule: how long, and what in between.
        losses: computes a batch; `loss` is minimised, the others are logged.
        evaluate: measures on held-out episodes, touching no random state of the learner.

    Returns:
        The last evaluation.

    Raises:
        TrainingError: the loss is not finite, or the checkpoint is damaged.
        KeyboardInterrupt: stopped, and saved.
    """
    checkpoint = load_checkpoint(folder / CHECKPOINTS)
    if checkpoint is not None:
        learner.restore(checkpoint)
    elif learner.source is not None:
        learner.source.begin(None)
    metrics = Metrics(folder, learner.step)
    try:
        with (
            stopping_softly() as stop,
            ProgressBar("steps", schedule.steps, learner.step) as progress,
        ):
            _learn(folder, learner, schedule, losses, evaluate, metrics, progress, stop)
        last = evaluate()
        metrics.log(learner.step, seconds=learner.seconds, **last)
        return last
    finally:
        metrics.close()


def _learn(
    folder: Path,
    learner: Learner,
    schedule: Schedule,
    losses: Callable[[Learner], Mapping[str, Tensor]],
    evaluate: Callable[[], Mapping[str, Any]],
    metrics: Metrics,
    progress: ProgressBar,
    stop: Stop,
) -> None:
    note = ""
    rates = [group["lr"] for group in learner.optimizer.param_groups]
    while learner.step < schedule.steps and not stop.requested:
        started = time.perf_counter()
        for group, rate in zip(learner.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * schedule.share(learner.step)
        values = take_step(folder, learner, losses)
        learner.seconds += time.perf_counter() - started
        if learner.step % schedule.log_steps == 0:
            metrics.log(learner.step, **values, seconds=learner.seconds)
            note = f"loss {values['loss']:.4g}"
        progress.update(learner.step, note)
        if learner.step % schedule.eval_steps == 0 and learner.step < schedule.steps:
            measured = evaluate()
            metrics.log(learner.step, **measured)
            progress.say(f"step {learner.step}: {_words(measured)}")
        if learner.step % schedule.checkpoint_steps == 0:
            learner.save(folder / CHECKPOINTS)
    learner.save(folder / CHECKPOINTS)


def take_step(
    folder: Path, learner: Learner, losses: Callable[[Learner], Mapping[str, Tensor]]
) -> dict[str, float]:
    """One step of the optimizer; returns the losses as numbers.

    Raises:
        TrainingError: the loss is not finite; the network is as it was.
    """
    learner.network.train()
    parts = losses(learner)
    values = {name: float(part.detach()) for name, part in parts.items()}
    if not np.isfinite(values["loss"]):
        raise _not_finite(folder / CHECKPOINTS, "loss", learner.step)
    learner.optimizer.zero_grad(set_to_none=True)
    parts["loss"].backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(learner.network.parameters(), learner.max_norm)
    learner.optimizer.step()
    learner.step += 1
    return {**values, "gradient_norm": float(norm)}


def use_threads(threads: int) -> None:
    """Compute on so many threads; the number is part of what makes two runs equal."""
    if threads < 1:
        raise TrainingError(f"{threads} threads: give 1 or more")
    torch.set_num_threads(threads)


def _under(prefix: str, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _words(values: Mapping[str, Any]) -> str:
    numbers = {name: value for name, value in values.items() if isinstance(value, (int, float))}
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def _not_finite(folder: Path, what: str, step: int) -> TrainingError:
    newest = load_checkpoint(folder)
    kept = "there is no checkpoint yet" if newest is None else f"{newest.folder} is kept"
    return TrainingError(
        f"{what} is not finite at step {step}: {kept}; train with a smaller --learning-rate into "
        "another --out"
    )
