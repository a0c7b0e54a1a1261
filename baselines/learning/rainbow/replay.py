"""A prioritised replay of n-step transitions that stores each frame once, as uint8.

Sources: Schaul et al. 2016, "Prioritized Experience Replay"; Hessel et al. 2018, "Rainbow",
section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baselines.learning.contest_wrappers import STACKED_FRAMES
from baselines.learning.rainbow.sum_tree import SumTree


@dataclass(frozen=True)
class Batch:
    """Transitions over n steps.

    Attributes:
        items: (B,) places in the replay, for `Replay.update`.
        frames: (B, 4, size, size) uint8, before the first step.
        actions: (B,) int64, the actions of the first step.
        returns: (B,) float32, the discounted sum of the rewards.
        next_frames: (B, 4, size, size) uint8, after the last step.
        discounts: (B,) float32, discount factors of the value after the last step; 0 if the game
            ended the episode.
        weights: (B,) float32, in 0-1, which correct for the priorities.
    """

    items: NDArray[np.int64]
    frames: NDArray[np.uint8]
    actions: NDArray[np.int64]
    returns: NDArray[np.float32]
    next_frames: NDArray[np.uint8]
    discounts: NDArray[np.float32]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """Consecutive entries of a replay; the last one ends an episode.

    Attributes:
        frames: (N, size, size) uint8, before each step.
        actions: (N,) uint8.
        rewards: (N,) float32.
        terminated: (N,) bool, whether the game ended the episode with this step.
        cut: (N,) bool, whether the entry is only the last frame of an episode that was cut.
    """

    frames: NDArray[np.uint8]
    actions: NDArray[np.uint8]
    rewards: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    cut: NDArray[np.bool_]


class Replay:
    """The last timesteps of play, in a ring buffer.

    An entry is a frame, the action that followed it, its reward, and whether the game ended the
    episode then. After an episode that was cut, an entry without an action holds the last frame,
    so that a target can bootstrap from it.
    """

    def __init__(
        self,
        capacity: int,
        frame_size: int,
        *,
        n_steps: int,
        discount: float,
        exponent: float,
        correction: float,
        minimum: float,
    ) -> None:
        """Make an empty replay.

        Args:
            capacity: number of entries.
            frame_size: width and height of a frame.
            n_steps: rewards that a return sums up.
            discount: discount factor.
            exponent: exponent of the priorities, 0 (uniform) to 1.
            correction: exponent of the weights, 0 (none) to 1.
            minimum: number added to each priority.
        """
        self._frames = np.zeros((capacity, frame_size, frame_size), np.uint8)
        self._actions = np.zeros(capacity, np.int64)
        self._rewards = np.zeros(capacity, np.float32)
        self._terminated = np.zeros(capacity, bool)
        self._final = np.zeros(capacity, bool)  # the last frame of a cut episode
        self._first = np.zeros(capacity, np.int64)  # number of the first entry of the episode
        self._tree = SumTree(capacity)
        self._n_steps, self._discount = n_steps, discount
        self._exponent, self._correction, self._minimum = exponent, correction, minimum
        self._highest = 1.0
        self._written = 0  # number of entries ever written
        self._episode = 0  # number of the first entry of this episode
        self._waiting = 0  # number of the first entry that can't be drawn yet

    def __len__(self) -> int:
        """Return the number of entries that are stored."""
        return min(self._written, len(self._frames))

    @property
    def ready(self) -> bool:
        """Whether a transition can be drawn."""
        return self._tree.total > 0

    def add(self, frame: NDArray[np.uint8], action: int, reward: float, terminated: bool) -> None:
        """Store a step.

        Args:
            frame: (size, size), the newest frame before the step.
            action: the action.
            reward: its reward.
            terminated: whether the game ended the episode.
        """
        self._write(frame, action, reward, terminated, final=False)
        if terminated:
            self._end_episode()
        else:
            self._release(self._written - self._n_steps)

    def cut(self, frame: NDArray[np.uint8]) -> None:
        """End an episode that the time limit cut, with its last frame."""
        self._write(frame, 0, 0.0, terminated=False, final=True)
        self._release(self._written - 1)
        self._waiting = self._episode = self._written

    def recent(self, count: int) -> Recording:
        """Return the newest entries; an episode that still goes on is cut at its newest frame.

        Args:
            count: largest number of entries.
        """
        count = min(count, len(self))
        places = np.arange(self._written - count, self._written) % len(self._frames)
        cut = self._final[places]
        if count and not self._terminated[places[-1]]:
            cut[-1] = True
        return Recording(
            frames=self._frames[places],
            actions=self._actions[places].astype(np.uint8),
            rewards=self._rewards[places],
            terminated=self._terminated[places],
            cut=cut,
        )

    def extend(self, recording: Recording) -> None:
        """Store the entries of a recording, with the priority of new ones."""
        for frame, action, reward, terminated, cut in zip(
            recording.frames,
            recording.actions,
            recording.rewards,
            recording.terminated,
            recording.cut,
            strict=True,
        ):
            if cut:
                self.cut(frame)
            else:
                self.add(frame, int(action), float(reward), bool(terminated))

    def sample(self, count: int, random: np.random.Generator) -> Batch:
        """Draw transitions in proportion to their priorities.

        Args:
            count: number of transitions.
            random: random generator.
        """
        items = self._tree.sample(count, random)
        numbers = self._numbers(items)
        returns = np.zeros(count, np.float32)
        discounts = np.ones(count, np.float32)
        after = numbers.copy()
        going = np.ones(count, bool)
        for _ in range(self._n_steps):
            places = after % len(self._frames)
            going &= ~self._final[places]
            returns += np.where(going, discounts * self._rewards[places], 0)
            ended = going & self._terminated[places]
            discounts = np.where(ended, 0, np.where(going, discounts * self._discount, discounts))
            going &= ~ended
            after += going
        probabilities = self._tree.priorities(items) / self._tree.total
        weights = (len(self) * probabilities) ** -self._correction
        return Batch(
            items=items,
            frames=self._stacks(numbers),
            actions=self._actions[items],
            returns=returns,
            next_frames=self._stacks(after),
            discounts=discounts.astype(np.float32),
            weights=(weights / weights.max()).astype(np.float32),
        )

    def update(self, items: NDArray[np.int64], errors: NDArray[np.float32]) -> None:
        """Set the priorities of drawn transitions from their errors, 0 or more."""
        drawn = self._tree.priorities(items) > 0  # the others were overwritten since
        raw = np.asarray(errors, np.float64)[drawn] + self._minimum
        if raw.size:
            self._highest = max(self._highest, float(raw.max()))
            self._tree.set(items[drawn], raw**self._exponent)

    def _write(
        self, frame: NDArray[np.uint8], action: int, reward: float, terminated: bool, final: bool
    ) -> None:
        place = self._written % len(self._frames)
        self._frames[place] = frame
        self._actions[place], self._rewards[place] = action, reward
        self._terminated[place], self._final[place] = terminated, final
        self._first[place] = self._episode
        if self._written >= len(self._frames):
            # The stacks of the next entries need the frame that was overwritten.
            lost = (self._written + np.arange(STACKED_FRAMES)) % len(self._frames)
            self._tree.set(np.unique(lost), 0.0)
        self._written += 1

    def _end_episode(self) -> None:
        self._release(self._written)
        self._waiting = self._episode = self._written

    def _release(self, end: int) -> None:
        """Let the entries before the number `end` be drawn: their returns are complete."""
        if end > self._waiting:
            items = np.arange(self._waiting, end) % len(self._frames)
            self._tree.set(items, self._highest**self._exponent)
            self._waiting = end

    def _numbers(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        newest = self._written - 1
        return newest - (newest - items) % len(self._frames)

    def _stacks(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the last 4 frames up to each number; the episode's first fills the rest."""
        first = self._first[numbers % len(self._frames)]
        wanted = numbers[:, None] + np.arange(1 - STACKED_FRAMES, 1)
        return np.asarray(self._frames[np.maximum(wanted, first[:, None]) % len(self._frames)])
