"""Plays episodes of Pangolin Dash with the planner's expert, under the contest's sticky actions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.buttons import from_genesis, to_genesis
from arena.environment.contest_env import ContestEnv
from game.levels.routes import RouteFileError, read_routes
from game.planning.emulator import Emulator, buttons
from game.planning.route_progress import RouteProgress
from training.experts.sticky_planner import StickyPlanner

GIVE_UP = 40  # plans without progress after which an episode ends


class ExpertStep(NamedTuple):
    """One step of an episode of the expert."""

    state: bytes  # of the emulator before the step, as `Emulator.save` returns it
    frame: NDArray[np.uint8]  # (224, 320, 3) RGB before the step
    action: NDArray[np.uint8]  # (4,) of 0 and 1, the expert's action in this state
    reward: float
    terminated: bool  # the player died or reached the end post


def sticky_planner(env: ContestEnv) -> StickyPlanner:
    """Return the expert of an environment's level. It plans on the environment's own emulator.

    Args:
        env: an environment that was reset.

    Raises:
        RouteFileError: the level is not of Pangolin Dash, or its game has no such route.
    """
    level = env.level
    routes = read_routes((level.integration or Path()) / level.game)
    if level.state not in routes:
        raise RouteFileError(
            f"the routes of {level.game} contain no {level.state}: build the game again"
        )
    route = routes[level.state]
    return StickyPlanner(Emulator.of(env.retro_env), RouteProgress(route.start, route.waypoints))


def play(
    env: ContestEnv,
    expert: StickyPlanner,
    seed: int,
    state: bytes | None = None,
) -> Iterator[ExpertStep]:
    """Play an episode; it ends early where the expert makes no progress.

    The environment draws the sticky actions. The expert doesn't know these draws: it plans with
    draws of its own, on the same emulator, and loads the real state again after each plan.

    Args:
        env: environment of the expert's level.
        expert: the expert; `start` is called.
        seed: random seed of its plans.
        state: a saved state of the emulator to start from; by default the level's start.
    """
    frame = env.reset() if state is None else env.reset(state)
    expert.start(seed)
    done = expert.ended
    while not done and expert.stalled < GIVE_UP:
        chosen = expert.choose()
        before, shown = expert.state(), frame
        action = from_genesis(buttons(chosen))
        frame, reward, done, _ = env.step(to_genesis(action))
        expert.observe(chosen)
        yield ExpertStep(before, shown, action, reward, env.terminated)
