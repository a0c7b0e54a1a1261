"""Reads datasets: folders of episodes with native frames, actions and rewards, stored in zarr.

Each episode is one folder, which is renamed to its final name once it is complete. A killed process
therefore leaves no partial episode, and a dataset can be read while it grows. Frames are stored at
the emulator's resolution, so that a model with another frame size needs no new data. A pixel takes
16 bits, because the emulator draws 5 bits of red, 6 of green and 5 of blue.

    DATASET/dataset.json            format, version, action buttons, fields of a step
    DATASET/episode-00000012/       a zarr group: frames (T, 224, 320) uint16, RGB565;
                                    steps (T, bytes of a STEP) uint8
    DATASET/episode-00000012/episode.json   level, policy, seed, return, size of each file, and
                                            the expert: planner, search or demonstration
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS
from agent.errors import UserError
from agent.files import write_atomically

FORMAT = "world-models-contest/dataset"
VERSION = 6
DATASET_FILE = "dataset.json"
EPISODE_FILE = "episode.json"
CHUNK_FRAMES = 64  # frames per zarr file: four seconds of play, 9 MB in memory
SCREEN = (320, 224)  # width and height of a native frame, in pixels
FPS = 15  # frames per second of the contest, after its frame skip
FREE = 2  # added to a button of an expert's action that is of no consequence
NO_EXPERT_ACTION = 255  # all buttons of a step without one
HELD_OUT_EVERY = 8  # one episode in eight is held out for evaluation
# One array holds all values of a step except the frame: each additional array costs files and time.
STEP = np.dtype(
    [
        ("actions", "|u1", len(ACTION_BUTTONS)),
        ("rewards", "<f4"),
        ("expert_action", "|u1", len(ACTION_BUTTONS)),
        ("player", "<i2", 2),
        ("terminated", "|u1"),
    ],
    align=True,
)


class DataError(UserError):
    """A dataset is missing, damaged, too small or has another format."""


@dataclass(frozen=True)
class StoredEpisode:
    """One episode of a dataset.

    Step t holds the frame that the policy saw, the action that it sent, and the reward after it.
    """

    path: Path
    index: int
    level: str
    policy: str
    seed: int  # random seed of the sticky actions and of the policy
    steps: int
    episode_return: float
    files: Mapping[str, int]  # size of each file, in bytes
    expert: str | None = None  # who gave the expert actions; None if there are none

    @property
    def held_out(self) -> bool:
        """Whether the episode is for evaluation only.

        Only the index decides this, so it never changes while the dataset grows.
        """
        return self.index % HELD_OUT_EVERY == 1

    def frames(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint8]:
        """Read the frames of steps `start` to `stop`, uint8 (T, 224, 320, 3) RGB.

        Raises:
            DataError: a file is missing or damaged.
        """
        stop = self.steps if stop is None else min(stop, self.steps)
        pixels = self._read("frames", slice(start, stop), "<u2")
        count, height, width = pixels.shape
        rows = pixels.view(np.uint8).reshape(count * height, width, 2)
        frames = np.asarray(cv2.cvtColor(rows, cv2.COLOR_BGR5652RGB), np.uint8)
        return frames.reshape(count, height, width, 3)

    def actions(self) -> NDArray[np.uint8]:
        """Read the buttons as the policy sent them, before stickiness: uint8 (T, 4) of 0 and 1."""
        return self._read_steps("actions")

    def rewards(self) -> NDArray[np.float32]:
        """Read the reward of each step, float32 (T,)."""
        return self._read_steps("rewards")

    def terminated(self) -> NDArray[np.uint8]:
        """Read whether the game ended the episode in each step, uint8 (T,) of 0 and 1.

        Only the last step can be 1: a life was lost or the level finished. It is 0 if a limit of
        steps cut the episode, as in Gymnasium, where this is called truncated.
        """
        return self._read_steps("terminated")

    def expert_action(self) -> NDArray[np.uint8]:
        """Read the expert's action on each frame, uint8 (T, 4); 255 where there is none.

        0 and 1: the button is released, or held. 2 and 3: the same, but the other choice would do
        as well in this step.
        """
        return self._read_steps("expert_action")

    def player(self) -> NDArray[np.int16]:
        """Read the player's screen position, int16 (T, 2), x and y in pixels; -1 if unknown."""
        return self._read_steps("player")

    def chunks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield all frames in order, one stored chunk at a time, uint8 (<= 64, 224, 320, 3)."""
        for start in range(0, self.steps, CHUNK_FRAMES):
            yield self.frames(start, start + CHUNK_FRAMES)

    def _read_steps(self, field: str) -> NDArray[Any]:
        rows = self._read("steps", slice(None), "|u1")
        if rows.shape != (self.steps, STEP.itemsize):
            raise _damaged(self.path / "steps", f"{rows.dtype} {rows.shape}")
        return np.ascontiguousarray(rows.view(STEP)[:, 0][field])

    def _read(self, name: str, part: slice, dtype: str) -> NDArray[Any]:
        import zarr  # --help does not need it

        # zarr reads a missing chunk as zeros: without this check it would become black frames
        for file, size in self.files.items():
            if file.startswith(f"{name}/"):
                _check_size(self.path / file, size)
        try:
            array = np.asarray(zarr.open_array(self.path / name, mode="r")[part])
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise _damaged(self.path / name, " ".join(str(error).split())[:120]) from None
        if array.dtype != np.dtype(dtype):
            raise _damaged(self.path / name, f"{array.dtype} {array.shape}")
        return array


class Dataset:
    """The episodes of one or several dataset folders, sorted by folder and index."""

    def __init__(self, folders: str) -> None:
        """List the committed episodes.

        Args:
            folders: dataset folders, separated by commas.

        Raises:
            DataError: a folder is not a dataset or has another version, or holds too few episodes.
        """
        self.folders = [Path(part.strip()) for part in folders.split(",") if part.strip()]
        self.episodes = [episode for path in self.folders for episode in list_episodes(path)]
        if not self.episodes:
            raise DataError(
                f"{folders or 'no folder'} holds no episode: run training.collect first"
            )
        self.training = [episode for episode in self.episodes if not episode.held_out]
        self.held_out = [episode for episode in self.episodes if episode.held_out]
        if not self.training or not self.held_out:
            raise DataError(
                f"{folders} holds {len(self.training)} episodes for training and "
                f"{len(self.held_out)} held-out ones: collect more, with a higher --frames"
            )

    def summary(self) -> dict[str, Any]:
        """Count frames, episodes, levels and policies, as JSON values for a run's result."""
        return {
            "folders": [str(folder) for folder in self.folders],
            "episodes": len(self.episodes),
            "frames": sum(episode.steps for episode in self.episodes),
            "training_frames": sum(episode.steps for episode in self.training),
            "held_out_frames": sum(episode.steps for episode in self.held_out),
            "levels": _count_frames(self.episodes, "level"),
            "policies": _count_frames(self.episodes, "policy"),
            "experts": _count_frames([e for e in self.episodes if e.expert], "expert"),
            "mean_return": float(np.mean([e.episode_return for e in self.episodes])),
        }


