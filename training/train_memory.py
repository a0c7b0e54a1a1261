"""Trains M, the MDN-LSTM, to predict the next latent of a dataset's episodes.

V encodes every frame once to a Gaussian; each batch draws its latents anew from it. What is
reported comes from held-out episodes, beside the predictor that says "nothing changes".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from agent import command_line
from agent.command_line import option
from training.data.dataset import Dataset
from training.data.held_out import refuse_held_out
from training.data.latents import Batch, Sequences, encode_dataset
from training.models.networks import (
    MDNLSTM,
    VAE,
    OutcomeHead,
    expert_action_loss,
    log_likelihood,
    mdn_loss,
    outcome_errors,
    symlog,
)
from training.models.weights import (
    MEMORY_WEIGHTS,
    VISION_WEIGHTS,
    copy_weights,
    load_network,
    save_network,
)
from training.pictures.dreams import draw_dream
from training.runs.devices import DEVICE_HELP, DEVICES, PRECISION_HELP, PRECISIONS, choose_place
from training.runs.loop import Learner, Schedule, learn, use_threads
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result, stage_run, write_result
from training.train_vision import STAGE as VISION_STAGE

STAGE = "train_memory"
EVALUATED_BATCH = 16
LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Options:
    """Train M, the MDN-LSTM, on latents. The same command continues where it stopped."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "debug": {"steps": 4, "batch": 2, "log_steps": 2, "eval_steps": 2, "checkpoint_steps": 2},
        "full": {"steps": 100_000, "batch": 64, "eval_steps": 2000, "checkpoint_steps": 1000},
    }

    data: str = option("dataset folders made by training.collect, separated by commas")
    vision: Path = option("run folder of the finished training.train_vision")
    out: Path = option("run folder")
    start: Path | None = option(
        "run folder of a finished train_memory, or packed model; its weights are where this "
        "begins. Of the same V, or of the one that this V began with",
        None,
    )
    steps: int = option("steps of the optimizer, in all", 1000)
    batch: int = option("sequences a step", 16)
    learning_rate: float = option("of Adam", 1e-3)
    weight_decay: float = option(
        "of AdamW: in each step the weights lose this share times the learning rate", 0.0
    )
    max_norm: float = option("longer gradients are cut to this length", 10.0)
    expert_action_weight: float = option(
        "weight of telling an expert's next buttons, where the data has advice; 0: none", 10.0
    )
    outcome_weight: float = option(
        "weight of telling a step's reward and whether the episode ends there; 0: none", 0.0
    )
    temperature: float = option("of the dream that is drawn", 1.0)
    decay_steps: int = option(
        "over so many steps, the last ones, the learning rate falls to nothing; 0: it stays", 0
    )
    log_steps: int = option("steps between two lines of metrics", 20)
    eval_steps: int = option("steps between two evaluations on held-out episodes", 200)
    checkpoint_steps: int = option("steps between two checkpoints", 100)
    threads: int = option("threads to compute on; more than there are free cores slows it down", 2)
    device: str = option(DEVICE_HELP, "cpu", choices=DEVICES)
    precision: str | None = option(PRECISION_HELP, None, choices=PRECISIONS)
    seed: int = option("of weights, batches and latents", 1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.train_memory")
    _check(options)
    vision = read_result(options.vision, VISION_STAGE)
    vae = load_network(options.vision / VISION_WEIGHTS, VAE)
    dataset = Dataset(options.data)
    refuse_held_out(episode.level for episode in dataset.episodes)
    with stage_run(STAGE, options, free=("steps", "temperature", "device", "precision")) as folder:
        use_threads(options.threads)
        digest = vision["files"][VISION_WEIGHTS]
        device = choose_place(options.device, options.precision).device
        training, held_out = encode_dataset(folder, dataset, vae.to(device), digest)
        trainer = Trainer(options, MDNLSTM(vae.spec), training, held_out)
        if options.start is not None:
            copy_weights(options.start, trainer.memory)
        measured = learn(
            folder, trainer.learner, Schedule.of(options), trainer.losses, trainer.evaluate
        )
        save_network(folder / MEMORY_WEIGHTS, trainer.memory)
        draw_dream(
            folder / "dream.png", vae.cpu(), trainer.memory.cpu(), dataset, options.temperature
        )
        write_result(
            folder,
            STAGE,
            [MEMORY_WEIGHTS],
            steps=trainer.learner.step,
            seconds=trainer.learner.seconds,
            trained_on=trainer.place.describe(),
            vision_sha256=digest,
            data=dataset.summary(),
            held_out=measured,
        )
        print(f"{folder}: {trainer.learner.step} steps, {_summary(measured)}")
    return 0


class Trainer:
    """M, its sequences, its loss and its measures."""

    def __init__(
        self, options: Options, memory: MDNLSTM, training: Sequences, held_out: Sequences
    ) -> None:
        """Take the sequences to train on and to measure with; the weights are drawn anew."""
        self.place = choose_place(options.device, options.precision)
        self.memory = memory.to(self.place.device)
        self._options = options
        self._training, self._held_out = training, held_out
        self._usual_change = self.place.move(training.usual_change())
        torch.manual_seed(options.seed)
        for module in memory.children():
            module.reset_parameters()  # type: ignore[operator]
        network: nn.Module = memory
        self._outcome = None
        if options.outcome_weight:
            self._outcome = OutcomeHead(memory.spec).to(self.place.device)
            network = nn.ModuleDict({"memory": memory, "outcome": self._outcome})
        self.learner = Learner(
            network,
            torch.optim.AdamW(
                network.parameters(), options.learning_rate, weight_decay=options.weight_decay
            ),
            np.random.default_rng((options.seed, 1)),
            torch.Generator().manual_seed(options.seed),
            max_norm=options.max_norm,
        )

    def losses(self, learner: Learner) -> Mapping[str, Tensor]:
        """The loss of a batch of sequences drawn at random."""
        chosen = learner.random.integers(len(self._training), size=self._options.batch)
        batch = self._moved(self._training.batch(chosen, learner.generator))
        with self.place.autocast():
            hidden, _ = self.memory.unroll(batch.latents, batch.actions)
            nll = mdn_loss(self.memory.mixture(hidden), batch.targets, batch.mask)
            expert_action = expert_action_loss(
                self.memory.expert_action_logits(batch.latents, hidden), batch.expert_action
            )
            told = None if self._outcome is None else self._outcome(hidden)
        total = nll + self._options.expert_action_weight * expert_action
        if told is None:
            return {"loss": total, "nll": nll, "expert_action": expert_action}
        reward, end = (errors.mean() for errors in outcome_errors(told, batch.outcome))
        total = total + self._options.outcome_weight * (reward + end)
        return {
            "loss": total,
            "nll": nll,
            "expert_action": expert_action,
            "reward": reward,
            "end": end,
        }

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, Any]:
        """Measure on held-out episodes, means over the steps that have a next one.

        Returns:
            nll_held_out: nats a step, of latents drawn as in training; nll_stays_held_out: of a
            Gaussian around the latent before, as wide as the training set's usual change;
            error_held_out and error_stays_held_out: root mean square of predicted mean minus
            next mean, over steps and dimensions, without drawing; expert_action_held_out: nats a step
            of an expert's buttons, and expert_action_accuracy_held_out: the share of steps in which all four
            buttons are told right (None where the data has no expert_action). With an outcome weight also
            reward_error_held_out: root mean square error of the rewards' symlog, and
            reward_blank_held_out: of the mean's; end_held_out: nats a step of whether the episode
            ends, and end_blank_held_out: of the usual share.
        """
        self.memory.eval()
        generator = torch.Generator().manual_seed(0)
        totals = torch.zeros(8, dtype=torch.float64)
        for first in range(0, len(self._held_out), EVALUATED_BATCH):
            chosen = np.arange(first, min(first + EVALUATED_BATCH, len(self._held_out)))
            totals += self._measure(chosen, generator)
        nll, nll_stays, error, error_stays = (totals[:4] / totals[4]).tolist()
        expert_action, right, advised = totals[5:].tolist()
        outcome = {} if self._outcome is None else self._measure_outcome(self._outcome)
        return {
            **outcome,
            "nll_held_out": nll,
            "nll_stays_held_out": nll_stays,
            "error_held_out": error**0.5,
            "error_stays_held_out": error_stays**0.5,
            "expert_action_held_out": expert_action / advised if advised else None,
            "expert_action_accuracy_held_out": right / advised if advised else None,
        }

    def _measure(self, chosen: np.ndarray[Any, Any], generator: torch.Generator) -> Tensor:
        drawn = self._moved(self._held_out.batch(chosen, generator))
        mixture, _ = self.memory(drawn.latents, drawn.actions)
        nll = -log_likelihood(mixture, drawn.targets)
        scaled = (drawn.targets - drawn.latents) / self._usual_change
        nll_stays = (scaled**2 / 2 + self._usual_change.log() + LOG_ROOT_2_PI).sum(-1)
        means = self._moved(self._held_out.batch(chosen, None))
        hidden, _ = self.memory.unroll(means.latents, means.actions)
        mixture = self.memory.mixture(hidden)
        predicted = (mixture.logits.softmax(-1) * mixture.mu).sum(-1)
        error = (predicted - means.targets).square().mean(-1)
        error_stays = (means.latents - means.targets).square().mean(-1)
        parts = (nll, nll_stays, error, error_stays, torch.ones_like(nll))
        sums = [part[drawn.mask].double().sum() for part in parts]
        logits = self.memory.expert_action_logits(means.latents, hidden)
        known = means.expert_action[..., 0] != 255
        right = ((logits > 0) == (means.expert_action == 1)).all(-1) & known
        nats = expert_action_loss(logits, means.expert_action).double() * known.sum()
        return torch.stack([*sums, nats, right.sum().double(), known.sum().double()]).cpu()

    def _measure_outcome(self, head: OutcomeHead) -> dict[str, float]:
        errors, nats, rewards, ends = [], [], [], []
        for first in range(0, len(self._held_out), EVALUATED_BATCH):
            chosen = np.arange(first, min(first + EVALUATED_BATCH, len(self._held_out)))
            batch = self._moved(self._held_out.batch(chosen, None))
            hidden, _ = self.memory.unroll(batch.latents, batch.actions)
            of_rewards, of_ends = outcome_errors(head(hidden), batch.outcome)
            errors.append(of_rewards.double().cpu())
            nats.append(of_ends.double().cpu())
            known = batch.outcome[~batch.outcome[..., 0].isnan()].double().cpu()
            rewards.append(symlog(known[:, 0]))
            ends.append(known[:, 1])
        share = torch.cat(ends).mean()
        blank = -(share.xlogy(share) + (1 - share).xlogy(1 - share))
        return {
            "reward_error_held_out": float(torch.cat(errors).mean().sqrt()),
            "reward_blank_held_out": float(torch.cat(rewards).std(correction=0)),
            "end_held_out": float(torch.cat(nats).mean()),
            "end_blank_held_out": float(blank),
        }

    def _moved(self, batch: Batch) -> Batch:
        return Batch(*(self.place.move(part) for part in batch))


