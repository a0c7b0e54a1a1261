"""What plays in an ablation: the agent's own loop, with a part of the world model changed.

The changes live here and not in the agent, which knows one way of playing only. No torch: the
worker processes import this file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.world_model.controller import Controller, n_parameters
from agent.world_model.memory import Memory, State
from agent.world_model.packed_model import MEMORY, VISION, ModelSpec
from agent.world_model.vision import Vision
from agent.world_model.world_model import WorldModel
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from training.runs.stages import SPEC
from training.search.features import feature_sizes, logit_scale
from training.search.rollouts import Rollout, RolloutRequest, play

LOG_VARIANCE = "log_variance.onnx"  # V's other output, which the agent has no use for
TRAINED, UNTRAINED, ZEROED, ALONE, SAMPLED = "trained", "untrained", "zeroed", "alone", "sampled"
CURRICULUM = "curriculum"
BEATEN = 1500.0  # the return with which the curriculum's next level joins
VARIANTS = {
    TRAINED: "trained M, z the mean: the agent as it is",
    UNTRAINED: "untrained M of the same sizes, another one for each seed",
    ZEROED: "no M: h and c are zero, C has as many parameters as before",
    ALONE: "no M: C sees z alone and has parameters for nothing else",
    SAMPLED: "trained M, z sampled from V's Gaussian",
    CURRICULUM: f"trained M, a curriculum: the next level joins once one has given {BEATEN:,.0f}",
}


def untrained_memory(seed: int) -> str:
    """Name of the file with the untrained M of a seed."""
    return f"untrained-{seed}.onnx"


def n_features(variant: str, spec: ModelSpec) -> int:
    """How much the controller of a variant sees."""
    return spec.latent if variant == ALONE else spec.n_features


class NoMemory(Memory):
    """A memory whose state stays zero."""

    def __init__(self, spec: ModelSpec) -> None:
        """Open nothing."""
        self._spec = spec

    def step(
        self,
        z: NDArray[np.float32],
        action: NDArray[np.uint8],
        h: NDArray[np.float32],
        c: NDArray[np.float32],
    ) -> State:
        """Learn nothing."""
        return self.initial()


class SampledVision(Vision):
    """V whose latent is drawn from the Gaussian that it sees, as M's sequences were."""

    def __init__(self, networks: Path, spec: ModelSpec) -> None:
        """Open both outputs of the encoder."""
        super().__init__(networks / VISION, spec)
        self._log_variance = Vision(networks / LOG_VARIANCE, spec)
        self.reseed(0)

    def reseed(self, seed: int) -> None:
        """Draw from here on what follows from this seed."""
        self._random = np.random.default_rng((seed, 4))

    def encode(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode a frame, uint8 (height, width, 3) RGB, to a drawn latent, float32 (Z,)."""
        mu = super().encode(frame)
        deviation = np.exp(self._log_variance.encode(frame) / 2)
        return (mu + deviation * self._random.standard_normal(mu.shape)).astype(np.float32)


class AblatedPlayer:
    """Plays evolution's tasks in a worker process, as `rollouts.CandidatePlayer` does."""

    def __init__(
        self,
        networks: Path,
        variant: str,
        seed: int,
        max_steps: int,
        hopeless_reward: float | None,
    ) -> None:
        """Load what the variant needs.

        Args:
            networks: folder with vision.onnx, memory.onnx, spec.json, and what `ablations` adds.
            variant: one of VARIANTS.
            seed: of the run; it says which untrained M.
            max_steps: the contest's limit of an episode.
            hopeless_reward: an episode ends once the mean reward of its last 300 steps is below.
        """
        spec = ModelSpec.from_json(json.loads((networks / SPEC).read_bytes())["spec"])
        self._sampled = SampledVision(networks, spec) if variant == SAMPLED else None
        memory: Memory
        if variant in (ZEROED, ALONE):
            memory = NoMemory(spec)
        else:
            name = untrained_memory(seed) if variant == UNTRAINED else MEMORY
            memory = Memory(networks / name, spec)
        vision = self._sampled or Vision(networks / VISION, spec)
        self._world_model = WorldModel(vision, memory, spec)
        self._seen = n_features(variant, spec)
        self._max_steps = max_steps
        self._hopeless_reward = hopeless_reward

    def scale(self, levels: Sequence[Level], seed: int) -> NDArray[np.float64]:
        """What `evolve` begins with: the deviations that move a logit by 1, (n_parameters,)."""
        if self._sampled is not None:
            self._sampled.reseed(seed)
        return logit_scale(feature_sizes(self._world_model, levels, seed)[: self._seen])

    def __call__(self, task: RolloutRequest) -> Rollout:
        """Play an episode of a candidate."""
        assert task.parameters.shape == (n_parameters(self._seen),), task.parameters.shape
        controller = Controller(task.parameters)
        if self._sampled is not None:
            self._sampled.reseed(task.seed)  # the same luck for all candidates of a generation
        env = ContestEnv(task.level, seed=task.seed, max_steps=self._max_steps)
        try:
            return play(
                env,
                self._world_model,
                lambda features: controller.act(features[: self._seen]),
                self._hopeless_reward,
            )
        finally:
            env.close()
