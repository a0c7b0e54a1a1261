"""Plays one episode from its reset to done.

The contest refuses a reset before done and a step after done, so an episode is always played to
its end. With an explorer, the controller plays the steps that the explorer leaves to it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.buttons import Action, to_genesis
from agent.explore.explorer import Explorer
from agent.play.timing import Timing
from agent.world_model.controller import Controller
from agent.world_model.world_model import WorldModel


class Environment(Protocol):
    """A contest environment whose emulator computes while the agent does something else."""

    def reset(self) -> NDArray[np.uint8]: ...

    def send_action(self, buttons: NDArray[np.uint8]) -> None: ...

    def receive(self) -> tuple[NDArray[np.uint8], float, bool]: ...


@dataclass(frozen=True)
class FinishedEpisode:
    """A finished episode.

    Attributes:
        episode_return: sum of all rewards, which is what the contest counts.
        length: agent steps, without the reset.
        returned_to: sum of rewards reached by following recorded trajectories only; None without
            explorer.
        timing: wall-clock seconds by part.
    """

    episode_return: float
    length: int
    returned_to: float | None = None
    timing: Timing = field(default_factory=Timing, compare=False)

    @property
    def timesteps(self) -> int:
        """Timesteps of the budget: the contest counts the reset too."""
        return self.length + 1


def play_episode(
    env: Environment,
    world_model: WorldModel,
    controller: Controller,
    explorer: Explorer | None = None,
) -> FinishedEpisode:
    """Play one episode from its reset to done.

    Args:
        env: an environment that is not in the middle of an episode.
        world_model: V and M; their state is reset.
        controller: chooses the buttons of the steps that the explorer leaves to it.
        explorer: the explorer of this level; None lets the controller play every step.
    """
    timing = Timing()
    frame = env.reset()
    world_model.reset()
    if explorer is not None:
        explorer.begin()
    episode_return, length = _play_steps(env, world_model, controller, explorer, frame, timing)
    returned_to = None
    if explorer is not None:
        returned_to = explorer.returned_to
        explorer.finished(episode_return)
    return FinishedEpisode(episode_return, length, returned_to, timing)


def _play_steps(
    env: Environment,
    world_model: WorldModel,
    controller: Controller,
    explorer: Explorer | None,
    frame: NDArray[np.uint8],
    timing: Timing,
) -> tuple[float, int]:
    """Play from the first frame to done; add to the times, and return the return and the length."""
    clock = time.perf_counter  # a call takes 50 ns, a step 3 ms
    episode_return, length, done = 0.0, 0, False
    while not done:
        begun = clock()
        features = world_model.observe(frame)
        encoded = clock()
        action = _choose(features, world_model.latent, episode_return, controller, explorer)
        chosen = clock()
        env.send_action(to_genesis(action))
        sent = clock()
        world_model.remember(action)  # while the emulator computes
        remembered = clock()
        frame, reward, done = env.receive()
        timing.vision += encoded - begun
        timing.controller += chosen - encoded
        timing.memory += remembered - sent
        timing.waiting += sent - chosen + clock() - remembered
        episode_return += reward
        length += 1
    return episode_return, length


def _choose(
    features: NDArray[np.float32],
    latent_size: int,
    progress: float,
    controller: Controller,
    explorer: Explorer | None,
) -> Action:
    """Choose the buttons of one step; the explorer chooses first, and records what was pressed."""
    if explorer is None:
        return controller.act(features)
    action = explorer.action(progress, features[:latent_size])
    if action is None:
        action = controller.act(features)
    explorer.pressed(action)
    return action
