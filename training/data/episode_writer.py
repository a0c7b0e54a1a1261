"""Writes episodes into a dataset (`training.data.dataset`), each one completely or not at all.

A worker process completes an episode in a temporary folder; the process that collects adds it to
the dataset with `commit_episode`, in the order of the indices.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS
from agent.files import write_atomically
from training.data.dataset import (
    CHUNK_FRAMES,
    EPISODE_FILE,
    NO_EXPERT_ACTION,
    STEP,
    DataError,
    StoredEpisode,
    episode_path,
)

COMPRESSION = (
    3  # zstd level: smaller files than level 1 at the same speed; 5 is several times slower
)
NO_PLAYER = (-1, -1)


class EpisodeWriter:
    """Stores an episode step by step; `complete` or `commit` ends it."""

    def __init__(self, dataset: Path, index: int) -> None:
        """Start episode `index` in a temporary folder that readers ignore."""
        self._index = index
        self._path = dataset / f".{episode_path(dataset, index).name}.{os.getpid()}"
        self._completed = False
        self._frames = np.empty(0, np.uint16)  # the frames of one chunk
        self._filled = 0
        self._steps: list[NDArray[np.void]] = []
        self._terminated = False
        self._store: Any = None

    def append(
        self,
        frame: NDArray[np.uint8],
        action: NDArray[np.uint8],
        reward: float,
        terminated: bool,
        expert_action: NDArray[np.uint8] | None = None,
        player: tuple[int, int] | None = None,
    ) -> None:
        """Add one step.

        Args:
            frame: frame that the policy saw, uint8 (224, 320, 3) RGB.
            action: buttons that the policy sent, uint8 (4,) of 0 and 1.
            reward: reward of the step.
            terminated: whether the game ended the episode in this step; False if a limit did.
            expert_action: the expert's buttons on this frame, uint8 (4,); None if there are none.
            player: the player's x and y on the screen, in pixels; None if unknown.

        Raises:
            DataError: the frame has more colours than RGB565 can store.
        """
        assert action.shape == (len(ACTION_BUTTONS),), action.shape
        assert not self._terminated, "a step after the end"
        if not len(self._frames):
            self._frames = np.empty((CHUNK_FRAMES, *frame.shape[:2]), "<u2")
        pixels = self._frames[self._filled].view(np.uint8).reshape(*frame.shape[:2], 2)
        cv2.cvtColor(frame, cv2.COLOR_RGB2BGR565, dst=pixels)
        # Checked once per chunk: an emulator draws all its frames with the same colour depth.
        if not self._filled and (cv2.cvtColor(pixels, cv2.COLOR_BGR5652RGB) != frame).any():
            raise DataError(
                "a frame has more than 16 bits of colour: only a Mega Drive's colours can be "
                "stored; choose other --levels"
            )
        self._filled += 1
        step = np.zeros((), STEP)
        step["actions"] = action
        step["rewards"] = reward
        step["expert_action"] = NO_EXPERT_ACTION if expert_action is None else expert_action
        step["player"] = NO_PLAYER if player is None else player
        step["terminated"] = self._terminated = terminated
        self._steps.append(step)
        if self._filled == CHUNK_FRAMES:
            self._flush()

    def label(self, step: int, expert_action: NDArray[np.uint8]) -> None:
        """Set the expert's action, uint8 (4,), of a step that was added without one."""
        self._steps[step]["expert_action"] = expert_action

    def commit(self, *, level: str, policy: str, seed: int) -> StoredEpisode:
        """Complete the episode and move it into the dataset; see `complete`."""
        return commit_episode(self.complete(level=level, policy=policy, seed=seed))

    def complete(
        self, *, level: str, policy: str, seed: int, expert: str | None = None
    ) -> StoredEpisode:
        """Complete the episode in its temporary folder, for `commit_episode`.

        Args:
            level: name of the level, GAME:STATE.
            policy: name of the policy.
            seed: random seed of the sticky actions and of the policy.
            expert: who gave the expert actions; None if there are none.

        Raises:
            OSError: the episode can't be written, for example because the disk is full. The dataset
                is unchanged.
        """
        assert self._steps, "an episode without a step"
        if self._filled:
            self._flush()
        steps = np.array(self._steps)
        rows = steps.view(np.uint8).reshape(len(steps), STEP.itemsize)
        _create(self._path, "steps", rows.shape, len(rows), "|u1")[:] = rows
        files = {
            str(path.relative_to(self._path)): path.stat().st_size
            for path in sorted(self._path.rglob("*"))
            if path.is_file()
        }
        values: dict[str, Any] = {
            "index": self._index,
            "level": level,
            "policy": policy,
            "seed": seed,
            "steps": len(steps),
            "episode_return": float(np.sum(steps["rewards"], dtype=np.float64)),
            "files": files,
            "expert": expert,
        }
        for file in files:
            _fsync(self._path / file)
        write_atomically(self._path / EPISODE_FILE, json.dumps(values, indent=1).encode())
        self._completed = True
        return StoredEpisode(path=self._path, **values)

    def discard(self) -> None:
        """Delete an episode that was not completed. Does nothing after `complete`."""
        if not self._completed:
            shutil.rmtree(self._path, ignore_errors=True)

    def _flush(self) -> None:
        if self._store is None:
            shutil.rmtree(self._path, ignore_errors=True)
            import zarr

            zarr.create_group(self._path)
            shape = (0, *self._frames.shape[1:])
            self._store = _create(self._path, "frames", shape, CHUNK_FRAMES, "<u2")
        first, shape = self._store.shape[0], self._store.shape[1:]
        self._store.resize((first + self._filled, *shape))
        self._store[first:] = self._frames[: self._filled]
        self._filled = 0


def commit_episode(episode: StoredEpisode) -> StoredEpisode:
    """Move an episode from its temporary folder into the dataset.

    Raises:
        OSError: the folder can't be renamed; the dataset is unchanged.
    """
    final = episode_path(episode.path.parent, episode.index)
    os.rename(episode.path, final)
    _fsync(final.parent)
    return replace(episode, path=final)


def _create(group: Path, name: str, shape: Sequence[int], chunk: int, dtype: str) -> Any:
    import zarr
    from zarr.codecs import ZstdCodec

    return zarr.create_array(
        group / name,
        shape=tuple(shape),
        chunks=(chunk, *shape[1:]),
        dtype=dtype,
        compressors=[ZstdCodec(level=COMPRESSION, checksum=True)],
        fill_value=0,
        config={"write_empty_chunks": True},  # a missing file is then always an error
    )


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
