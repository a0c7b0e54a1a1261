"""The latest frames of several environments, from which the joint world model learns."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.learning.world_model.loss import Sequences
from baselines.learning.world_model.networks import LSTMState


class FrameMemory:
    """A ring buffer of frames, actions, and states of the LSTM; each frame is stored once."""

    def __init__(self, capacity: int, n_envs: int, frame_size: int, hidden: int) -> None:
        """Make an empty memory.

        Args:
            capacity: number of frames of each environment.
            n_envs: number of environments.
            frame_size: width and height of a frame.
            hidden: number of LSTM units.
        """
        self._frames = np.zeros((capacity, n_envs, frame_size, frame_size, 3), np.uint8)
        self._actions = np.zeros((capacity, n_envs), np.int64)
        self._starts = np.zeros((capacity, n_envs), bool)
        self._states = np.zeros((2, capacity, n_envs, hidden), np.float32)
        self._written = 0  # frames ever written of each environment

    def add_frames(
        self, frames: NDArray[np.uint8], starts: NDArray[np.bool_], state: LSTMState
    ) -> None:
        """Store a frame of each environment.

        Args:
            frames: (n_envs, S, S, 3).
            starts: (n_envs,), whether a frame is the first of its episode.
            state: state of the LSTM before the frames, (n_envs, H) each.
        """
        place = self._written % len(self._frames)
        self._frames[place], self._starts[place] = frames, starts
        self._states[0, place], self._states[1, place] = state[0].numpy(), state[1].numpy()
        self._written += 1

    def add_actions(self, actions: NDArray[np.int64]) -> None:
        """Store the actions after the latest frames, (n_envs,)."""
        self._actions[(self._written - 1) % len(self._actions)] = actions

    def sample(self, count: int, steps: int, random: np.random.Generator) -> Sequences:
        """Draw sequences at random; fewer steps are stored at first, and then each has fewer.

        Args:
            count: number of sequences.
            steps: number of steps of each.
            random: random generator.
        """
        stored = min(self._written, len(self._frames)) - 1  # steps; the last frame has no action
        steps = min(steps, stored)
        first = self._written - 1 - stored
        return self._sequences(
            random.integers(first, self._written - steps, count),
            random.integers(self._frames.shape[1], size=count),
            steps,
        )

    def last(self, total: int, steps: int) -> Sequences:
        """Return the last steps of the only environment, cut into sequences in order.

        Args:
            total: number of steps, a multiple of `steps`.
            steps: number of steps of each sequence.
        """
        assert self._frames.shape[1] == 1 and total % steps == 0, (self._frames.shape, total, steps)
        firsts = np.arange(self._written - 1 - total, self._written - 1, steps)
        return self._sequences(firsts, np.zeros(len(firsts), np.int64), steps)

    def _sequences(
        self, firsts: NDArray[np.int64], envs: NDArray[np.int64], steps: int
    ) -> Sequences:
        times = (firsts + np.arange(steps + 1)[:, None]) % len(self._frames)  # (T + 1, B)
        h, c = torch.from_numpy(self._states[:, times[0], envs])
        return Sequences(
            torch.from_numpy(self._frames[times, envs]),
            torch.from_numpy(self._actions[times[:-1], envs]),
            torch.from_numpy(self._starts[times, envs]),
            (h, c),
        )
