"""The variants of the world model that an ablation compares.

The loop of an episode calls only `reset`, `observe` and `remember`. A variant is any object with
these three methods, so the agent's code does not know the variants. This module does not import
torch, because the worker processes import it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.world_model.controller import Controller
from agent.world_model.memory import Memory
from agent.world_model.packed_model import MEMORY, VISION, ModelSpec
from agent.world_model.vision import Vision
from agent.world_model.world_model import WorldModel
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from training.runs.stages import SPEC
from training.search.features import feature_sizes, logit_scale
from training.search.rollouts import (
    EpisodeModel,
    Rollout,
    RolloutRequest,
    open_world_model,
    play,
)

LOG_VARIANCE = "log_variance.onnx"  # the other output of V's encoder; the agent does not use it
TRAINED, UNTRAINED, ZEROED, ALONE, SAMPLED = "trained", "untrained", "zeroed", "alone", "sampled"
CURRICULUM = "curriculum"
CURRICULUM_RETURN = 1500.0  # return at which the curriculum adds its next level
VARIANTS = {
    TRAINED: "trained M, z is V's mean, as the agent plays",
    UNTRAINED: "untrained M of the same sizes, a different one for each seed",
    ZEROED: "no M: h and c are zero, and C has the same number of parameters",
    ALONE: "no M: C sees only z and has parameters only for z",
    SAMPLED: "trained M, z sampled from V's Gaussian",
    CURRICULUM: "trained M, with a curriculum that adds the next level at a return of"
    f" {CURRICULUM_RETURN:,.0f}",
}


def untrained_memory(seed: int) -> str:
    """Return the file name of the untrained M of a seed."""
    return f"untrained-{seed}.onnx"


def n_features(variant: str, spec: ModelSpec) -> int:
    """Return the number of features that the controller of a variant sees."""
    return spec.latent if variant == ALONE else spec.n_features


class WithoutMemory:
    """A world model whose M is never stepped: h and c stay zero."""

    def __init__(self, world_model: WorldModel, features: int) -> None:
        """Use V of a world model.

        Args:
            world_model: the world model.
            features: number of features that `observe` returns, the first ones of [z, h, c].
        """
        self._world_model = world_model
        self._features = features

    def reset(self) -> None:
        """Start an episode."""
        self._world_model.reset()

    def observe(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode a frame, uint8 (height, width, 3) RGB; return [z, 0, 0] or its beginning."""
        return self._world_model.observe(frame)[: self._features]

    def remember(self, action: NDArray[np.uint8]) -> None:
        """Ignore the action."""


class SampledLatents:
    """A world model whose z is sampled from V's Gaussian, as in M's training, not its mean."""

    def __init__(self, networks: Path, spec: ModelSpec) -> None:
        """Open M and both outputs of V's encoder.

        Args:
            networks: folder with vision.onnx, memory.onnx and log_variance.onnx.
            spec: sizes of the networks.
        """
        self._mean = Vision(networks / VISION, spec)
        self._log_variance = Vision(networks / LOG_VARIANCE, spec)
        self._memory = Memory(networks / MEMORY, spec)
        self._spec = spec
        self.reseed(0)
        self.reset()

    def reseed(self, seed: int) -> None:
        """Set the random seed of the samples."""
        self._random = np.random.default_rng((seed, 4))

    def reset(self) -> None:
        """Start an episode, or a new sequence after `spec.sequence_steps` steps, as in training."""
        self._steps = 0
        self._h, self._c = self._memory.initial()

    def observe(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode a frame, uint8 (height, width, 3) RGB; return [sampled z, h, c], (Z + 2H,)."""
        self._z = self.sample(frame)
        return np.concatenate((self._z, self._h, self._c))

    def sample(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return a sample of z, float32 (Z,), for a frame."""
        mean = self._mean.encode(frame)
        deviation = np.exp(self._log_variance.encode(frame) / 2)
        noise = self._random.standard_normal(mean.shape)
        return np.asarray(mean + deviation * noise, np.float32)

    def remember(self, action: NDArray[np.uint8]) -> None:
        """Step M with the action, uint8 (4,), pressed on the frame last observed."""
        self._steps += 1
        if self._steps == self._spec.sequence_steps:
            self.reset()
        else:
            self._h, self._c = self._memory.step(self._z, action, self._h, self._c)


def open_variant(networks: Path, variant: str, seed: int) -> EpisodeModel:
    """Return the world model of a variant.

    Args:
        networks: folder with vision.onnx, memory.onnx, spec.json, and the files that
            `world_model_parts.prepare` adds.
        variant: one of VARIANTS.
        seed: random seed of the run; each seed has its own untrained M.
    """
    if variant in (TRAINED, CURRICULUM):
        return open_world_model(networks)
    spec = ModelSpec.from_json(json.loads((networks / SPEC).read_bytes())["spec"])
    if variant in (ZEROED, ALONE):
        return WithoutMemory(open_world_model(networks), n_features(variant, spec))
    if variant == SAMPLED:
        return SampledLatents(networks, spec)
    memory = Memory(networks / untrained_memory(seed), spec)
    return WorldModel(Vision(networks / VISION, spec), memory, spec)


class VariantPlayer:
    """Plays the search's tasks with a variant in a worker process."""

    def __init__(
        self,
        networks: Path,
        variant: str,
        seed: int,
        max_steps: int,
        early_stop_reward: float | None,
    ) -> None:
        """Open the variant.

        Args:
            networks: folder with the networks of all variants.
            variant: one of VARIANTS.
            seed: random seed of the run.
            max_steps: limit of an episode in agent steps.
            early_stop_reward: mean reward of the last 300 steps below which an episode is ended
                early; None: no episode is ended early.
        """
        self._world_model = open_variant(networks, variant, seed)
        self._max_steps = max_steps
        self._early_stop_reward = early_stop_reward

    def scale(self, levels: Sequence[Level], seed: int) -> NDArray[np.float64]:
        """Return the deviations that move a logit by 1, (n_parameters,): the search's start."""
        self._reseed(seed)
        return logit_scale(feature_sizes(self._world_model, levels, seed))

    def __call__(self, task: RolloutRequest) -> Rollout:
        """Play one episode of a candidate."""
        controller = Controller(task.parameters)
        self._reseed(task.seed)  # all candidates of a generation see the same noise
        env = ContestEnv(task.level, seed=task.seed, max_steps=self._max_steps)
        try:
            return play(env, self._world_model, controller.act, self._early_stop_reward)
        finally:
            env.close()

    def _reseed(self, seed: int) -> None:
        if isinstance(self._world_model, SampledLatents):
            self._world_model.reseed(seed)
