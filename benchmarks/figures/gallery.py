"""The pictures of the README, from a recorded run and a packed model; nothing is drawn by hand.

    python -m benchmarks.figures.gallery --run runs/RUN [--tuning FILE]

plays the best episode of each of the run's levels again and writes to results/pictures

    play.gif             the best of all: the game, what V sees, what M expected, the buttons
    reconstructions.png  frames of each zone, and V's view of them
    interpolations.png   on the way from one zone's latent to the next zone's
    traversals.png       one latent dimension at a time, those that vary most in the run
    dream.png            M goes on by itself, given the buttons only
    lock_in_curve.png    the score against the lock-in's threshold, from the tuner's JSON
    gallery.json         what they were made from
"""

from __future__ import annotations

import itertools
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.buttons import from_genesis
from agent.command_line import option
from agent.errors import UserError
from agent.files import write_atomically
from agent.world_model.packed_model import load
from agent.world_model.preprocess import preprocess
from arena.environment.contest_env import FRAME_SKIP
from arena.evaluation.evaluate import integration_of
from arena.evaluation.results import LevelResult, read_results
from arena.evaluation.run_folder import PROJECT_DIR
from arena.replay.imagination import Imagination
from arena.replay.movies import replaying
from benchmarks.figures.gallery_film import write_gif
from benchmarks.figures.gallery_plots import draw_curve
from benchmarks.identity import model_digest
from training.pictures.rows import write_rows

FRAMES_A_ZONE = 2
FIRST_STEPS = 300  # of an episode: later it may stand before a wall for minutes
INTERPOLATED = 9  # pictures on the way, both ends included
TRAVERSED = 7  # latent dimensions
DEVIATIONS = 3.0  # of the run's latents, to each side
DREAM_WARM_UP_STEPS = 60
DREAM_PICTURES = 10
DREAM_STEPS_APART = 4  # a quarter of a second


@dataclass(frozen=True)
class Options:
    """Make the README's pictures from a recorded run and the packed model."""

    run: Path = option("run folder of local_eval.py, with movies")
    pretrained: Path = option("the packed model whose view is shown", PROJECT_DIR / "pretrained")
    tuning: Path | None = option("JSON of local_eval.py tune, for the threshold's curve", None)
    out: Path = option("where the pictures go", PROJECT_DIR / "results/pictures")


@dataclass(frozen=True)
class Recording:
    """An episode played again, a step of the contest at a time.

    Attributes:
        zone: the level's zone, "MeadowZone" of "MeadowZone.Act3".
        level: the entry of results.json.
        frames: uint8 (T + 1, height, width, 3) RGB.
        buttons: uint8 (T, 12); buttons[t] led to frames[t + 1].
    """

    zone: str
    level: LevelResult
    frames: NDArray[np.uint8]
    buttons: NDArray[np.uint8]


def main(argv: Sequence[str] | None = None) -> int:
    """Make all pictures that there is something for."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.figures.gallery")
    imagination = Imagination(options.pretrained)
    recordings = [record(options.run, level) for level in chosen_levels(options.run)]
    best = max(recordings, key=lambda recording: recording.level.best_return or 0.0)
    options.out.mkdir(parents=True, exist_ok=True)
    made = {
        "play.gif": film(options.out / "play.gif", best, imagination),
        "reconstructions.png": reconstruct(options.out, recordings, imagination),
        "traversals.png": traverse(options.out, recordings, imagination),
        "dream.png": dream(options.out, best, imagination),
    }
    if len(recordings) > 1:
        made["interpolations.png"] = interpolate(options.out, recordings, imagination)
    if options.tuning is not None:
        made["lock_in_curve.png"] = draw_curve(options.out / "lock_in_curve.png", options.tuning)
    about = {
        "command": shlex.join(
            ["python", "-m", "benchmarks.figures.gallery", *(argv or sys.argv[1:])]
        ),
        "model": model_digest(load(options.pretrained)),
        "episodes": [
            {"level": r.level.level, "return": r.level.best_return, "steps": len(r.buttons)}
            for r in recordings
        ],
        "pictures": made,
    }
    write_atomically(options.out / "gallery.json", json.dumps(about, indent=2).encode() + b"\n")
    for name in made:
        print(options.out / name)
    return 0


def chosen_levels(run: Path) -> list[LevelResult]:
    """Of each zone the level with the highest return, in the order played.

    Raises:
        UserError: no level of the run has a movie.
    """
    zones: dict[str, LevelResult] = {}
    for level in read_results(run).levels:
        if level.best_return is None or "best" not in level.movies:
            continue
        before = zones.get(zone_of(level))
        if before is None or level.best_return > (before.best_return or 0.0):
            zones[zone_of(level)] = level
    if not zones:
        raise UserError(f"{run} has no movie of a finished episode: give a run that has")
    return list(zones.values())


def zone_of(level: LevelResult) -> str:
    """The zone of "GAME:ZONE.ACT", or all behind the colon."""
    return level.level.partition(":")[2].partition(".")[0]


def record(run: Path, level: LevelResult) -> Recording:
    """Play a level's best episode again."""
    movie = run / level.movies["best"]
    with replaying(movie, integration_of(movie)) as replay:
        frames, buttons = [replay.first_picture()], []
        for pressed, frame in replay.steps(FRAME_SKIP):
            buttons.append(pressed)
            frames.append(frame)
    return Recording(zone_of(level), level, np.stack(frames), np.stack(buttons))


