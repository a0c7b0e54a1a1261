"""Episodes on disk: native frames, actions and rewards in zarr, whole or absent.

An episode is a folder of its own, written under another name and renamed once complete: a killed
process leaves no half of one, and readers may come while others write. Frames stay as the
emulator drew them, so that a model of another size needs no new data: its core draws red, green
and blue with 5, 6 and 5 bits, and with zstd they take some kilobytes of 143
(benchmarks/dataset_speed.py has figures).

    DATASET/dataset.json            format and version, frames a second, the fields of a step
    DATASET/episode-00000012/       a zarr group: frames (T, 224, 320) uint16, red in the highest
                                    bits; steps (T, 160) uint8, each row a STEP
    DATASET/episode-00000012/episode.json   level, policy, seed, return, and the size of each file
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from agent.commandline import UserError
from agent.controller import ACTION_BUTTONS
from agent.files import write_atomically
from arena.sprites import COLUMNS, ROWS

FORMAT = "world-models-contest/dataset"
VERSION = 3
DATASET_FILE = "dataset.json"
EPISODE_FILE = "episode.json"
CHUNK_FRAMES = 64  # four seconds of play in one file each: 9 MB in memory
COMPRESSION = 3  # of zstd: a seventh smaller than with 1 and as fast; 5 takes three times as long
FPS = 15  # frames a second as the contest shows them
HELD_OUT_EVERY = 8  # one episode of so many measures, and never trains
NO_ADVICE = np.full(len(ACTION_BUTTONS), 255, np.uint8)
NO_PLAYER = (-1, -1)
NO_SPRITES = np.zeros((ROWS, COLUMNS // 8), np.uint8)
# All that a step has beside its frame, in one array: as six they took 2 of 100 frames/s.
STEP = np.dtype(
    [
        ("actions", "|u1", len(ACTION_BUTTONS)),
        ("rewards", "<f4"),
        ("advice", "|u1", len(ACTION_BUTTONS)),
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

    def advice(self) -> NDArray[np.uint8]:
        """What the level's recording would press on each frame, uint8 (T, 4); 255: no advice."""
        return self._of_steps("advice")

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


class EpisodeWriter:
    """Takes an episode in step by step; it becomes part of the dataset with `commit`."""

    def __init__(self, dataset: Path, index: int) -> None:
        """Start an episode in a folder that readers do not see yet."""
        self._final = episode_path(dataset, index)
        self._index = index
        self._path = dataset / f".{self._final.name}.{os.getpid()}"
        self._frames = np.empty(0, np.uint16)  # of a chunk
        self._filled = 0
        self._steps: list[NDArray[np.void]] = []
        self._done = False
        self._store: Any = None

    def append(
        self,
        frame: NDArray[np.uint8],
        action: NDArray[np.uint8],
        reward: float,
        done: bool,
        advice: NDArray[np.uint8] | None = None,
        player: tuple[int, int] | None = None,
        sprites: NDArray[np.bool_] | None = None,
    ) -> None:
        """Take a step.

        Args:
            frame: as it was seen, uint8 (224, 320, 3).
            action: sent on it, uint8 (4,).
            reward: of the step.
            done: whether the episode ended in it.
            advice: a guide's buttons, uint8 (4,).
            player: x and y on the screen.
            sprites: cells that they touch, (28, 40).

        Raises:
            DataError: the frame has more colours than are stored.
        """
        assert action.shape == (len(ACTION_BUTTONS),), action.shape
        assert not self._done, "a step after done"
        if not len(self._frames):
            self._frames = np.empty((CHUNK_FRAMES, *frame.shape[:2]), "<u2")
        pixels = self._frames[self._filled].view(np.uint8).reshape(*frame.shape[:2], 2)
        cv2.cvtColor(frame, cv2.COLOR_RGB2BGR565, dst=pixels)
        # once a chunk: a core draws all its frames with the same bits
        if not self._filled and (cv2.cvtColor(pixels, cv2.COLOR_BGR5652RGB) != frame).any():
            raise DataError("frames of more colours than a Mega Drive's: they can't be stored")
        self._filled += 1
        step = np.zeros((), STEP)
        step["actions"] = action
        step["rewards"] = reward
        step["advice"] = NO_ADVICE if advice is None else advice
        step["player"] = NO_PLAYER if player is None else player
        step["sprites"] = NO_SPRITES if sprites is None else np.packbits(sprites, axis=1)
        step["dones"] = self._done = done
        self._steps.append(step)
        if self._filled == CHUNK_FRAMES:
            self._flush()

    def commit(self, *, level: str, policy: str, seed: int) -> Episode:
        """Complete the episode and move it into the dataset.

        Raises:
            OSError: the disk is full; the dataset is as it was.
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
        }
        for file in files:
            _fsync(self._path / file)
        write_atomically(self._path / EPISODE_FILE, json.dumps(values, indent=1).encode())
        try:
            os.rename(self._path, self._final)
        except OSError:
            # A worker whose driver was killed may have finished this very episode meanwhile.
            if not (self._final / EPISODE_FILE).exists():
                raise
        _fsync(self._final.parent)
        return Episode(path=self._final, **values)

    def discard(self) -> None:
        """Drop an episode that was not committed; harmless after `commit`."""
        shutil.rmtree(self._path, ignore_errors=True)

    def _flush(self) -> None:
        if self._store is None:
            shutil.rmtree(self._path, ignore_errors=True)
            zarr.create_group(self._path)
            shape = (0, *self._frames.shape[1:])
            self._store = _create(self._path, "frames", shape, CHUNK_FRAMES, "<u2")
        first, shape = self._store.shape[0], self._store.shape[1:]
        self._store.resize((first + self._filled, *shape))
        self._store[first:] = self._frames[: self._filled]
        self._filled = 0


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


def _create(group: Path, name: str, shape: Sequence[int], chunk: int, dtype: str) -> Any:
    return zarr.create_array(
        group / name,
        shape=tuple(shape),
        chunks=(chunk, *shape[1:]),
        dtype=dtype,
        compressors=[ZstdCodec(level=COMPRESSION, checksum=True)],
        fill_value=0,
        config={"write_empty_chunks": True},  # an absent file then always is a fault
    )


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


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