def _check(options: Options) -> None:
    numbers = (
        options.steps,
        options.batch,
        options.log_steps,
        options.eval_steps,
        options.checkpoint_steps,
    )
    if min(numbers) < 1:
        raise TrainingError("steps, batch and the intervals must be positive")
    if not (options.learning_rate > 0 and options.max_norm > 0 and options.temperature > 0):
        raise TrainingError("learning rate, norm and temperature must be positive")
    at_least_0 = (
        options.expert_action_weight,
        options.outcome_weight,
        options.weight_decay,
        options.decay_steps,
    )
    if min(at_least_0) < 0:
        raise TrainingError(
            "the weights of expert_action, outcome and decay and the steps of decay must be 0 or more"
        )
    choose_place(options.device, options.precision)  # said before any frame is read


def _summary(measured: Mapping[str, Any]) -> str:
    advised = ""
    if measured["expert_action_accuracy_held_out"] is not None:
        advised = f", an expert's buttons told right in {measured['expert_action_accuracy_held_out']:.0%} of steps"
    return (
        f"held-out likelihood {-measured['nll_held_out']:.2f} nats a step (z stays "
        f"{-measured['nll_stays_held_out']:.2f}), error {measured['error_held_out']:.3f} "
        f"(z stays {measured['error_stays_held_out']:.3f}){advised}"
    )


if __name__ == "__main__":
    command_line.run(main)
