"""The contest's levels as Gymnasium environments: PangolinDash-v0 and RetroContest-v0.

`import arena` registers them. They are for training; `local_eval.py` scores agents through the
contest's socket instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv
from gymnasium.wrappers import FrameStackObservation, GrayscaleObservation, ResizeObservation
from numpy.typing import NDArray

from agent.errors import UserError
from arena.environment.contest_env import ContestEnv
from arena.environment.contest_rules import MAX_STEPS, STICKINESS
from arena.environment.level_files import DEFAULT_SCENARIO
from arena.environment.levels import Level, select

FRAME_SIZE = 84  # pixels, as in OpenAI's baselines for the contest


class LevelsEnv(gym.Env[NDArray[np.uint8], NDArray[np.int8]]):
    """Plays episodes on levels of one game; each reset draws the level of the next episode.

    Actions are the buttons that are pressed, MultiBinary(n_buttons). An observation is the frame,
    uint8 (height, width, 3) RGB. A step is one step of the contest: four frames with
    sticky actions. `terminated` means that the game ended the episode; after `max_steps` the
    episode is `truncated`. `info` contains the game's variables and `level`, the level's name.

    The emulator allows one instance per process. `gymnasium.make_vec` starts a process for each
    environment.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 15}

    def __init__(
        self,
        levels: Sequence[Level],
        stickiness: float = STICKINESS,
        max_steps: int = MAX_STEPS,
        render_mode: str | None = None,
    ) -> None:
        """Load the first level.

        Args:
            levels: levels to play; all must have the same buttons and the same size of frame.
            stickiness: probability, from 0 to 1, that the previous action is repeated in a step's
                first frame.
            max_steps: time limit of an episode in steps, 1 or more.
            render_mode: "rgb_array" or None.

        Raises:
            LevelError: a level can't be played; the message says why.
            EmulatorError: the process already has an emulator.
            UserError: an argument is out of range.
        """
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UserError(f"render_mode is {render_mode!r}: give 'rgb_array' or None")
        self.render_mode = render_mode
        self.levels = tuple(levels)
        self._open = partial(ContestEnv, stickiness=stickiness, max_steps=max_steps)
        self._contest: ContestEnv | None = None
        self._frame: NDArray[np.uint8] | None = None
        contest = self._load(self.levels[0], seed=0)
        self._shape, self._n_buttons = contest.observation_shape, contest.n_buttons
        self.observation_space = gym.spaces.Box(0, 255, self._shape, np.uint8)
        self.action_space = gym.spaces.MultiBinary(self._n_buttons)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Draw a level and start an episode.

        Args:
            seed: random seed of the levels and of the sticky actions; None continues the draws.
            options: `{"level": NAME}` starts that level instead of a random one.

        Returns:
            The first frame, and `{"level": NAME}`.

        Raises:
            UserError: the level in `options` is not one of this environment's.
        """
        super().reset(seed=seed)
        level = self._draw((options or {}).get("level"))
        contest = self._contest
        if contest is None or seed is not None or contest.level != level:
            contest = self._load(level, seed=int(self.np_random.integers(1 << 32)))
        self._frame = contest.reset()
        return self._frame, {"level": level.name}

    def step(
        self, action: NDArray[np.int8]
    ) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Play one step of the contest; see the class.

        Raises:
            EpisodeError: no episode was started, or it has ended.
            UserError: the environment is closed.
            ValueError: the number of buttons is wrong.
        """
        contest = self._contest
        if contest is None:
            raise UserError("the environment is closed or was not reset: call reset first")
        buttons = np.asarray(action, np.uint8)
        self._frame, reward, done, variables = contest.step(buttons)
        info = {**variables, "level": contest.level.name}
        terminated = contest.terminated
        return self._frame, float(reward), terminated, done and not terminated, info

    def render(self) -> NDArray[np.uint8] | None:
        """Return the last frame, uint8 (height, width, 3) RGB; None without a render mode."""
        return None if self.render_mode is None else self._frame

    def close(self) -> None:
        """Free the emulator."""
        if self._contest is not None:
            self._contest.close()
            self._contest = None

    def _draw(self, name: str | None) -> Level:
        if name is None:
            return self.levels[int(self.np_random.integers(len(self.levels)))]
        for level in self.levels:
            if level.name == name:
                return level
        raise UserError(f"{name!r} is not one of the {len(self.levels)} levels of the environment")

    def _load(self, level: Level, seed: int) -> ContestEnv:
        self.close()
        contest = self._contest = self._open(level, seed=seed)
        if hasattr(self, "_shape"):
            found = (contest.observation_shape, contest.n_buttons)
            if found != (self._shape, self._n_buttons):
                self.close()
                raise UserError(
                    f"{level.name} and {self.levels[0].name} differ in the size of the frame or in"
                    " the buttons: use an environment for each"
                )
        return contest


def make_pangolin_dash(
    levels: str | Sequence[Level] = "pangolin-train", frame_stack: int | None = None, **options: Any
) -> gym.Env[Any, Any]:
    """Make PangolinDash-v0; call it through `gymnasium.make`.

    Args:
        levels: levels to draw from; a string is read as by `local_eval.py run --levels`.
        frame_stack: None for RGB frames; a number N for the observation of OpenAI's baselines for
            the contest: the last N frames in grey, uint8 (N, 84, 84).
        options: the other arguments of `LevelsEnv`.

    Raises:
        LevelError, EmulatorError, UserError: see `LevelsEnv`.
    """
    chosen = select(levels) if isinstance(levels, str) else levels
    if not chosen:
        raise UserError("levels is empty: give one level or more")
    env: gym.Env[Any, Any] = LevelsEnv(chosen, **options)
    if frame_stack is None:
        return env
    if frame_stack < 1:
        env.close()
        raise UserError(f"frame_stack is {frame_stack}: give 1 or more")
    env = GrayscaleObservation(ResizeObservation(env, (FRAME_SIZE, FRAME_SIZE)))
    return FrameStackObservation(env, frame_stack)


def make_retro_contest(
    game: str, state: str, scenario: str = DEFAULT_SCENARIO, **options: Any
) -> gym.Env[Any, Any]:
    """Make RetroContest-v0, one level of any installed game.

    Args:
        game: stable-retro's name of the game.
        state: name of the saved state that an episode starts from.
        scenario: name of the file that defines reward and done.
        options: `frame_stack` of `make_pangolin_dash`, and the arguments of `LevelsEnv`.

    Raises:
        LevelError, EmulatorError, UserError: see `LevelsEnv`.
    """
    return make_pangolin_dash([Level(game, state, scenario)], **options)


def make_pangolin_dash_vector(num_envs: int, **options: Any) -> AsyncVectorEnv:
    """Make a vector environment of PangolinDash-v0, with a process for each emulator.

    Args:
        num_envs: number of environments.
        options: arguments of `make_pangolin_dash`.
    """
    return AsyncVectorEnv([partial(make_pangolin_dash, **options)] * num_envs)


def make_retro_contest_vector(num_envs: int, **options: Any) -> AsyncVectorEnv:
    """Make a vector environment of RetroContest-v0, with a process for each emulator.

    Args:
        num_envs: number of environments.
        options: arguments of `make_retro_contest`.
    """
    return AsyncVectorEnv([partial(make_retro_contest, **options)] * num_envs)
