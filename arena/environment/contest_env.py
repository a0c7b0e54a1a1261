"""A contest level on the emulator, with its scenario, the sticky frame skip and the time limit.

It steps the emulator as stable-retro's own `step` does, but of each four frames it reads only the
picture that the agent sees.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import stable_retro
from numpy.typing import NDArray

from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.contest_rules import FRAME_SKIP, MAX_STEPS, STICKINESS
from arena.environment.levels import Level, register_integration
from arena.environment.recording import Recorder


class EmulatorError(UserError):
    """The emulator can't play the level; the message says why."""


class EpisodeError(RuntimeError):
    """The caller stepped the environment without an episode."""


class StickyActions:
    """The contest's sticky actions: chooses the action of the first frame of each step.

    The first action after a reset takes effect at once. Later, with probability `stickiness`, the
    previous action is repeated in the first frame of a step; the other frames use the new action.
    """

    def __init__(self, stickiness: float, seed: int | None) -> None:
        # Generator, draw and comparison are the same as in the contest's wrapper.
        self._random = np.random.RandomState(seed)
        self._stickiness = stickiness
        self._held: NDArray[np.uint8] | None = None

    def reset(self) -> None:
        self._held = None

    def first_frame(self, action: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Choose between this action and the previous one. Call this once per step."""
        if self._held is None or self._random.rand() > self._stickiness:
            first = action
        else:
            first = self._held
        self._held = action
        return first


def skip_frames(
    frame: Callable[[NDArray[np.uint8]], tuple[float, bool]],
    sticky: StickyActions,
    action: NDArray[np.uint8],
    frame_skip: int,
) -> tuple[float, bool]:
    """Play one step of the contest: a number of frames, fewer if the episode is done.

    Args:
        frame: advances the emulator one frame under an action; returns (reward, done).
        sticky: sticky actions of the episode.
        action: (n_buttons,) uint8.
        frame_skip: frames per step.

    Returns:
        The sum of the rewards, and whether the episode is done.
    """
    total, done = frame(sticky.first_frame(action))
    for _ in range(frame_skip - 1):
        if done:
            break
        reward, done = frame(action)
        total += reward
    return total, done


class ContestEnv:
    """A level as the contest played it. The emulator allows one instance per process.

    Attributes:
        terminated: whether the game ended the episode in the last step. False if the time limit
            ended it; `step` returns done in both cases.
        buttons: names of the console's buttons, in the emulator's order.
        n_buttons: their number.
        observation_shape: shape of a frame, (height, width, 3).
    """

    def __init__(
        self,
        level: Level,
        seed: int | None = None,
        movies: Path | None = None,
        frame_skip: int = FRAME_SKIP,
        stickiness: float = STICKINESS,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Load the game, the state and the scenario of a level.

        Args:
            level: level to play; its integration folder is registered with stable-retro.
            seed: random seed of the sticky actions, 0 to 2**32 - 1; None for a random one.
            movies: folder for a .bk2 of every episode; None records none.
            frame_skip: emulator frames per step, 1 or more.
            stickiness: probability, from 0 to 1, that the previous action is repeated in a step's
                first frame.
            max_steps: time limit of an episode in steps, 1 or more.

        Raises:
            LevelError: the game, the state, the scenario or the ROM is missing.
            EmulatorError: the game can't be loaded, or the process already has an emulator.
            UserError: a number is out of range.
        """
        _check(seed, frame_skip, stickiness, max_steps)
        check_available(level)
        if movies is not None:
            _make_folder(movies)
        self.level = level
        self._env = _load(level)
        self._recorder = None if movies is None else Recorder(self._env, movies)
        self._sticky = StickyActions(stickiness, seed)
        self._frame_skip = frame_skip
        self._max_steps = max_steps
        self._filtered: dict[bytes, NDArray[np.uint8]] = {}
        self._steps_left = 0
        self.terminated = False
        self.buttons: list[str | None] = list(self._env.buttons)
        self.n_buttons = len(self.buttons)
        self.observation_shape: tuple[int, ...] = tuple(self._env.observation_space.shape)

    def reset(self, state: bytes | None = None) -> NDArray[np.uint8]:
        """Start an episode from the level's state, or from another of the same game.

        Args:
            state: a saved state of the emulator; later resets start from it too.

        Returns:
            frame: (224, 320, 3) uint8 RGB, a copy.
        """
        if state is not None:
            self._env.initial_state = state
        if self._recorder is not None:
            self._recorder.begin()
        frame, _ = self._env.reset()
        self._sticky.reset()
        self._steps_left = self._max_steps
        return self._checked(frame)

    def step(self, buttons: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, bool, Any]:
        """Play `frame_skip` frames.

        Args:
            buttons: (n_buttons,) of 0 and 1, in the emulator's order (B A MODE START UP DOWN
                LEFT RIGHT C Y X Z). Impossible combinations are filtered as in the contest.

        Returns:
            frame (224, 320, 3) uint8 RGB, a copy; reward, the sum over the frames; done; the
            game's variables as a dict.

        Raises:
            EpisodeError: the episode is done, or none was started.
            ValueError: the number of buttons is wrong.
        """
        self._check_step(buttons)
        action = self._filter(buttons)
        return self._after(*skip_frames(self._frame, self._sticky, action, self._frame_skip))

    def play_frames(self, buttons: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, bool, Any]:
        """Play the frames of a recording exactly, without sticky actions, as one step.

        Args:
            buttons: (frames, n_buttons) of 0 and 1, one row per frame. They are not filtered: the
                recordings of people contain combinations that the contest's filter changes.

        Returns:
            The same as `step`.

        Raises:
            EpisodeError, ValueError: see `step`.
        """
        total, done = 0.0, False
        for pressed in buttons:
            self._check_step(pressed)
            reward, done = self._frame(pressed)
            total += reward
            if done:
                break
        return self._after(total, done)

    @property
    def retro_env(self) -> Any:
        """The stable-retro environment; its `em` has the sound, the frame rate and saved states.

        Who steps `em` must load the state from before, or the episode is no longer the contest's.
        """
        return self._env

    def variables(self) -> dict[str, int]:
        """Return the game's variables, as `step` does, for the current frame."""
        found: dict[str, int] = self._env.data.lookup_all()
        return found

    def close(self) -> None:
        """Finish the movie and free the emulator; the process may then create another one."""
        if self._env is not None:
            if self._recorder is not None:
                self._recorder.finish()
            self._env.close()
            self._env = self._recorder = None  # both keep the emulator in memory

    def _check_step(self, buttons: NDArray[np.uint8]) -> None:
        if not self._steps_left:
            raise EpisodeError("there is no episode: reset the environment first")
        if len(buttons) != self.n_buttons:
            raise ValueError(f"{len(buttons)} buttons, expected {self.n_buttons}")

    def _after(self, reward: float, done: bool) -> tuple[NDArray[np.uint8], float, bool, Any]:
        self.terminated = done
        self._steps_left = 0 if done else self._steps_left - 1
        frame = self._checked(self._env.get_screen(apply_rotation=True))
        return frame, reward, not self._steps_left, self._env.data.lookup_all()

    def _filter(self, buttons: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Apply stable-retro's filter (no LEFT with RIGHT, ...); cached, because it is slow."""
        key = bytes(buttons)
        action = self._filtered.get(key)
        if action is None:
            action = self._filtered[key] = self._env.action_to_array(buttons)[0]
        return action

    def _frame(self, action: NDArray[np.uint8]) -> tuple[float, bool]:
        env = self._env
        if env.movie:
            for button, pressed in enumerate(action):
                env.movie.set_key(button, bool(pressed), 0)
            env.movie.step()
        env.em.set_button_mask(action, 0)
        env.em.step()
        env.data.update_ram()
        return env.data.current_reward(), bool(env.data.is_done())

    def _checked(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if frame.shape != self.observation_shape:
            raise EmulatorError(
                f"{self.level.name} changed the shape of its frames from {self.observation_shape}"
                f" to {frame.shape}: contest agents expect one shape; this game can't be used"
            )
        return np.ascontiguousarray(frame)


def _make_folder(movies: Path) -> None:
    try:
        str(movies).encode()  # the emulator's recorder needs UTF-8
        movies.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmulatorError(
            f"can't create the movie folder {movies}: {error.strerror}; give another"
        ) from None
    except UnicodeEncodeError:
        raise EmulatorError(
            f"the path of the movie folder, {os.fsencode(movies)!r}, is not UTF-8: give another"
        ) from None
    if not os.access(movies, os.W_OK):
        raise EmulatorError(f"the movie folder {movies} is not writable: give another")


def _check(seed: int | None, frame_skip: int, stickiness: float, max_steps: int) -> None:
    if seed is not None and not 0 <= seed < 1 << 32:
        raise UserError(f"the seed is {seed}: give one from 0 to {(1 << 32) - 1}")
    if frame_skip < 1 or max_steps < 1:
        raise UserError(
            f"frame_skip is {frame_skip} and max_steps {max_steps}: give 1 or more for each"
        )
    if not 0 <= stickiness <= 1:
        raise UserError(f"the stickiness is {stickiness}: give a probability from 0 to 1")


def _load(level: Level) -> Any:
    try:
        return stable_retro.make(
            level.game,
            level.state,
            scenario=level.scenario,
            inttype=register_integration(level),
            use_restricted_actions=stable_retro.Actions.FILTERED,
            render_mode="rgb_array",  # the default opens a window
        )
    except (RuntimeError, AssertionError, OSError, ValueError, EOFError) as error:
        raise EmulatorError(f"{level.name} can't be loaded: {error}") from None
