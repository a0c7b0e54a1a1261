"""Finds and reads demonstrations: .bk2 recordings of whole levels, played by a planner or a person.

`game.build` writes a demonstration beside each level that it builds, and game/movies holds those of
the shipped levels:

    python -m game.build --seed 7 --levels 7 --out fresh
    python -m training.collect --levels fresh --demonstrations fresh/movies --policies perturbed ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import stable_retro
from numpy.typing import NDArray

from agent.buttons import from_genesis
from agent.errors import UserError
from arena.environment.contest_rules import FRAME_SKIP
from arena.environment.levels import Level
from arena.environment.recorded_games import recorded_names

DEMONSTRATIONS_HELP = (
    "folders with a .bk2 recording of each level, separated by commas: game/movies for the shipped "
    "levels, DIR/movies for those of `game.build --out DIR`"
)


class DemonstrationError(UserError):
    """A demonstration is missing, can't be read, or does not fit its level."""


@dataclass(frozen=True)
class Demonstration:
    """A recorded play of a level.

    Attributes:
        state: emulator state from which it starts.
        frame_buttons: buttons held in each emulator frame, uint8 (frames, 12) of 0 and 1.
    """

    state: bytes
    frame_buttons: NDArray[np.uint8]

    @property
    def steps(self) -> int:
        """The length in contest steps; the last step may have fewer frames than the others."""
        return -(-len(self.frame_buttons) // FRAME_SKIP)

    def buttons(self, step: int) -> NDArray[np.uint8]:
        """Return the buttons in each frame of a step, uint8 (4, 12) or fewer rows at the end."""
        return self.frame_buttons[step * FRAME_SKIP : (step + 1) * FRAME_SKIP]

    def action(self, step: int) -> NDArray[np.uint8]:
        """Return a step as an agent's action, uint8 (4,): the buttons held in its last frame."""
        return from_genesis(self.buttons(step)[-1])


def read_folders(text: str) -> tuple[Path, ...]:
    """Read the value of --demonstrations: folders, separated by commas.

    Raises:
        DemonstrationError: it names no folder.
    """
    folders = tuple(Path(part.strip()) for part in text.split(",") if part.strip())
    if not folders:
        raise DemonstrationError(
            f"--demonstrations {text!r} names no folder: give one, such as game/movies"
        )
    return folders


def find_demonstration(folders: Sequence[Path], level: Level) -> Path:
    """Return the recording of a level from the first folder that has one.

    It is FOLDER/GAME/STATE.bk2; or FOLDER/STATE.bk2 if the file names the level's game, as
    `game.build` writes it; or GAME-STATE-NUMBER.bk2 in any subfolder, as stable-retro writes it.
    GAME may be the name without -v0 of OpenAI's recordings for the contest.

    Raises:
        DemonstrationError: no folder has one, or a FOLDER/STATE.bk2 can't be read.
    """
    for folder in folders:
        for path in _recordings(folder, level):
            return path
    raise DemonstrationError(
        f"{', '.join(map(str, folders))} has no recording of {level.name}: add one as "
        f"{folders[0] / level.game / level.state}.bk2, or give --policies that need none"
    )


def read_demonstration(path: Path) -> Demonstration:
    """Read a .bk2 file.

    Raises:
        DemonstrationError: the file can't be read, or is shorter than one step.
    """
    movie = _open(path)
    try:
        movie.step()  # the frame of the reset
        state, frame_buttons = movie.get_state(), []
        while movie.step():
            frame_buttons.append([movie.get_key(button, 0) for button in range(12)])
    except (RuntimeError, OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if len(frame_buttons) < FRAME_SKIP:
        raise DemonstrationError(
            f"{path} has {len(frame_buttons)} frames, expected at least {FRAME_SKIP}: record the "
            "level again"
        )
    return Demonstration(state, np.array(frame_buttons, np.uint8))


def _recordings(folder: Path, level: Level) -> Iterator[Path]:
    games = recorded_names(level)
    for game in games:
        by_game = folder / game / f"{level.state}.bk2"
        if by_game.is_file():
            yield by_game
    flat = folder / f"{level.state}.bk2"
    if flat.is_file() and _open(flat).get_game() in games:
        yield flat
    either = "|".join(map(re.escape, games))
    name = re.compile(rf"(?:{either})-{re.escape(level.state)}-\d+\.bk2")
    yield from (path for path in sorted(folder.rglob("*.bk2")) if name.fullmatch(path.name))


def _open(path: Path) -> Any:
    try:
        return stable_retro.Movie(str(path))
    except (RuntimeError, OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DemonstrationError:
    return DemonstrationError(f"{path} can't be read as a .bk2 recording ({error}): replace it")
