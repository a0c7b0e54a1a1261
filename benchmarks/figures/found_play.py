"""Makes the moving picture of a play that the search found.

    python -m training.demonstrate --levels MeadowZone.Act2 --out runs/found
    python -m benchmarks.figures.found_play --movie runs/found/GAME/STATE.bk2

It writes found_play.gif to results/pictures: the liveliest seconds, with the buttons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.command_line import option
from arena.environment.contest_rules import FRAME_SKIP
from arena.evaluation.run_folder import PROJECT_DIR
from arena.replay.movies import replaying
from benchmarks.figures.gallery_film import with_keys, write_liveliest

MAX_BYTES = 1_400_000


@dataclass(frozen=True)
class Options:
    """Make the documents' moving picture of a found play."""

    extra: ClassVar[str] = "train"

    movie: Path = option("movie of training.demonstrate")
    out: Path = option("file of the picture", PROJECT_DIR / "results/pictures/found_play.gif")


def main(argv: Sequence[str] | None = None) -> None:
    """Make the picture and print its path and its quality."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.figures.found_play")
    print(f"{options.out}: {animate(options.movie, options.out)}")


def animate(movie: Path, out: Path) -> dict[str, Any]:
    """Write the liveliest seconds of a movie, with the buttons; return the quality and the size."""
    with replaying(movie) as replay:
        frames, buttons = [replay.first_frame()], []
        for pressed, frame in replay.steps(FRAME_SKIP):
            buttons.append(pressed)
            frames.append(frame)
    shown = np.stack(frames)

    def picture(t: int) -> NDArray[np.uint8]:
        return with_keys(shown[t], buttons[t - 1])

    out.parent.mkdir(parents=True, exist_ok=True)
    return write_liveliest(out, shown, picture, MAX_BYTES)


if __name__ == "__main__":
    command_line.run(main)
