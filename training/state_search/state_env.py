"""A level whose states can be saved and restored, with the reward and the end of its scenario.

Unlike the contest's environment, it has no time limit, and it reads reward and end once per step
instead of once per frame, which saves a fifth of the time. Found plays are therefore played again
in the contest's environment.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import stable_retro
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS, GENESIS_BUTTONS, press, to_genesis
from arena.environment.availability import check_available
from arena.environment.contest_env import EmulatorError
from arena.environment.contest_rules import FRAME_SKIP
from arena.environment.levels import Level, register_integration

ACTIONS = 1 << len(ACTION_BUTTONS)  # an action is a number: bit i is button i of ACTION_BUTTONS
REPEATED = ACTIONS  # added to an action whose first frame repeated the action before
# The core writes 144,681 bytes of a state (here rounded up to whole blocks), and never reads the
# rest, in which get_state leaves whatever the memory contained.
STATE_BYTES = 144_896
WORD = np.uint64  # states are compared in words
BLOCK = 64  # words in a block of a state; only the blocks that differ from the start are kept
FASTEST = 1  # zlib's level


def action_buttons(action: int) -> NDArray[np.uint8]:
    """Return the buttons of an action without REPEATED, uint8 (12,) of 0 and 1."""
    held = [name for bit, name in enumerate(ACTION_BUTTONS) if action >> bit & 1]
    return to_genesis(press(*held))


class StepResult(NamedTuple):
    """What a step of four frames gave."""

    reward: float
    done: bool


class StateEnv:
    """The emulator with a level; stable-retro allows one emulator in a process.

    Attributes:
        start: state of the first frame of an episode.
        steps: number of steps played, all together.
        progress: sum of the rewards from the start of the level to the current state.
        last: what the last step, or the load after it, gave.
    """

    def __init__(self, level: Level) -> None:
        """Start a level.

        Raises:
            LevelError: the game, the state, the scenario or the ROM is missing.
            EmulatorError: the game can't be loaded, or the process already has an emulator.
        """
        check_available(level)
        try:
            self._env = stable_retro.make(
                level.game,
                level.state,
                scenario=level.scenario,
                inttype=register_integration(level),
                use_restricted_actions=stable_retro.Actions.ALL,
                render_mode="rgb_array",
            )
        except (RuntimeError, AssertionError, OSError, ValueError, EOFError) as error:
            raise EmulatorError(f"{level.name} can't be loaded: {error}") from None
        if tuple(self._env.buttons) != GENESIS_BUTTONS:
            self._env.close()
            raise EmulatorError(f"{level.name} is not a game of the Mega Drive")
        self._masks = [_mask(action, self._env) for action in range(ACTIONS)]
        self._env.reset()
        self.steps = 0
        self.progress = 0.0
        self.last = StepResult(0.0, False)
        state = self._env.em.get_state()
        self._start_blocks = _blocks(state)
        self._tail = bytes(len(state) - STATE_BYTES)
        self.start = self.save()

    def step(self, action: int, before: int) -> StepResult:
        """Hold the buttons of an action for four frames.

        Args:
            action: number of the action, plus REPEATED if its first frame repeats `before`.
            before: number of the action of the step before.
        """
        held = self._masks[action % ACTIONS]
        first = self._masks[before % ACTIONS] if action >= REPEATED else held
        return self._hold([first, *[held] * (FRAME_SKIP - 1)])

    def play_frames(self, buttons: NDArray[np.uint8]) -> StepResult:
        """Play the frames of a recording as one step.

        Args:
            buttons: (frames, 12) of 0 and 1, one row per frame, as they were recorded.
        """
        return self._hold(buttons)

    def _hold(self, frames: Iterable[NDArray[np.uint8]]) -> StepResult:
        emulator, data = self._env.em, self._env.data
        for buttons in frames:
            emulator.set_button_mask(buttons, 0)
            emulator.step()
        data.update_ram()
        self.steps += 1
        self.last = StepResult(data.current_reward(), bool(data.is_done()))
        self.progress += self.last.reward
        return self.last

    def save(self) -> bytes:
        """Save the state of the emulator: the blocks that differ from the level's start."""
        return self.pack(self.state())

    def state(self) -> bytes:
        """Return the state of the emulator: the part that the core writes."""
        return bytes(self._env.em.get_state()[:STATE_BYTES])

    def pack(self, state: bytes) -> bytes:
        """Convert a state of the emulator, as its `get_state` returns it, to one for `load`.

        Raises:
            EmulatorError: it is shorter than a state.
        """
        _check_length(state)
        blocks = _blocks(state)
        changed = np.flatnonzero((blocks != self._start_blocks).any(1)).astype(np.uint32)
        data = changed.tobytes() + blocks[changed].tobytes()
        return len(changed).to_bytes(4, "little") + zlib.compress(data, FASTEST)

    def unpack(self, saved: bytes) -> bytes:
        """Convert a state that `save` returned to one for `load_state`."""
        count = int.from_bytes(saved[:4], "little")
        data = zlib.decompress(saved[4:])
        changed = np.frombuffer(data, np.uint32, count)
        blocks = self._start_blocks.copy()
        blocks[changed] = np.frombuffer(data, WORD, offset=4 * count).reshape(-1, BLOCK)
        return blocks.tobytes()

    def load(self, saved: bytes) -> StepResult:
        """Load a state that `save` returned, with the scenario's scripts as in a new episode.

        Returns:
            The sum of the rewards from the start to the state, and whether it ends the episode.

        Raises:
            EmulatorError: the emulator refused it.
        """
        return self.load_state(self.unpack(saved))

    def load_state(self, state: bytes) -> StepResult:
        """Load a state of the emulator, as `state` returns it; otherwise the same as `load`.

        Raises:
            EmulatorError: it is shorter than a state, or the emulator refused it.
        """
        _check_length(state)
        emulator, data = self._env.em, self._env.data
        emulator.set_state(self._start_blocks.tobytes() + self._tail)
        data.reset()
        data.update_ram()
        if not emulator.set_state(state[:STATE_BYTES] + self._tail):
            raise EmulatorError("the emulator refused a saved state: was stable-retro updated?")
        data.update_ram()
        self.last = StepResult(data.current_reward(), bool(data.is_done()))
        self.progress = self.last.reward
        return self.last

    def variables(self) -> Mapping[str, Any]:
        """Return the game's variables of the last step."""
        values: Mapping[str, Any] = self._env.data.lookup_all()
        return values

    def frame(self) -> NDArray[np.uint8]:
        """Return the current frame, (224, 320, 3) uint8 RGB; a later step overwrites it."""
        frame: NDArray[np.uint8] = self._env.em.get_screen()
        return frame

    def close(self) -> None:
        """Free the emulator; the process may then create another one."""
        self._env.close()


def _check_length(state: bytes) -> None:
    if len(state) < STATE_BYTES:
        raise EmulatorError(
            f"the state has {len(state)} bytes, expected {STATE_BYTES} or more: it is not a "
            "state of the Mega Drive's emulator"
        )


def _mask(action: int, env: Any) -> NDArray[np.uint8]:
    """Return the buttons of an action without combinations that the game refuses, uint8 (12,)."""
    bits = sum(int(pressed) << index for index, pressed in enumerate(action_buttons(action)))
    filtered = env.data.filter_action(bits)
    return np.array([filtered >> index & 1 for index in range(env.num_buttons)], np.uint8)


def _blocks(state: bytes) -> NDArray[np.uint64]:
    """Return the part of a state that the core writes as blocks of words, (blocks, BLOCK)."""
    return np.frombuffer(bytes(state[:STATE_BYTES]), WORD).reshape(-1, BLOCK)
