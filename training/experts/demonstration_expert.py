"""The expert: finds the buttons that a demonstration presses at the player's position.

Replaying a demonstration fails under the contest's sticky actions, because one late button press
moves the player away from the recorded path. An expert instead takes the action of the step at
which the recorded position and speed are nearest. It therefore returns to the path, and can label
the frames of any policy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import stable_retro.data
from numpy.typing import NDArray

from arena.environment.contest_env import ContestEnv
from arena.environment.contest_rules import FRAME_SKIP
from arena.environment.levels import Level, register_integration
from training.experts.demonstrations import Demonstration, DemonstrationError

STEPS_BEHIND, STEPS_AHEAD = 8, 24  # steps of the path that are searched first
SPEED_WEIGHT = 2.0  # weight of a difference of 1 pixel per step, relative to 1 pixel of distance
LOST_PIXELS = 96.0  # distance from which on the whole path is searched
STUCK_STEPS = 15  # steps without movement after which the expert has no action


class DemonstrationExpert:
    """Return the demonstration's action at the nearest point of its path. One per level.

    It implements `training.experts.labeller.Labeller`.
    """

    every = 1

    def __init__(self, demonstration: Demonstration, path: NDArray[np.float32]) -> None:
        """Take a demonstration and its path.

        Args:
            demonstration: recorded play of the level.
            path: the player's position before each of its steps, float32 (T, 2) in pixels.
        """
        assert path.shape == (demonstration.steps, 2), path.shape
        self._actions = [demonstration.action(step) for step in range(len(path))]
        self._path = _with_speed(path)
        self.start(0)

    def start(self, step: int) -> None:
        """Begin an episode at a step of the demonstration. Call it once per episode."""
        self._step = step
        self._position: NDArray[np.float32] | None = None
        self._before: NDArray[np.float32] | None = None
        self._still = 0

    def observe(self, action: NDArray[np.uint8], variables: Mapping[str, Any]) -> None:
        """Follow a step; the action is ignored.

        Raises:
            DemonstrationError: see `position_of`.
        """
        self._position = position_of(variables)

    def judge(self, action: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the action: what a button leads to is unknown."""
        return action

    def ask(self) -> NDArray[np.uint8] | None:
        """Return the demonstration's action at the player's position.

        Returns:
            uint8 (4,) of 0 and 1, or None once the player has not moved for 15 steps.
        """
        position = self._position
        if position is None:
            return self._actions[self._step].copy()
        before = position if self._before is None else self._before
        here = np.concatenate((position, (position - before) * SPEED_WEIGHT))
        self._still = self._still + 1 if np.abs(position - before).sum() < 1 else 0
        self._before = position
        first = max(0, self._step - STEPS_BEHIND)
        distances = np.abs(self._path[first : self._step + STEPS_AHEAD] - here).sum(1)
        if distances.min() > LOST_PIXELS:
            first, distances = 0, np.abs(self._path - here).sum(1)
        self._step = first + int(distances.argmin())
        if self._still >= STUCK_STEPS:
            self._still = 0
            return None
        return self._actions[self._step].copy()


def position_of(variables: Mapping[str, Any]) -> NDArray[np.float32]:
    """Read the player's position in the level from the game's variables, float32 (2,) in pixels.

    Raises:
        DemonstrationError: the game's data.json has no x or no y.
    """
    try:
        return np.array([variables["x"], variables["y"]], np.float32)
    except KeyError as error:
        raise DemonstrationError(
            f"the game's data.json has no variable {error.args[0]}, which an expert needs: add it, "
            "or give other --policies"
        ) from None


def has_position(level: Level) -> bool:
    """Return whether the game's data.json has the player's position, which an expert needs."""
    path = stable_retro.data.get_file_path(level.game, "data.json", register_integration(level))
    variables = json.loads(Path(path).read_bytes())["info"]
    return {"x", "y"} <= set(variables)


def replay_demonstration(
    env: ContestEnv, demonstration: Demonstration
) -> tuple[Demonstration, DemonstrationExpert | None]:
    """Replay a demonstration without sticky actions, and make an expert from its path.

    Args:
        env: environment of the demonstration's level; it is reset.
        demonstration: recorded play of the level.

    Returns:
        The part of the demonstration until the episode's end, and the expert; None if the game's
        variables lack the player's position.

    Raises:
        DemonstrationError: the episode ends in the first half of the demonstration, or earns no
            reward, so that it must be of another level or ROM; or the emulator refuses its state.
    """
    env.reset(demonstration.state)
    has_positions = has_position(env.level)
    positions: list[NDArray[np.float32]] = []
    total, done, step = 0.0, False, 0
    while not done and step < demonstration.steps:
        _, reward, done, variables = env.play_frames(demonstration.buttons(step))
        total += reward
        if has_positions:
            positions.append(position_of(variables))
        step += 1
    if total <= 0 or (env.terminated and step < demonstration.steps // 2):
        raise DemonstrationError(
            f"the recording of {env.level.name} has {demonstration.steps} steps, but its replay "
            f"ends after {step} with a return of {total:.0f}: it is of another level or ROM; "
            "remove it, or record this level"
        )
    played = Demonstration(demonstration.state, demonstration.frame_buttons[: step * FRAME_SKIP])
    if not has_positions:
        return played, None
    return played, DemonstrationExpert(
        played, np.array([positions[0], *positions[:-1]], np.float32)
    )


def _with_speed(path: NDArray[np.float32]) -> NDArray[np.float32]:
    """Append the weighted change since the step before, float32 (T, 4)."""
    changes = np.diff(path, axis=0, prepend=path[:1])
    return np.concatenate((path, changes * SPEED_WEIGHT), 1)
