"""Plays episodes of Pangolin Dash with the planner's expert, under the contest's sticky actions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.buttons import from_genesis, to_genesis
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from game.levels.routes import Route, RouteFileError, read_routes
from game.planning.emulator import Emulator, buttons
from game.planning.route_progress import RouteProgress
from training.experts.collected_step import CollectedStep, screen_position
from training.experts.sticky_planner import StickyPlanner

GIVE_UP = 40  # plans without progress after which an episode ends


class ExpertStep(NamedTuple):
    """One step of an episode of the expert."""

    state: bytes  # of the emulator before the step, as `Emulator.save` returns it
    frame: NDArray[np.uint8]  # (224, 320, 3) RGB before the step
    action: NDArray[np.uint8]  # (4,) of 0 and 1, the expert's action in this state
    reward: float
    terminated: bool  # the player died or reached the end post
    variables: Mapping[str, Any]  # the game's, after the step


def route_of(level: Level) -> Route:
    """Return the route of a level of Pangolin Dash.

    Raises:
        RouteFileError: the level is of another game, or its game has no such route.
    """
    routes = read_routes((level.integration or Path()) / level.game)
    if level.state not in routes:
        raise RouteFileError(
            f"the routes of {level.game} contain no {level.state}: build the game again"
        )
    return routes[level.state]


def sticky_planner(env: ContestEnv) -> StickyPlanner:
    """Return the expert of an environment's level. It plans on the environment's own emulator.

    Args:
        env: an environment that was reset.

    Raises:
        RouteFileError: see `route_of`.
    """
    route = route_of(env.level)
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
        frame, reward, done, variables = env.step(to_genesis(action))
        expert.observe(chosen)
        yield ExpertStep(before, shown, action, reward, env.terminated, variables)


def play_collected(env: ContestEnv, seed: int, max_steps: int) -> Iterator[CollectedStep]:
    """Play an episode from the level's start, as `training.collect` stores it."""
    env.reset()
    player: tuple[int, int] | None = None
    for step in itertools.islice(play(env, sticky_planner(env), seed), max_steps):
        yield CollectedStep(
            step.frame, step.action, step.reward, step.terminated, step.action, player
        )
        player = screen_position(step.variables)