def film(path: Path, best: Recording, imagination: Imagination) -> dict[str, Any]:
    """The moving picture at the top of the README."""
    imagination.reset()
    seen = [imagination.see(best.frames[0])]
    expected = [seen[0]]
    for pressed, frame in zip(best.buttons, best.frames[1:], strict=True):
        expected.append(imagination.expect(from_genesis(pressed)))
        seen.append(imagination.see(frame))
    return write_gif(path, best.frames, np.stack(seen), np.stack(expected), best.buttons)


def reconstruct(out: Path, recordings: Sequence[Recording], imagination: Imagination) -> Any:
    """Frames from the run, evenly spaced, above V's view of them."""
    frames = [
        recording.frames[step]
        for recording in recordings
        for step in np.linspace(0, middle(recording) * 2, FRAMES_A_ZONE + 2, dtype=int)[1:-1]
    ]
    real = np.stack([preprocess(frame, imagination.spec) for frame in frames])
    seen = np.stack([imagination.see(frame) for frame in frames])
    write_rows(out / "reconstructions.png", [real, seen], labels=["the game", "V sees"], enlarge=1)
    return {"zones": [recording.zone for recording in recordings]}


def interpolate(out: Path, recordings: Sequence[Recording], imagination: Imagination) -> Any:
    """Decode the straight way from one zone's latent to the next one's."""
    latents = [middle_latent(recording, imagination) for recording in recordings]
    rows = []
    for start, end in itertools.pairwise(latents):
        ways = np.linspace(0, 1, INTERPOLATED, dtype=np.float32)
        rows.append(np.stack([imagination.decode((1 - w) * start + w * end) for w in ways]))
    zones = [recording.zone.removesuffix("Zone") for recording in recordings]
    labels = [f"{start} - {end}" for start, end in itertools.pairwise(zones)]
    write_rows(out / "interpolations.png", rows, labels=labels, enlarge=1)
    return {"between": labels}


def middle(recording: Recording) -> int:
    """The step in the middle of an episode's first `FIRST_STEPS`."""
    return min(len(recording.frames) - 1, FIRST_STEPS) // 2


def middle_latent(recording: Recording, imagination: Imagination) -> NDArray[np.float32]:
    """The latent of that step's frame."""
    imagination.observe(recording.frames[middle(recording)])
    return imagination.latent


def traverse(out: Path, recordings: Sequence[Recording], imagination: Imagination) -> Any:
    """Change one dimension of one frame's latent at a time, those that vary most in the run."""
    latents = []
    for recording in recordings:
        for frame in recording.frames[:: max(1, len(recording.frames) // 60)]:
            imagination.observe(frame)
            latents.append(imagination.latent)
    spread = np.std(latents, axis=0)
    start = middle_latent(recordings[0], imagination)
    dimensions = np.argsort(-spread)[:TRAVERSED]
    rows = []
    for dimension in dimensions:
        row = []
        for shift in np.linspace(-DEVIATIONS, DEVIATIONS, INTERPOLATED):
            latent = start.copy()
            latent[dimension] += shift * spread[dimension]
            row.append(imagination.decode(latent))
        rows.append(np.stack(row))
    labels = [f"z{dimension}, ±{DEVIATIONS:g} sd" for dimension in dimensions]
    write_rows(out / "traversals.png", rows, labels=labels, enlarge=1)
    return {"dimensions": dimensions.tolist(), "deviations": spread[dimensions].tolist()}


def dream(out: Path, best: Recording, imagination: Imagination) -> Any:
    """What happened, what V saw, what M expected a step before, and what M dreams by itself."""
    steps = DREAM_PICTURES * DREAM_STEPS_APART
    warm_up = max(1, min(DREAM_WARM_UP_STEPS, len(best.buttons) - steps))
    shown = range(warm_up, min(warm_up + steps, len(best.frames)), DREAM_STEPS_APART)
    actions = [from_genesis(pressed) for pressed in best.buttons]
    seen, expected, dreamed = [], [], []
    imagination.reset()
    imagination.observe(best.frames[0])
    for step in range(1, shown[-1] + 1):
        foretold = imagination.expect(actions[step - 1])
        picture = imagination.see(best.frames[step])
        if step in shown:
            expected.append(foretold)
            seen.append(picture)
    imagination.reset()
    for step in range(warm_up - 1):
        imagination.follow(best.frames[step], actions[step])
    imagination.observe(best.frames[warm_up - 1])
    for step in range(warm_up, shown[-1] + 1):
        picture = imagination.dream(actions[step - 1])
        if step in shown:
            dreamed.append(picture)
    game = [preprocess(best.frames[step], imagination.spec) for step in shown]
    rows = [np.stack(pictures) for pictures in (game, seen, expected, dreamed)]
    labels = ["the game", "V sees", "M expected", "M dreams on"]
    write_rows(out / "dream.png", rows, labels=labels, enlarge=1)
    return {"level": best.level.level, "warm_up_steps": warm_up, "steps_apart": DREAM_STEPS_APART}


if __name__ == "__main__":
    command_line.run(main)
