"""Episodes on disk: native frames, actions and rewards in zarr, whole or absent.

An episode is a folder of its own, written under another name and renamed once complete: a killed
process leaves no half of one, and readers may come while others write. Frames stay as the
emulator drew them, so that a model of another size needs no new data: its core draws red, green
and blue with 5, 6 and 5 bits, and with zstd they take some kilobytes of 143
(benchmarks/speed/dataset_speed.py has figures).

    DATASET/dataset.json            format and version, frames a second, the fields of a step
    DATASET/episode-00000012/       a zarr group: frames (T, 224, 320) uint16, red in the highest
                                    bits; steps (T, 160) uint8, each row a STEP
    DATASET/episode-00000012/episode.json   level, policy, seed, return, and the size of each file
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
import zarr
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS
from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.sprites import COLUMNS, ROWS

FORMAT = "world-models-contest/dataset"
VERSION = 3
DATASET_FILE = "dataset.json"
EPISODE_FILE = "episode.json"
CHUNK_FRAMES = 64  # four seconds of play in one file each: 9 MB in memory
FPS = 15  # frames a second as the contest shows them
HELD_OUT_EVERY = 8  # one episode of so many measures, and never trains
NO_SPRITES = np.zeros((ROWS, COLUMNS // 8), np.uint8)
# All that a step has beside its frame, in one array: each array costs files and time of its own.
STEP = np.dtype(
    [
        ("actions", "|u1", len(ACTION_BUTTONS)),
        ("rewards", "<f4"),
        ("expert_action", "|u1", len(ACTION_BUTTONS)),
        ("player", "<i2", 2),
        ("sprites", "|u1", NO_SPRITES.shape),
        ("dones", "|u1"),
    ],
    align=True,
)


class DataError(UserError):
    """A dataset that is missing, foreign, cut or too small; the text says which and what to do."""


@dataclass(frozen=True)
class Episode:
    """One stored episode; step t is the frame seen, the action sent on it, and its reward."""

    path: Path
    index: int
    level: str
    policy: str
    seed: int  # of the stickiness and of the policy
    steps: int
    episode_return: float
    files: Mapping[str, int]  # size of each file, in bytes

    @property
    def held_out(self) -> bool:
        """Whether it only measures: decided by its index, so that growth changes no side."""
        return self.index % HELD_OUT_EVERY == 1

    def frames(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint8]:
        """Frames of steps start to stop, uint8 (T, 224, 320, 3) RGB.

        Raises:
            DataError: a file is cut or altered.
        """
        stop = self.steps if stop is None else min(stop, self.steps)
        pixels = self._read("frames", slice(start, stop), "<u2")
        count, height, width = pixels.shape
        rows = pixels.view(np.uint8).reshape(count * height, width, 2)
        frames = np.asarray(cv2.cvtColor(rows, cv2.COLOR_BGR5652RGB), np.uint8)
        return frames.reshape(count, height, width, 3)

    def actions(self) -> NDArray[np.uint8]:
        """Buttons as sent (not what stickiness made of them), uint8 (T, 4) of 0 and 1."""
        return self._of_steps("actions")

    def rewards(self) -> NDArray[np.float32]:
        """Reward of each step, float32 (T,)."""
        return self._of_steps("rewards")

    def dones(self) -> NDArray[np.uint8]:
        """1 where the episode ended in that step, uint8 (T,): the last step, or none."""
        return self._of_steps("dones")

    def expert_action(self) -> NDArray[np.uint8]:
        """What the level's recording would press on each frame, uint8 (T, 4); 255: no expert_action."""
        return self._of_steps("expert_action")

    def player(self) -> NDArray[np.int16]:
        """Where on the screen the player is, int16 (T, 2) pixels x and y; -1: not known."""
        return self._of_steps("player")

    def sprites(self) -> NDArray[np.uint8]:
        """Cells of the screen that sprites touch, uint8 (T, 28, 5), a bit each; 0 if not known."""
        return self._of_steps("sprites")

    def chunks(self) -> Iterator[NDArray[np.uint8]]:
        """All frames in order, a stored chunk at a time, uint8 (<= 64, 224, 320, 3)."""
        for start in range(0, self.steps, CHUNK_FRAMES):
            yield self.frames(start, start + CHUNK_FRAMES)

    def _of_steps(self, field: str) -> NDArray[Any]:
        rows = self._read("steps", slice(None), "|u1")
        if rows.shape != (self.steps, STEP.itemsize):
            raise _damaged(self.path / "steps", f"{rows.dtype} {rows.shape}")
        return np.ascontiguousarray(rows.view(STEP)[:, 0][field])

    def _read(self, name: str, part: slice, dtype: str) -> NDArray[Any]:
        # zarr takes an absent chunk for zeros: without this a cut dataset would be black frames
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
    """The episodes of one or several dataset folders, in the order of folder and index."""

    def __init__(self, folders: str) -> None:
        """List the committed episodes.

        Args:
            folders: dataset folders, separated by commas.

        Raises:
            DataError: not a dataset, of another version, without episodes, or of several rates.
        """
        self.folders = [Path(part.strip()) for part in folders.split(",") if part.strip()]
        self.episodes = [episode for path in self.folders for episode in list_episodes(path)]
        if not self.episodes:
            raise DataError(f"{folders or 'no folder'} holds no episode: collect some first")
        self.training = [episode for episode in self.episodes if not episode.held_out]
        self.held_out = [episode for episode in self.episodes if episode.held_out]
        if not self.training or not self.held_out:
            raise DataError(
                f"{folders} holds {len(self.training)} episodes to train on and "
                f"{len(self.held_out)} to measure with: collect more"
            )
        rates = {_header(path)["fps"] for path in self.folders}
        if len(rates) > 1:
            raise DataError(
                f"{folders} have {' and '.join(map(str, sorted(rates)))} frames a second: give "
                "datasets of one rate"
            )
        (self.fps,) = rates

    def summary(self) -> dict[str, Any]:
        """Counts for a run's result: frames, episodes, levels, policies."""
        return {
            "folders": [str(folder) for folder in self.folders],
            "fps": self.fps,
            "episodes": len(self.episodes),
            "frames": sum(episode.steps for episode in self.episodes),
            "training_frames": sum(episode.steps for episode in self.training),
            "held_out_frames": sum(episode.steps for episode in self.held_out),
            "levels": _counts(self.episodes, "level"),
            "policies": _counts(self.episodes, "policy"),
            "mean_return": float(np.mean([e.episode_return for e in self.episodes])),
        }