def create_dataset(folder: Path) -> None:
    """Turn a folder into a dataset, and remove partial episodes that a killed writer left.

    The caller must hold the folder's lock, so that no other process writes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / DATASET_FILE).exists():
        values = {
            "format": FORMAT,
            "version": VERSION,
            "action_buttons": list(ACTION_BUTTONS),
            "step": STEP.descr,
        }
        write_atomically(folder / DATASET_FILE, (json.dumps(values, indent=2) + "\n").encode())
    remove_partial_episodes(folder)


def remove_partial_episodes(folder: Path) -> None:
    """Remove the temporary folders of episodes that were not added to the dataset.

    The caller must hold the folder's lock, and no worker may write any more.
    """
    for path in folder.glob(".episode-*"):
        shutil.rmtree(path, ignore_errors=True)


def list_episodes(folder: Path) -> list[StoredEpisode]:
    """List the committed episodes of a dataset folder, sorted by index.

    Another process may add episodes at the same time.

    Raises:
        DataError: the folder is not a dataset or has another version, or an episode.json is
            damaged.
    """
    _check_header(folder)
    return [_read_episode(path) for path in sorted(folder.glob("episode-*"))]


def episode_path(dataset: Path, index: int) -> Path:
    """Return the folder of episode `index`, which exists once the episode is committed."""
    return dataset / f"episode-{index:08d}"


def _check_header(folder: Path) -> None:
    path = folder / DATASET_FILE
    header = _read_json(path, "give a folder made by training.collect")
    found = (header.get("format"), header.get("version"), header.get("action_buttons"))
    if found[:2] != (FORMAT, VERSION):
        raise DataError(
            f"{path} has format {found[0]!r:.60}, version {found[1]!r:.20}; expected {FORMAT!r}, "
            f"version {VERSION}: collect the data again"
        )
    if found[2] != list(ACTION_BUTTONS):
        raise DataError(
            f"{path} has the action buttons {found[2]!r:.60}; expected {list(ACTION_BUTTONS)}: "
            "collect the data again"
        )


def _read_episode(path: Path) -> StoredEpisode:
    values = _read_json(path / EPISODE_FILE, "remove this folder")
    try:
        episode = StoredEpisode(path=path, **values)
        good = episode.steps >= 1 and all(type(size) is int for size in episode.files.values())
    except (TypeError, AttributeError):
        good = False
    if not good:
        raise _damaged(path / EPISODE_FILE, "its fields are not those of an episode")
    return episode


def _read_json(path: Path, next_step: str) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}): {next_step}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path} is not JSON: {next_step}") from None
    if not isinstance(values, dict):
        raise DataError(f"{path} holds no JSON object: {next_step}")
    return values


def _check_size(path: Path, size: int) -> None:
    found = path.stat().st_size if path.is_file() else None
    if found != size:
        what = "is missing" if found is None else f"has {found} bytes"
        raise _damaged(path, f"{what}, expected {size} bytes")


def _damaged(path: Path, what: str) -> DataError:
    folder = next(p for p in (path, *path.parents) if p.name.startswith("episode-"))
    return DataError(f"{path} is damaged ({what}): restore {folder} from a copy, or remove it")


def _count_frames(episodes: Sequence[StoredEpisode], name: str) -> dict[str, int]:
    frames: dict[str, int] = {}
    for episode in episodes:
        key = getattr(episode, name)
        frames[key] = frames.get(key, 0) + episode.steps
    return frames
