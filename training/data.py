"""Episodes on disk: native frames, actions and rewards in zarr, whole or absent.

An episode is a folder of its own, written under another name and renamed once complete: a killed
process leaves no half of one, and readers may come while others write. Frames stay as the
emulator drew them, so that a model of another size needs no new data: with zstd they take some
kilobytes of their 215 (benchmarks/dataset_speed.py has figures).

    DATASET/dataset.json            format and version, frames a second
    DATASET/episode-00000012/       a zarr group: frames (T, 224, 320, 3) uint8, actions (T, 4)
                                    uint8, rewards (T,) float32, dones (T,) uint8, advice (T, 4)
                                    uint8, player (T, 2) int16, sprites (T, 28, 5) uint8
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

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from agent.commandline import UserError
from agent.controller import ACTION_BUTTONS
from agent.files import write_atomically
from arena.sprites import COLUMNS, ROWS

FORMAT = "world-models-contest/dataset"
VERSION = 2
DATASET_FILE = "dataset.json"
EPISODE_FILE = "episode.json"
CHUNK_FRAMES = 64  # four seconds of play in one file each: 14 MB in memory
COMPRESSION = 3  # of zstd: a quarter smaller than with 1 and as fast; 5 takes twice the time
FPS = 15  # frames a second as the contest shows them; of datasets that don't say, too
HELD_OUT_EVERY = 8  # one episode of so many measures, and never trains
NO_ADVICE = np.full(len(ACTION_BUTTONS), 255, np.uint8)
NO_PLAYER = (-1, -1)
NO_SPRITES = np.zeros((ROWS, COLUMNS // 8), np.uint8)


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
        return self._read("frames", slice(start, stop), np.uint8)

    def actions(self) -> NDArray[np.uint8]:
        """Buttons as sent (not what stickiness made of them), uint8 (T, 4) of 0 and 1."""
        return self._read("actions", slice(None), np.uint8)

    def rewards(self) -> NDArray[np.float32]:
        """Reward of each step, float32 (T,)."""
        return self._read("rewards", slice(None), np.float32)

    def dones(self) -> NDArray[np.uint8]:
        """1 where the episode ended in that step, uint8 (T,): the last step, or none."""
        return self._read("dones", slice(None), np.uint8)

    def advice(self) -> NDArray[np.uint8]:
        """What the level's recording would press on each frame, uint8 (T, 4); 255: no advice."""
        return self._read("advice", slice(None), np.uint8)

    def player(self) -> NDArray[np.int16]:
        """Where on the screen the player is, int16 (T, 2) pixels x and y; -1: not known."""
        return self._read("player", slice(None), np.int16)

    def sprites(self) -> NDArray[np.uint8]:
        """Cells of the screen that sprites touch, uint8 (T, 28, 5), a bit each; 0 if not known."""
        if not any(file.startswith("sprites/") for file in self.files):  # an older collection
            return np.zeros((self.steps, *NO_SPRITES.shape), np.uint8)
        return self._read("sprites", slice(None), np.uint8)

    def chunks(self) -> Iterator[NDArray[np.uint8]]:
        """All frames in order, a stored chunk at a time, uint8 (<= 64, 224, 320, 3)."""
        for start in range(0, self.steps, CHUNK_FRAMES):
            yield self.frames(start, start + CHUNK_FRAMES)

    def _read(self, name: str, part: slice, dtype: type[Any]) -> NDArray[Any]:
        # zarr takes an absent chunk for zeros: without this a cut dataset would be black frames
        for file, size in self.files.items():
            if file.startswith(f"{name}/"):
                _check_size(self.path / file, size)
        try:
            array = np.asarray(zarr.open_array(self.path / name, mode="r")[part])
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise _damaged(self.path / name, " ".join(str(error).split())[:120]) from None
        stored = part.stop is None and len(array) != self.steps
        if array.dtype != dtype or stored:
            raise _damaged(self.path / name, f"{array.dtype} {array.shape}")
        return array


class EpisodeWriter:
    """Takes an episode in step by step; it becomes part of the dataset with `commit`."""

    def __init__(self, dataset: Path, index: int) -> None:
        """Start an episode in a folder that readers do not see yet."""
        self._final = episode_path(dataset, index)
        self._index = index
        self._path = dataset / f".{self._final.name}.{os.getpid()}"
        self._frames = np.empty(0, np.uint8)  # of a chunk, copied while they are in the cache
        self._filled = 0
        self._actions: list[NDArray[np.uint8]] = []
        self._rewards: list[float] = []
        self._advice: list[NDArray[np.uint8]] = []
        self._player: list[tuple[int, int]] = []
        self._sprites: list[NDArray[np.uint8]] = []
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
        """
        assert action.shape == (len(ACTION_BUTTONS),), action.shape
        assert not self._done, "a step after done"
        if not len(self._frames):
            self._frames = np.empty((CHUNK_FRAMES, *frame.shape), np.uint8)
        self._frames[self._filled] = frame
        self._filled += 1
        self._actions.append(action)
        self._rewards.append(reward)
        self._advice.append(NO_ADVICE if advice is None else advice)
        self._player.append(NO_PLAYER if player is None else player)
        self._sprites.append(NO_SPRITES if sprites is None else np.packbits(sprites, axis=1))
        self._done = done
        if self._filled == CHUNK_FRAMES:
            self._flush()

    def commit(self, *, level: str, policy: str, seed: int) -> Episode:
        """Complete the episode and move it into the dataset.

        Raises:
            OSError: the disk is full; the dataset is as it was.
        """
        steps = len(self._actions)
        assert steps, "an episode without a step"
        if self._filled:
            self._flush()
        dones = np.zeros(steps, np.uint8)
        dones[-1] = self._done
        self._small("actions", np.array(self._actions, np.uint8))
        self._small("rewards", np.array(self._rewards, np.float32))
        self._small("dones", dones)
        self._small("advice", np.array(self._advice, np.uint8))
        self._small("player", np.array(self._player, np.int16))
        self._small("sprites", np.array(self._sprites, np.uint8))
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
            "steps": steps,
            "episode_return": float(np.sum(self._rewards)),
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
            self._store = _create(self._path, "frames", (0, *self._frames.shape[1:]), CHUNK_FRAMES)
        first, shape = self._store.shape[0], self._store.shape[1:]
        self._store.resize((first + self._filled, *shape))
        self._store[first:] = self._frames[: self._filled]
        self._filled = 0

    def _small(self, name: str, values: NDArray[Any]) -> None:
        _create(self._path, name, values.shape, len(values), values.dtype)[:] = values


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
        rates = {_header(path).get("fps", FPS) for path in self.folders}
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
        raise DataError(f"{folder / DATASET_FILE} is {found:.100}, not {FORMAT} {VERSION}")
    if header.get("action_buttons") != list(ACTION_BUTTONS):
        raise DataError(f"{folder} holds actions {header.get('action_buttons')}: collect again")
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


def _create(group: Path, name: str, shape: Sequence[int], chunk: int, dtype: Any = np.uint8) -> Any:
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
