"""Plays a budget of one level in process, with the explorer's constants that a task gives.

The contest's socket carries only the agent's settings, and the explorer's constants are not among
them. Without the socket, the same seed gives the same returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evolution.candidates import Candidates
from agent.evolution.cma_es import Evolution
from agent.explore.explorer import Explorer
from agent.explore.settings import ExplorerSettings
from agent.gym_remote.messages import TimestepTimeoutError
from agent.lock_in.choose import LockIn, make_rule
from agent.play.episode import play_episode
from agent.settings import Settings
from agent.world_model.packed_model import load
from agent.world_model.world_model import load_world_model
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level


@dataclass(frozen=True)
class BudgetTask:
    """A budget to play.

    Attributes:
        level: the level.
        seed: random seed of the stickiness, the candidates and the explorer.
        constants: the explorer's constants that differ from their defaults.
    """

    level: Level
    seed: int
    constants: Mapping[str, Any]


class BudgetPlayer:
    """Plays budgets in a worker process, with the packed model."""

    def __init__(self, pretrained: Path, budget_steps: int) -> None:
        """Load the packed model."""
        self._pretrained, self._budget_steps = pretrained, budget_steps
        self._world_model = load_world_model(load(pretrained))

    def __call__(self, task: BudgetTask) -> list[float]:
        """Return the returns of the episodes that finish within the budget."""
        evolution = Evolution.load(self._pretrained)
        evolution.reseed(task.seed)
        candidates = Candidates(evolution)
        explorer = Explorer(task.seed, ExplorerSettings(**task.constants))
        lock_in = LockIn(make_rule(Settings(seed=task.seed)))
        env = _Budget(ContestEnv(task.level, seed=task.seed), self._budget_steps)
        returns: list[float] = []
        try:
            while True:
                candidate = lock_in.choice.candidate
                controller = candidates.controller(candidate)
                found = play_episode(env, self._world_model, controller, explorer).episode_return
                candidates.finished(candidate, found)
                lock_in.finished(found)
                returns.append(found)
        except TimestepTimeoutError:
            return returns
        finally:
            env.close()


class _Budget:
    """An environment that ends with an error when its timesteps are used up, as the contest's."""

    def __init__(self, env: ContestEnv, budget_steps: int) -> None:
        self._env, self._left = env, budget_steps
        self._answer: tuple[NDArray[np.uint8], float, bool]

    def reset(self) -> NDArray[np.uint8]:
        self._count()
        return self._env.reset()

    def send_action(self, buttons: NDArray[np.uint8]) -> None:
        frame, reward, done, _ = self._env.step(buttons)
        self._answer = frame, reward, done

    def receive(self) -> tuple[NDArray[np.uint8], float, bool]:
        self._count()
        return self._answer

    def close(self) -> None:
        self._env.close()

    def _count(self) -> None:
        if not self._left:
            raise TimestepTimeoutError
        self._left -= 1