def create_dataset(folder: Path, fps: int = FPS) -> None:
    """Make a folder a dataset of so many frames a second; what a killed writer left is removed.

    The caller holds the folder's lock, so that nobody else is writing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / DATASET_FILE).exists():
        values = {
            "format": FORMAT,
            "version": VERSION,
            "action_buttons": list(ACTION_BUTTONS),
            "fps": fps,
            "step": STEP.descr,
        }
        write_atomically(folder / DATASET_FILE, (json.dumps(values, indent=2) + "\n").encode())
    for path in folder.glob(".episode-*"):
        shutil.rmtree(path)


def list_episodes(folder: Path) -> list[Episode]:
    """The committed episodes of a dataset folder, by index; it may be growing meanwhile.

    Raises:
        DataError: the folder is no dataset, of another version, or an episode's file is broken.
    """
    _header(folder)
    return [_read_episode(path) for path in sorted(folder.glob("episode-*"))]


def episode_path(dataset: Path, index: int) -> Path:
    """Where episode `index` of a dataset is, once committed."""
    return dataset / f"episode-{index:08d}"


def _header(folder: Path) -> dict[str, Any]:
    header = _read_json(folder / DATASET_FILE, "give a folder made by training.collect")
    if (header.get("format"), header.get("version")) != (FORMAT, VERSION):
        found = f"{header.get('format')!r} version {header.get('version')!r}"
        raise DataError(
            f"{folder / DATASET_FILE} is {found:.100}, not {FORMAT} {VERSION}: collect again"
        )
    if header.get("action_buttons") != list(ACTION_BUTTONS) or type(header.get("fps")) is not int:
        raise DataError(
            f"{folder} holds actions {header.get('action_buttons')}, {header.get('fps')} frames a "
            "second: collect again"
        )
    return header


def _read_episode(path: Path) -> Episode:
    values = _read_json(path / EPISODE_FILE, "remove that folder")
    try:
        episode = Episode(path=path, **values)
        good = episode.steps >= 1 and all(type(size) is int for size in episode.files.values())
    except (TypeError, AttributeError):
        good = False
    if not good:
        raise _damaged(path / EPISODE_FILE, "not the fields of an episode")
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
        raise _damaged(path, f"{'nothing' if found is None else found} instead of {size} bytes")


def _damaged(path: Path, what: str) -> DataError:
    folder = next(p for p in (path, *path.parents) if p.name.startswith("episode-"))
    return DataError(f"{path} is cut or altered ({what}): remove {folder}, or restore it")


def _counts(episodes: Sequence[Episode], name: str) -> dict[str, int]:
    frames: dict[str, int] = {}
    for episode in episodes:
        key = getattr(episode, name)
        frames[key] = frames.get(key, 0) + episode.steps
    return frames
