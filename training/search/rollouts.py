"""Plays one episode of one candidate: the task of the worker processes of training.evolve.

A worker runs the agent's own loop on the exported networks, with the emulator in the same process.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.buttons import to_genesis
from agent.world_model.controller import Controller
from agent.world_model.memory import Memory
from agent.world_model.packed_model import MEMORY, VISION, ModelSpec
from agent.world_model.vision import Vision
from agent.world_model.world_model import WorldModel
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from training.runs.stages import SPEC

EARLY_STOP_STEPS = 300  # number of last steps whose mean reward is compared with the early stop


@dataclass(frozen=True)
class RolloutRequest:
    """One episode of one candidate to play.

    Attributes:
        candidate: index of the candidate in the population.
        parameters: parameters of its controller, float32 (n,).
        level: level to play.
        seed: random seed of the sticky actions.
    """

    candidate: int
    parameters: NDArray[np.float32]
    level: Level
    seed: int

    def __str__(self) -> str:
        """Return a description for messages, without the parameters."""
        return f"candidate {self.candidate} on {self.level.name}, seed {self.seed}"


@dataclass(frozen=True)
class Rollout:
    """Return and length of a played episode."""

    episode_return: float
    steps: int


class EpisodeModel(Protocol):
    """What an episode needs of a world model, such as `agent.world_model.WorldModel`."""

    def reset(self) -> None: ...

    def observe(self, frame: NDArray[np.uint8], /) -> NDArray[np.float32]: ...

    def remember(self, action: NDArray[np.uint8], /) -> None: ...


def open_world_model(networks: Path) -> WorldModel:
    """Load the networks of a folder with vision.onnx, memory.onnx and spec.json."""
    spec = ModelSpec.from_json(json.loads((networks / SPEC).read_bytes())["spec"])
    return WorldModel(Vision(networks / VISION, spec), Memory(networks / MEMORY, spec), spec)


class CandidatePlayer:
    """Plays episodes of candidates; each worker process has one."""

    def __init__(self, networks: Path, max_steps: int, early_stop_reward: float | None) -> None:
        """Load the networks.

        Args:
            networks: folder with vision.onnx, memory.onnx and spec.json.
            max_steps: maximum number of steps of an episode.
            early_stop_reward: mean reward of the last 300 steps below which an episode is ended
                early; None for no early stop.
        """
        self._world_model = open_world_model(networks)
        self._max_steps = max_steps
        self._early_stop_reward = early_stop_reward

    def __call__(self, request: RolloutRequest) -> Rollout:
        """Play the requested episode."""
        controller = Controller(request.parameters)
        env = ContestEnv(request.level, seed=request.seed, max_steps=self._max_steps)
        try:
            return play(env, self._world_model, controller.act, self._early_stop_reward)
        finally:
            env.close()


def play(
    env: ContestEnv,
    world_model: EpisodeModel,
    act: Callable[[NDArray[np.float32]], NDArray[np.uint8]],
    early_stop_reward: float | None = None,
) -> Rollout:
    """Play an episode from the level's start.

    Args:
        env: environment of the level.
        world_model: encodes frames and keeps the hidden state, which is reset first.
        act: maps features, float32 (Z + 2H,), to an action, uint8 (4,).
        early_stop_reward: mean reward of the last 300 steps below which the episode is ended
            early; None for no early stop.
    """
    frame = env.reset()
    world_model.reset()
    recent: deque[float] = deque(maxlen=EARLY_STOP_STEPS)
    total, steps, done = 0.0, 0, False
    while not done:
        action = act(world_model.observe(frame))
        world_model.remember(action)
        frame, reward, done, _ = env.step(to_genesis(action))
        total += reward
        steps += 1
        recent.append(reward)
        if early_stop_reward is not None and steps >= EARLY_STOP_STEPS:
            done = done or sum(recent) / EARLY_STOP_STEPS < early_stop_reward
    return Rollout(total, steps)
