"""One episode, from its reset to done: never reset in mid-episode, never stepped after done.

A hopeless episode, stuck for so many steps, can't be given up: the contest refuses a reset before
done, and its steps are spent anyway. So other candidates may try their luck from where it stands.
What the episode returns then is no candidate's own. What the first one had when it was relieved
is: stuck, it would have added little.

With a memory of the level (`agent.explore.explorer`) the controller plays where that leaves it the
choice. The episode's return is still the candidate's: it is what comes of playing so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.buttons import to_genesis
from agent.explore.explorer import Retrace
from agent.play.timing import Spent
from agent.world_model.controller import Controller
from agent.world_model.world_model import WorldModel


class Environment(Protocol):
    """A contest environment whose emulator computes while the agent goes on."""

    def reset(self) -> NDArray[np.uint8]: ...

    def send_action(self, buttons: NDArray[np.uint8]) -> None: ...

    def receive(self) -> tuple[NDArray[np.uint8], float, bool]: ...


@dataclass(frozen=True)
class Switch:
    """A candidate that took over in mid-episode."""

    step: int  # after so many steps of the episode
    candidate: int
    episode_return: float  # so far


@dataclass(frozen=True)
class Episode:
    """A finished episode."""

    episode_return: float  # sum of all rewards: what the contest counts
    length: int  # agent steps, without the reset
    switches: tuple[Switch, ...] = ()
    returned_to: float | None = None  # points up to which the level's memory alone played
    spent: Spent = field(default_factory=Spent, compare=False)

    @property
    def own_return(self) -> float:
        """What the candidate that began it can be credited with: nothing after it was relieved."""
        return self.switches[0].episode_return if self.switches else self.episode_return

    @property
    def timesteps(self) -> int:
        """Of the budget: the contest counts the reset too."""
        return self.length + 1


def play_episode(
    env: Environment,
    world_model: WorldModel,
    controllers: Iterator[tuple[int, Controller]],
    switch_after_steps: int = 0,
    retrace: Retrace | None = None,
) -> Episode:
    """Play one episode from its reset to done.

    Args:
        env: not in mid-episode.
        world_model: forgets the episode before; it goes on remembering across switches.
        controllers: (candidate, controller): who begins, then who takes over, and over.
        switch_after_steps: without a new highest return for so many steps, the next takes over;
            0: the one who begins plays to the end.
        retrace: what is remembered of the level; None: nothing is.
    """
    clock = time.perf_counter  # some 50 ns a call, of a step's 3 ms
    spent = Spent()
    frame = env.reset()
    world_model.reset()
    if retrace is not None:
        retrace.begin()
    _, controller = next(controllers)
    switches: list[Switch] = []
    episode_return, highest, length, since, done = 0.0, 0.0, 0, 0, False
    while not done:
        begun = clock()
        features = world_model.observe(frame)
        seen = clock()
        action = None
        if retrace is not None:
            action = retrace.action(episode_return, features[: world_model.latent])
        if action is None:
            action = controller.act(features)
        if retrace is not None:
            retrace.pressed(action)
        chosen = clock()
        env.send_action(to_genesis(action))
        sent = clock()
        world_model.remember(action)  # while the emulator computes
        remembered = clock()
        frame, reward, done = env.receive()
        spent.vision += seen - begun
        spent.controller += chosen - seen
        spent.memory += remembered - sent
        spent.waiting += sent - chosen + clock() - remembered
        episode_return += reward
        length += 1
        since = 0 if episode_return > highest else since + 1
        highest = max(highest, episode_return)
        if since == switch_after_steps > 0 and not done:
            candidate, controller = next(controllers)
            switches.append(Switch(length, candidate, episode_return))
            since = 0
    returned_to = None
    if retrace is not None:
        retrace.finished(episode_return)
        returned_to = retrace.returned_to
    return Episode(episode_return, length, tuple(switches), returned_to, spent)
