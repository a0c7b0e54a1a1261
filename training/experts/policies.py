"""Who plays while data is collected: by chance, by an expert's expert_action, the agent, or by turns."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS, press

HELD_STEPS = 8  # mean; half a second: a jump of Sonic's, or a way across the screen
RIGHT_STEPS, LEFT_STEPS = 100, 70  # JERK's: right, and back where a stretch gained nothing
JUMP_PROBABILITY, JUMP_STEPS = 0.1, 4
NOISE = (0.0, 1 / 60, 1 / 20)  # how often a step begins a departure from the expert's way
NOISE_STEPS = 6  # its mean length
AGENT_TURN, GUIDE_TURN = 60, 30  # mean steps of a turn

Action = NDArray[np.uint8]  # (4,) of 0 and 1


class Policy(Protocol):
    """Chooses an episode's actions."""

    def __call__(
        self, frame: NDArray[np.uint8], reward: float, expert_action: Action | None
    ) -> Action:
        """Return the action on a frame, after the last step's reward, with an expert's expert_action."""
        ...


class Slowed:
    """Lets a policy decide in every so many steps only; what it chose holds in between."""

    def __init__(self, policy: Policy, steps: int) -> None:
        """Ask `policy` in one of `steps` steps."""
        self._policy, self._steps = policy, steps
        self._number, self._reward = 0, 0.0
        self._action = np.zeros(len(ACTION_BUTTONS), np.uint8)

    def __call__(
        self, frame: NDArray[np.uint8], reward: float, expert_action: Action | None
    ) -> Action:
        """Return the action; the policy gets the rewards of all steps since it was asked."""
        self._reward += reward
        if self._number % self._steps == 0:
            self._action = self._policy(frame, self._reward, expert_action)
            self._reward = 0.0
        self._number += 1
        return self._action.copy()


class HeldButtons:
    """Presses each button by a coin, and keeps the choice for a random while."""

    def __init__(self, random: np.random.Generator, mean_steps: float = HELD_STEPS) -> None:
        """Draw from `random`; a choice is kept `mean_steps` steps on average (geometric)."""
        self._random = random
        self._mean_steps = mean_steps
        self._left = 0
        self._action = np.zeros(len(ACTION_BUTTONS), np.uint8)

    def __call__(
        self, frame: NDArray[np.uint8], reward: float, expert_action: Action | None
    ) -> Action:
        """Return the action; nothing is looked at."""
        if self._left == 0:
            self._action = self._random.integers(0, 2, len(ACTION_BUTTONS), np.uint8)
            self._left = int(self._random.geometric(1 / self._mean_steps))
        self._left -= 1
        return self._action.copy()


class Runner:
    """Runs right with jumps, and back for a while where a stretch gained nothing (as JERK does)."""

    def __init__(self, random: np.random.Generator) -> None:
        """Draw the jumps from `random`."""
        self._random = random
        self._right, self._left, self._jump = RIGHT_STEPS, 0, 0
        self._gain = 0.0

    def __call__(
        self, frame: NDArray[np.uint8], reward: float, expert_action: Action | None
    ) -> Action:
        """Return the action: by the rewards alone."""
        self._gain += reward
        if self._right == 0 and self._left == 0:
            self._left = LEFT_STEPS if self._gain <= 0 else 0
            self._right, self._gain = RIGHT_STEPS, 0.0
        if self._jump == 0 and self._random.random() < JUMP_PROBABILITY:
            self._jump = JUMP_STEPS
        jump = self._jump > 0
        self._jump -= jump
        if self._left:
            self._left -= 1
            direction = "LEFT"
        else:
            self._right -= 1
            direction = "RIGHT"
        return press(direction, "B") if jump else press(direction)


class FollowExpert:
    """Takes the expert's expert_action, with departures: now and then some steps of random buttons."""

    def __init__(self, random: np.random.Generator) -> None:
        """Draw how often, and the departures, from `random`."""
        self._random = random
        self._noise = float(random.choice(NOISE))
        self._left = 0
        self._astray = HeldButtons(random, NOISE_STEPS)

    def __call__(
        self, frame: NDArray[np.uint8], reward: float, expert_action: Action | None
    ) -> Action:
        """Return the expert_action, or what leads away from it."""
        if self._left == 0 and (expert_action is None or self._random.random() < self._noise):
            self._left = int(self._random.geometric(1 / NOISE_STEPS))
        if self._left:
            self._left -= 1
            return self._astray(frame, reward, expert_action)
        assert expert_action is not None
        return expert_action


class Player(Protocol):
    """The agent: what it would press, and what was pressed in its place or by itself."""

    def choose(self, frame: NDArray[np.uint8]) -> Action:
        """Return its action on a frame."""
        ...

    def remember(self, action: Action) -> None:
        """Take the action that was sent on this frame, its own or another's."""
        ...


class Alone:
    """The agent plays."""

    def __init__(self, player: Player) -> None:
        """Take the agent, at the start of an episode."""
        self._player = player

    def __call__(
        self, frame: NDArray[np.uint8], reward: float, expert_action: Action | None
    ) -> Action:
        """Return what the agent presses."""
        action = self._player.choose(frame)
        self._player.remember(action)
        return action


class Turns:
    """The agent and the expert play by turns.

    Alone, an agent that sticks shows its own mistakes at one place of a level only; the expert takes
    it past that place, to the next ones (Ross et al. 2011, section 3, with expert and learner mixed
    by stretches of time).
    """

    def __init__(self, random: np.random.Generator, player: Player) -> None:
        """Draw whose turn it is first, and the turns' lengths, from `random`."""
        self._random, self._player, self._expert = random, player, FollowExpert(random)
        self._agents_turn = bool(random.integers(2))
        self._left = self._length()

    def __call__(
        self, frame: NDArray[np.uint8], reward: float, expert_action: Action | None
    ) -> Action:
        """Return the action of whoever's turn it is; the agent remembers either."""
        if self._left == 0:
            self._agents_turn = not self._agents_turn
            self._left = self._length()
        self._left -= 1
        own, expert_and_recording = (
            self._player.choose(frame),
            self._expert(frame, reward, expert_action),
        )
        action = own if self._agents_turn else expert_and_recording
        self._player.remember(action)
        return action

    def _length(self) -> int:
        return int(self._random.geometric(1 / (AGENT_TURN if self._agents_turn else GUIDE_TURN)))
