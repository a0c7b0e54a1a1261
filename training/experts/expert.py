"""Experts: what a recorded play of a level would press wherever the player stands.

A recording alone is worth little under the contest's sticky actions: one late button, and the
rest of it is played into a wall. An expert looks the player's place and speed up in the recording
instead, so that it can come back to its way, and can advise any other policy on the same level.

Recordings are found where people's play, the shipped levels and freshly built ones have theirs:

    python -m game.build --seed 7 --levels 7 --out fresh
    python -m training.collect --levels fresh --movies fresh/movies --policies departure ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import stable_retro
from numpy.typing import NDArray

from agent.buttons import from_genesis
from agent.errors import UserError
from arena.environment.contest_env import FRAME_SKIP, ContestEnv
from arena.environment.levels import Level

BEHIND, AHEAD = 8, 24  # steps of the recording in which the place is looked up first
SPEED_WEIGHT = 2.0  # of a pixel a step, against a pixel of distance
LOST_PIXELS = 96.0  # farther away the whole recording is searched
STUCK_STEPS = 15  # without moving, and the expert knows no more than anybody
FOLDERS_HELP = (
    "folders with a .bk2 recording of each level, separated by commas: game/movies has those of "
    "the shipped levels, DIR/movies those of `game.build --out DIR`"
)


class ExpertError(UserError):
    """A recording that is missing or can't be followed; the text says which."""


@dataclass(frozen=True)
class Recording:
    """A .bk2: a start state, and the buttons held in each frame, uint8 (frames, 12)."""

    state: bytes
    frames: NDArray[np.uint8]

    @property
    def steps(self) -> int:
        """Its length in steps of the contest; the last one may have fewer frames."""
        return -(-len(self.frames) // FRAME_SKIP)

    def step(self, number: int) -> NDArray[np.uint8]:
        """The buttons of a step's frames, uint8 (4, 12), or fewer in the last step."""
        return self.frames[number * FRAME_SKIP : (number + 1) * FRAME_SKIP]

    def action(self, number: int) -> NDArray[np.uint8]:
        """A step as an agent's action, uint8 (4,): what is held at the end of its frames."""
        return from_genesis(self.step(number)[-1])


def read_folders(text: str) -> tuple[Path, ...]:
    """The folders that an option names, separated by commas.

    Raises:
        ExpertError: none.
    """
    folders = tuple(Path(part.strip()) for part in text.split(",") if part.strip())
    if not folders:
        raise ExpertError(f"--movies {text!r} names no folder: give one, such as game/movies")
    return folders


def find_movie(folders: Sequence[Path], level: Level) -> Path:
    """The recording of a level in the first of the folders that has one.

    It is FOLDER/GAME/STATE.bk2; or FOLDER/STATE.bk2, if it says itself that it is of the level's
    game, as `game.build` writes it; or GAME-STATE-NUMBER.bk2 anywhere below, as stable-retro does.

    Raises:
        ExpertError: there is none, or FOLDER/STATE.bk2 can't be read.
    """
    for folder in folders:
        for path in _recordings(folder, level):
            return path
    raise ExpertError(
        f"{', '.join(map(str, folders))} has no recording of {level.name}: record one "
        f"({folders[0] / level.game / level.state}.bk2), or leave the policies movie and "
        "departure out"
    )


def _recordings(folder: Path, level: Level) -> Iterator[Path]:
    plain, flat = folder / level.game / f"{level.state}.bk2", folder / f"{level.state}.bk2"
    if plain.is_file():
        yield plain
    if flat.is_file() and _open(flat).get_game() == level.game:
        yield flat
    name = re.compile(rf"{re.escape(f'{level.game}-{level.state}')}-\d+\.bk2")
    yield from (path for path in sorted(folder.rglob("*.bk2")) if name.fullmatch(path.name))


def _open(path: Path) -> Any:
    try:
        return stable_retro.Movie(str(path))
    except (RuntimeError, OSError, ValueError) as error:
        raise ExpertError(f"{path} is no movie that can be read: {error}") from None


def read_movie(path: Path) -> Recording:
    """Read a .bk2.

    Raises:
        ExpertError: it is none, or holds nothing.
    """
    movie = _open(path)
    try:
        movie.step()  # the frame of the reset
        state, frames = movie.get_state(), []
        while movie.step():
            frames.append([movie.get_key(button, 0) for button in range(12)])
    except (RuntimeError, OSError, ValueError) as error:
        raise ExpertError(f"{path} is no movie that can be read: {error}") from None
    if len(frames) < FRAME_SKIP:
        raise ExpertError(f"{path} holds {len(frames)} frames: too few to follow")
    return Recording(state, np.array(frames, np.uint8))


class Expert:
    """Advises by the nearest place of a recording. One for each level; `start` it each episode."""

    def __init__(self, recording: Recording, places: NDArray[np.float32]) -> None:
        """Take a recording and where it led, float32 (T, 2): the place before each of its steps."""
        assert places.shape == (recording.steps, 2), places.shape
        self._actions = [recording.action(number) for number in range(len(places))]
        self._track = _with_speed(places)
        self.start(0)

    def start(self, step: int) -> None:
        """An episode begins at a step of the recording."""
        self._at = step
        self._before: NDArray[np.float32] | None = None
        self._still = 0

    def advise(self, place: NDArray[np.float32] | None) -> NDArray[np.uint8] | None:
        """What the recording presses there.

        Args:
            place: float32 (2,); None before the first step of an episode.

        Returns:
            uint8 (4,), or None where it is stuck.
        """
        if place is None:
            return self._actions[self._at].copy()
        before = place if self._before is None else self._before
        here = np.concatenate((place, (place - before) * SPEED_WEIGHT))
        self._still = self._still + 1 if np.abs(place - before).sum() < 1 else 0
        self._before = place
        first = max(0, self._at - BEHIND)
        near = np.abs(self._track[first : self._at + AHEAD] - here).sum(1)
        if near.min() > LOST_PIXELS:
            first, near = 0, np.abs(self._track - here).sum(1)
        self._at = first + int(near.argmin())
        if self._still >= STUCK_STEPS:
            self._still = 0
            return None
        return self._actions[self._at].copy()


def place_of(variables: Mapping[str, Any]) -> NDArray[np.float32]:
    """Where the player is in the level, float32 (2,).

    Raises:
        ExpertError: the game's data.json names no x and y.
    """
    try:
        return np.array([variables["x"], variables["y"]], np.float32)
    except KeyError as error:
        raise ExpertError(
            f"the game's variables have no {error.args[0]}: no expert there"
        ) from None


def follow(env: ContestEnv, recording: Recording) -> Expert:
    """Play a recording through, and make an expert of it.

    Raises:
        ExpertError: the episode ends before half of the recording: it is of another level.
    """
    env.reset(recording.state)
    places: list[NDArray[np.float32]] = []
    done, number = False, 0
    while not done and number < recording.steps:
        _, _, done, variables = env.play_frames(recording.step(number))
        places.append(place_of(variables))
        number += 1
    if number < recording.steps // 2:
        raise ExpertError(
            f"a recording of {recording.steps} steps ends {env.level.name} after {number}: it is "
            "of another level or build"
        )
    whole = Recording(recording.state, recording.frames[: number * FRAME_SKIP])
    return Expert(whole, np.array([places[0], *places[:-1]], np.float32))


def _with_speed(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Places and weighted changes since the step before, float32 (T, 4)."""
    changes = np.diff(places, axis=0, prepend=places[:1])
    return np.concatenate((places, changes * SPEED_WEIGHT), 1)
