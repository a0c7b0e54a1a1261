"""Draws the pictures of the game's README: four moments of each zone, from the shipped movies.

python -m game.pictures     write game/pictures/ZONE.png for each zone
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.command_line import option, parse, run
from agent.files import write_atomically
from game.build import read_state
from game.format import ZONES
from game.planning.emulator import Emulator
from game.planning.movies import read_movie
from game.shipped import FINAL_GAME, GAME, INTEGRATIONS, MOVIES

MOMENTS = (0.12, 0.35, 0.6, 0.85)  # shares 0-1 of a movie
GAP = 6  # white pixels between two frames
SCENES = {GAME: [(zone, 2) for zone in ZONES[:6]], FINAL_GAME: [(ZONES[6], 1)]}


@dataclass(frozen=True)
class Options:
    """Draw a picture of four moments for each zone."""

    out: Path = option("folder for the pictures", Path(__file__).parent / "pictures")


def strip(emulator: Emulator, state: bytes, actions: Sequence[int]) -> np.ndarray:
    """Play a level and put its moments side by side: uint8 (224, 4 * 320 + 3 * GAP, 3) RGB."""
    wanted = {int(len(actions) * moment) for moment in MOMENTS}
    emulator.start(state)
    frames = []
    for step, action in enumerate(actions):
        emulator.step(action)
        if step in wanted:
            frames.append(emulator.env.em.get_screen())
    between = np.full((frames[0].shape[0], GAP, 3), 255, np.uint8)
    parts = [part for frame in frames for part in (between, frame)]
    return np.concatenate(parts[1:], axis=1)


def main() -> int:
    """Write the pictures."""
    options = parse(Options, prog="python -m game.pictures")
    options.out.mkdir(parents=True, exist_ok=True)
    for game, scenes in SCENES.items():
        emulator = Emulator(INTEGRATIONS, game, f"{scenes[0][0]}Zone.Act{scenes[0][1]}")
        for zone, act in scenes:
            name = f"{zone}Zone.Act{act}"
            state = read_state(INTEGRATIONS / game, name)
            picture = strip(emulator, state, read_movie(MOVIES / game / f"{name}.bk2"))
            _, data = cv2.imencode(".png", picture[:, :, ::-1])
            path = options.out / f"{zone.lower()}.png"
            write_atomically(path, data.tobytes())
            print(path)
        emulator.close()
    return 0


if __name__ == "__main__":
    run(main)
