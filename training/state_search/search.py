"""Searches a level for a play to its end, with save states: the first phase of Go-Explore.

It restores a state of the archive, plays random macro-actions from it, and adds the cells that it
reaches (Ecoffet et al. 2021, "First return, then explore", Methods). It knows nothing of the game
but rewards, the end of an episode, and the frame.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError
from arena.environment.contest_rules import MAX_STEPS, STICKINESS
from arena.evaluation.score import FULL_PROGRESS_RETURN
from training.state_search.archive import NO_ACTION, NO_NODE, Archive, Cell
from training.state_search.cells import (
    PICTURE,
    POSITION,
    KeyOf,
    choose_picture_size,
    has_position,
    picture_key_of,
    position_key,
)
from training.state_search.macro_actions import random_macro_action
from training.state_search.state_env import REPEATED, StateEnv

EXPLORED_STEPS = 30  # steps from a restored state: two seconds
SAFE_STEPS = 15  # steps that the player must survive after a cell, for the cell to count as safe
# A level whose first explorations all end in their first step can't be played.
ENDING_EXPLORATIONS = 50
SAMPLE_STEPS = 400  # steps of random play from which the size of picture cells is chosen
ROUNDING = 0.5  # points that rewards may lose, which the emulator adds up in single precision


class SearchError(UserError):
    """The level can't be searched; the message says why."""


@dataclass(frozen=True)
class FoundPlay:
    """A play that the search found.

    Attributes:
        finished: whether it reaches the end of the level.
        progress: sum of its rewards.
        actions: one number for each step, see `StateEnv.step`.
    """

    finished: bool
    progress: float
    actions: bytes


class Search:
    """The search of one level, from its start or another state."""

    def __init__(
        self, env: StateEnv, seed: int, cells: str, sticky: bool, root: bytes | None = None
    ) -> None:
        """Begin a search.

        Args:
            env: the level's emulator.
            seed: random seed.
            cells: PICTURE for picture cells; POSITION for position cells where the game has them.
            sticky: whether a step's first frame repeats the action before with probability 1/4.
            root: packed state to begin at; None for the start of the level.

        Raises:
            SearchError: the episode has ended in the state already.
        """
        self._env, self._sticky = env, sticky
        self._random = np.random.default_rng(seed)
        self.cell_kind = POSITION if cells == POSITION and has_position(env) else PICTURE
        self.archive = Archive()
        self.explorations = 0
        self.steps = 0
        self.finished: FoundPlay | None = None
        self._longest = 0  # steps of the longest exploration
        self._safe: Cell | None = None
        state = env.start if root is None else root
        began = time.process_time()
        if self.cell_kind == POSITION:
            self._key: KeyOf = position_key
        else:
            frames = _random_frames(env, state, np.random.default_rng((seed, 1)))
            self._key = picture_key_of(choose_picture_size(frames))
        loaded = env.load(state)
        if loaded.done:
            raise SearchError("the episode has ended in the state where the search begins")
        at = self._key(env, (0, 0), loaded.reward)
        self.core_seconds = time.process_time() - began
        self.archive.put(Cell(at.key, state, NO_NODE, 0, loaded.reward, at.position))

    def run(self, steps: int, enough: float = float("inf")) -> FoundPlay | None:
        """Search until an end is found, until enough progress, or for a number of steps in all.

        Args:
            steps: number of steps of the whole search, including those of earlier calls.
            enough: progress of a safe cell at which the search stops too.

        Returns:
            The play to the end of the level, or None.

        Raises:
            SearchError: the level ends in its first step, whatever is pressed, or in a restored
                state.
        """
        began = time.process_time()
        while self.finished is None and self.steps < steps:
            self._explore(self.archive.choose(self._random))
            self.explorations += 1
            if self.explorations == ENDING_EXPLORATIONS and self._longest <= 1:
                raise SearchError("the episode ends in its first step, whatever is pressed")
            if self._safe is not None and self._safe.progress >= enough:
                break
        self.core_seconds += time.process_time() - began
        return self.finished

    def farthest(self) -> FoundPlay:
        """Return the play to the end or, where none was found, to the cell with most progress."""
        return self.finished or self._play_to(self.archive.farthest())

    def farthest_safe(self) -> FoundPlay | None:
        """Return the play to the farthest cell that the player survived by a second."""
        if self.finished is None and self._safe is not None:
            return self._play_to(self._safe)
        return self.finished

    def checkpoint(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the arrays and JSON values with which `restore` continues the search exactly."""
        return self.archive.to_arrays(), {
            "random": self._random.bit_generator.state,
            "explorations": self.explorations,
            "steps": self.steps,
            "core_seconds": self.core_seconds,
            "longest": self._longest,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> None:
        """Continue from a checkpoint of a search with the same arguments."""
        self.archive = Archive.from_arrays(arrays)
        self._random.bit_generator.state = values["random"]
        self.explorations, self.steps = values["explorations"], values["steps"]
        self.core_seconds, self._longest = values["core_seconds"], values["longest"]

    def _play_to(self, cell: Cell) -> FoundPlay:
        return FoundPlay(False, cell.progress, self.archive.trajectory(cell.node))

    def _explore(self, cell: Cell) -> None:
        """Play random macro-actions from a cell, and add the cells that this reaches."""
        if self._env.load(cell.state).done:
            raise SearchError(
                "a restored state counts as the end of an episode, so its scenario depends on more"
                " than the current state"
            )
        played = self.archive.last_action(cell.node)
        node, pending = cell.node, bytearray()
        steps, progress, position = cell.steps, cell.progress, cell.position
        last = min(steps + EXPLORED_STEPS, MAX_STEPS)
        entered: list[Cell] = []
        macro_action: list[int] = []
        done = False
        while not done and steps < last:
            macro_action = macro_action or random_macro_action(self._random)
            action = self._stuck_to(macro_action.pop(0), played)
            reward, done = self._env.step(action, played)
            played = action % REPEATED
            pending.append(action)
            steps, progress = steps + 1, progress + reward
            self.steps += 1
            if done:
                break
            at = self._key(self._env, position, progress)
            position = at.position
            if steps < MAX_STEPS and self.archive.is_better(at.key, steps):
                node = self.archive.add_node(node, bytes(pending))
                pending.clear()
                new = Cell(at.key, self._env.save(), node, steps, progress, position)
                self.archive.put(new)
                entered.append(new)
        self._longest = max(self._longest, steps - cell.steps)
        if done and reward > 0 and progress >= FULL_PROGRESS_RETURN - ROUNDING:
            actions = self.archive.trajectory(node) + bytes(pending)
            self.finished = FoundPlay(True, progress, actions)
        if not done:
            survived = [new for new in entered if new.steps <= steps - SAFE_STEPS]
            known = [] if self._safe is None else [self._safe]
            self._safe = max([*known, *survived], key=lambda safe: safe.progress, default=None)

    def _stuck_to(self, action: int, played: int) -> int:
        """Return the action, marked if sticky actions make its first frame repeat the last one."""
        if not self._sticky or played == NO_ACTION:  # the first action takes effect at once
            return action
        repeats = self._random.random() < STICKINESS
        return action + REPEATED if repeats and action != played else action


def _random_frames(
    env: StateEnv, state: bytes, random: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Return the frames of random play from a state, (H, W, 3) uint8 RGB each."""
    frames: list[NDArray[np.uint8]] = []
    env.load(state)
    while len(frames) < SAMPLE_STEPS:
        for action in random_macro_action(random):
            done = env.step(action, action).done
            frames.append(env.frame().copy())
            if done:
                env.load(state)
                break
    return frames
