"""One candidate through one episode: what evolution's worker processes do.

The loop is the agent's own, on the same exported networks, with the emulator in the process.
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

SPEC = "spec.json"
HOPELESS_STEPS = 300  # the window of the early stop


@dataclass(frozen=True)
class Task:
    """One episode of one candidate."""

    candidate: int  # place in the population; what the result is for
    parameters: NDArray[np.float32]  # (n,)
    level: Level
    seed: int  # of the stickiness

    def __str__(self) -> str:
        """For a message, without the numbers."""
        return f"candidate {self.candidate} on {self.level.name}, seed {self.seed}"


@dataclass(frozen=True)
class Rollout:
    """What an episode gave."""

    episode_return: float
    steps: int


class EpisodeModel(Protocol):
    """A world model as an episode uses it; `agent.world_model.WorldModel` is one."""

    def reset(self) -> None: ...

    def observe(self, frame: NDArray[np.uint8], /) -> NDArray[np.float32]: ...

    def remember(self, action: NDArray[np.uint8], /) -> None: ...


def open_world_model(networks: Path) -> WorldModel:
    """Open the networks of a folder with vision.onnx, memory.onnx and spec.json."""
    spec = ModelSpec.from_json(json.loads((networks / SPEC).read_bytes())["spec"])
    return WorldModel(Vision(networks / VISION, spec), Memory(networks / MEMORY, spec), spec)


class Player:
    """Plays tasks in a worker process, with the networks loaded once."""

    def __init__(self, networks: Path, max_steps: int, hopeless_reward: float | None) -> None:
        """Load the networks.

        Args:
            networks: folder with vision.onnx, memory.onnx and spec.json.
            max_steps: the contest's limit of an episode.
            hopeless_reward: an episode ends once the mean reward of its last 300 steps is
                below; None: it never does.
        """
        self._world_model = open_world_model(networks)
        self._max_steps = max_steps
        self._hopeless_reward = hopeless_reward

    def __call__(self, task: Task) -> Rollout:
        """Play an episode of a candidate."""
        controller = Controller(task.parameters)
        env = ContestEnv(task.level, seed=task.seed, max_steps=self._max_steps)
        try:
            return play(env, self._world_model, controller.act, self._hopeless_reward)
        finally:
            env.close()


def play(
    env: ContestEnv,
    world_model: EpisodeModel,
    act: Callable[[NDArray[np.float32]], NDArray[np.uint8]],
    hopeless_reward: float | None = None,
) -> Rollout:
    """Play an episode: see, act, remember, step."""
    frame = env.reset()
    world_model.reset()
    recent: deque[float] = deque(maxlen=HOPELESS_STEPS)
    total, steps, done = 0.0, 0, False
    while not done:
        action = act(world_model.observe(frame))
        world_model.remember(action)
        frame, reward, done, _ = env.step(to_genesis(action))
        total += reward
        steps += 1
        recent.append(reward)
        if hopeless_reward is not None and steps >= HOPELESS_STEPS:
            done = done or sum(recent) / HOPELESS_STEPS < hopeless_reward
    return Rollout(total, steps)
