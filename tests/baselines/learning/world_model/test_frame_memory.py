"""The memory of frames returns sequences in the order of play."""

from __future__ import annotations

import numpy as np
import torch

from baselines.learning.world_model.frame_memory import FrameMemory

SIZE, HIDDEN = 2, 3


def filled(capacity: int, n_envs: int, frames: int) -> FrameMemory:
    """Fill a memory: frame t of environment e has the value 10 t + e, its action t + e."""
    memory = FrameMemory(capacity, n_envs, SIZE, HIDDEN)
    envs = np.arange(n_envs)
    for time in range(frames):
        if time:
            memory.add_actions(time - 1 + envs)
        values = (10 * time + envs).astype(np.uint8)
        pictures = np.broadcast_to(values[:, None, None, None], (n_envs, SIZE, SIZE, 3))
        state = torch.full((n_envs, HIDDEN), float(time))
        memory.add_frames(pictures, np.full(n_envs, time == 7), (state, -state))
    return memory


def test_the_last_steps_come_in_order() -> None:
    sequences = filled(7, 1, 12).last(6, 3)
    assert sequences.frames[:, :, 0, 0, 0].T.tolist() == [[50, 60, 70, 80], [80, 90, 100, 110]]
    assert sequences.actions.T.tolist() == [[5, 6, 7], [8, 9, 10]]
    assert sequences.starts.T.tolist() == [[False, False, True, False], [False] * 4]
    assert sequences.state[0][:, 0].tolist() == [5, 8]
    assert sequences.state[1][:, 0].tolist() == [-5, -8]
    assert sequences.frames.dtype == torch.uint8 and sequences.frames.shape == (4, 2, 2, 2, 3)


def test_samples_are_consecutive_and_cover_all_that_is_stored() -> None:
    memory, random = filled(8, 2, 20), np.random.default_rng(1)
    sequences = memory.sample(400, 3, random)
    values = sequences.frames[:, :, 0, 0, 0].long()
    assert bool((values[1:] - values[:-1] == 10).all())
    envs = values[0] % 10
    assert torch.equal(sequences.actions, values[:-1] // 10 + envs)
    assert torch.equal(sequences.state[0][:, 0], (values[0] // 10).float())
    # Frames 12 to 19 are stored, so a sequence of 4 begins with 12, 13, ... or 16.
    assert sorted(set((values[0] // 10).tolist())) == [12, 13, 14, 15, 16]
    assert sorted(set(envs.tolist())) == [0, 1]


def test_a_memory_with_few_steps_gives_shorter_sequences() -> None:
    sequences = filled(8, 1, 3).sample(5, 4, np.random.default_rng(1))
    assert sequences.actions.shape == (2, 5)
    assert bool((sequences.frames[0] == 0).all())
