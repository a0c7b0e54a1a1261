"""Searches levels in a worker process, in slices of steps, and writes what they found.

OUT/GAME/STATE.bk2          the play: to the end, or the farthest one
OUT/levels/LEVEL.json       its return and the costs of the search; written last
OUT/searches/LEVEL/         checkpoint after each slice, deleted when the end was found
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import multiprocessing
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import stable_retro.data

from agent.files import write_atomically
from arena.environment.contest_env import EmulatorError
from arena.environment.levels import Level, register_integration
from training.runs.resume import TrainingError, load_checkpoint, save_checkpoint
from training.state_search.play_back import play_back
from training.state_search.search import Search, SearchError
from training.state_search.state_env import StateEnv

SLICE_STEPS = 20_000  # about 20 core-seconds: what a killed process loses at most


@dataclass(frozen=True)
class LevelSlice:
    """The next part of a level's search.

    Attributes:
        level: level to search.
        steps: steps of the search so far.
    """

    level: Level
    steps: int


@dataclass(frozen=True)
class SliceResult:
    """How far the search of a level is.

    Attributes:
        steps: steps of the search so far.
        progress: sum of the rewards up to the farthest cell.
        result: the level's result, if its search is over.
    """

    steps: int
    progress: float
    result: LevelResult | None


@dataclass(frozen=True)
class LevelResult:
    """The result of a level's search; `levels/LEVEL.json` has the same names.

    Attributes:
        level: name of the level.
        finished: whether the play reaches the end of the level, in the contest's environment.
        episode_return: sum of the play's rewards there; 0 without a play.
        progress: highest sum of the rewards on the way; a whole contest level has 9,000.
        play_steps: length of the play in steps of the contest; 0 if nothing was found.
        search_steps: steps that the search played.
        core_seconds: processor time of the search, without start and replay.
        explorations: number of restored states.
        cells: number of cells of the archive.
        cell_kind: "position" or "picture".
        rom_sha1: SHA-1 of the ROM, on which alone the play is valid.
    """

    level: str
    finished: bool
    episode_return: float
    progress: float
    play_steps: int
    search_steps: int
    core_seconds: float
    explorations: int
    cells: int
    cell_kind: str
    rom_sha1: str


class LevelSearcher:
    """Searches slices of levels; each worker process has one."""

    def __init__(self, folder: Path, seed: int, cells: str, sticky: bool, max_steps: int) -> None:
        """Take the settings of the searches.

        Args:
            folder: folder of the demonstrations.
            seed: random seed of each search.
            cells: see `Search`.
            sticky: see `Search`.
            max_steps: steps of a level's search after which it gives up.
        """
        self._folder = folder
        self._settings = seed, cells, sticky
        self._max_steps = max_steps
        self._env: StateEnv | None = None
        self._search: Search | None = None
        self._level: Level | None = None

    def __call__(self, part: LevelSlice) -> SliceResult:
        """Search a slice, and write the checkpoint or the result.

        Raises:
            SearchError: the level can't be searched.
            OSError: the disk is full; the earlier checkpoint is unchanged.
        """
        try:
            search = self._search_at(part)
            search.run(min(part.steps + SLICE_STEPS, self._max_steps))
        except SearchError as error:
            raise SearchError(f"{part.level.name}: {error}; check its state and scenario") from None
        _exit_if_orphaned()
        folder = checkpoint_folder(self._folder, part.level)
        if search.finished is None:
            arrays, values = search.checkpoint()
            save_checkpoint(folder, search.steps, arrays, values | {"rom": rom_sha1(part.level)})
            if search.steps < self._max_steps:
                return SliceResult(search.steps, search.farthest().progress, None)
        result = self._write_play(part.level, search)
        if search.finished is not None:
            shutil.rmtree(folder, ignore_errors=True)
        return SliceResult(search.steps, result.progress, result)

    def _search_at(self, part: LevelSlice) -> Search:
        """Return the search of a level after some steps, from memory or from the checkpoint."""
        search = self._search
        if search is not None and (self._level, search.steps) == (part.level, part.steps):
            return search
        self._close()
        self._level, self._env = part.level, StateEnv(part.level)
        self._search = search = Search(self._env, *self._settings)
        if part.steps:
            checkpoint = load_checkpoint(checkpoint_folder(self._folder, part.level))
            if checkpoint is None or checkpoint.step != part.steps:
                raise TrainingError(
                    f"the search of {part.level.name} has no checkpoint of step {part.steps}: "
                    "run the same command again"
                )
            check_same_rom(part.level, checkpoint.values["rom"])
            search.restore(checkpoint.arrays, checkpoint.values)
        return search

    def _write_play(self, level: Level, search: Search) -> LevelResult:
        """Play back and record what a search found, and write the level's result."""
        self._close()
        found = search.farthest()
        movie = movie_path(self._folder, level)
        finished, episode_return, progress = False, 0.0, 0.0
        if found.actions:
            movie.parent.mkdir(parents=True, exist_ok=True)
            played = play_back(level, found.actions, movie)
            finished, episode_return = played.finished, played.episode_return
            progress = played.progress
        if found.finished and not finished:
            raise EmulatorError(
                f"{level.name}: the play that was found ends at {episode_return:.0f} points when it"
                " is played again; report this level"
            )
        result = LevelResult(
            level.name,
            finished,
            episode_return,
            progress,
            len(found.actions),
            search.steps,
            search.core_seconds,
            search.explorations,
            len(search.archive),
            search.cell_kind,
            rom_sha1(level),
        )
        write_result_of(self._folder, level, result)
        return result

    def _close(self) -> None:
        """Free the emulator; a process can have only one."""
        if self._env is not None:
            self._env.close()
        self._env = self._search = self._level = None


def _exit_if_orphaned() -> None:
    """End this worker if its command was killed, because a new one may search the same level."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        sys.exit(1)


def rom_sha1(level: Level) -> str:
    """Return the SHA-1 of a level's ROM, in hexadecimal."""
    path = stable_retro.data.get_romfile_path(level.game, register_integration(level))
    return hashlib.sha1(Path(path).read_bytes()).hexdigest()


def check_same_rom(level: Level, recorded: str) -> None:
    """Check that a level was searched with the ROM that its game has now.

    Raises:
        TrainingError: it has another one.
    """
    if recorded != rom_sha1(level):
        raise TrainingError(
            f"the ROM of {level.game} is not the one with which {level.name} was searched: give "
            "another --out"
        )


def movie_path(folder: Path, level: Level) -> Path:
    """Return the path of a level's movie, where `collect --demonstrations` finds it."""
    return folder / level.game / f"{level.state}.bk2"


def checkpoint_folder(folder: Path, level: Level) -> Path:
    """Return the folder of the checkpoints of a level's search."""
    return folder / "searches" / level.slug


def read_result_of(folder: Path, level: Level) -> LevelResult | None:
    """Read the result of a level; None if its search is not over.

    Raises:
        TrainingError: the file is damaged.
    """
    path = _result_path(folder, level)
    try:
        return LevelResult(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"{path} is damaged ({error}): delete it, and run again") from None


def write_result_of(folder: Path, level: Level, result: LevelResult) -> None:
    """Write the result of a level."""
    path = _result_path(folder, level)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(dataclasses.asdict(result), indent=2).encode() + b"\n")


def _result_path(folder: Path, level: Level) -> Path:
    return folder / "levels" / f"{level.slug}.json"
