"""Makes the pictures in the documents from a recorded run and a packed model.

    python -m benchmarks.figures.gallery --run runs/RUN [--tuning FILE]

It replays the best episode of each zone in the run, and writes to results/pictures

    play.gif             the best episode: the game, V's view, M's prediction, the buttons
    reconstructions.png  frames of each zone, and V's view of them
    interpolations.png   decoded latents, interpolated between two zones
    traversals.png       one latent dimension changed, for the dimensions that vary most
    dream.png            M continues from its own predictions, given only the buttons
    lock_in_curve.png    the score against the lock-in's threshold, from the tuner's JSON
    gallery.json         the run and the model of the pictures
"""

from __future__ import annotations

import itertools
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.buttons import from_genesis
from agent.command_line import option
from agent.errors import UserError
from agent.files import write_atomically
from agent.world_model.packed_model import load
from agent.world_model.preprocess import preprocess
from arena.environment.contest_rules import FRAME_SKIP
from arena.evaluation.kept_movies import integration_of
from arena.evaluation.results import LevelResult, read_results
from arena.evaluation.run_folder import PROJECT_DIR
from arena.replay.decoded_views import DecodedViews
from arena.replay.movies import replaying
from benchmarks.figures.gallery_film import write_gif
from benchmarks.identity import model_digest
from training.pictures.rows import write_rows

FRAMES_A_ZONE = 2
FIRST_STEPS = 300  # only these steps are shown; later the player may not move for minutes
INTERPOLATED = 9  # pictures of an interpolation, both ends included
TRAVERSED = 7  # number of latent dimensions drawn
DEVIATIONS = 3.0  # largest change, in standard deviations of the run's latents
DREAM_WARM_UP_STEPS = 60
DREAM_PICTURES = 10
DREAM_STEPS_APART = 4  # a quarter of a second


@dataclass(frozen=True)
class Options:
    """Make the documents' pictures from a recorded run and the packed model."""

    extra: ClassVar[str] = "train"

    run: Path = option("run folder of local_eval.py, with movies")
    pretrained: Path = option(
        "folder of the packed model whose view is shown", PROJECT_DIR / "pretrained"
    )
    tuning: Path | None = option(
        "tune.json of local_eval.py tune, for the curve of the threshold", None
    )
    out: Path = option("folder of the pictures", PROJECT_DIR / "results/pictures")


@dataclass(frozen=True)
class ReplayedEpisode:
    """A recorded episode, replayed.

    Attributes:
        zone: zone of the level, such as "MeadowZone" of "MeadowZone.Act3".
        level: the level's entry in results.json.
        frames: uint8 (T + 1, height, width, 3) RGB.
        buttons: uint8 (T, 12); buttons[t] led to frames[t + 1].
    """

    zone: str
    level: LevelResult
    frames: NDArray[np.uint8]
    buttons: NDArray[np.uint8]


def main(argv: Sequence[str] | None = None) -> int:
    """Make the pictures and print their paths."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.figures.gallery")
    views = DecodedViews(options.pretrained)
    recordings = [record(options.run, level) for level in chosen_levels(options.run)]
    best = max(recordings, key=lambda recording: recording.level.best_return or 0.0)
    options.out.mkdir(parents=True, exist_ok=True)
    made = {
        "play.gif": animate(options.out / "play.gif", best, views),
        "reconstructions.png": reconstruct(options.out, recordings, views),
        "traversals.png": traverse(options.out, recordings, views),
        "dream.png": dream(options.out, best, views),
    }
    if len(recordings) > 1:
        made["interpolations.png"] = interpolate(options.out, recordings, views)
    if options.tuning is not None:
        from benchmarks.figures.gallery_plots import draw_curve  # --help does not need matplotlib

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
    """Return the level with the highest return in each zone, in the order played.

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
        raise UserError(f"{run} has no movie of a finished episode: give a run with movies")
    return list(zones.values())


def zone_of(level: LevelResult) -> str:
    """Return the zone of "GAME:ZONE.ACT"."""
    return level.level.partition(":")[2].partition(".")[0]


def record(run: Path, level: LevelResult) -> ReplayedEpisode:
    """Replay a level's best episode."""
    movie = run / level.movies["best"]
    with replaying(movie, integration_of(movie)) as replay:
        frames, buttons = [replay.first_frame()], []
        for pressed, frame in replay.steps(FRAME_SKIP):
            buttons.append(pressed)
            frames.append(frame)
    return ReplayedEpisode(zone_of(level), level, np.stack(frames), np.stack(buttons))


def animate(path: Path, best: ReplayedEpisode, views: DecodedViews) -> dict[str, Any]:
    """Write the animation of the best episode."""
    views.reset()
    seen = [views.reconstruct(best.frames[0])]
    expected = [seen[0]]
    for pressed, frame in zip(best.buttons, best.frames[1:], strict=True):
        expected.append(views.predict(from_genesis(pressed)))
        seen.append(views.reconstruct(frame))
    return write_gif(path, best.frames, np.stack(seen), np.stack(expected), best.buttons)


def reconstruct(out: Path, recordings: Sequence[ReplayedEpisode], views: DecodedViews) -> Any:
    """Write frames from the run, evenly spaced, above their reconstructions by V."""
    frames = [
        recording.frames[step]
        for recording in recordings
        for step in np.linspace(0, middle(recording) * 2, FRAMES_A_ZONE + 2, dtype=int)[1:-1]
    ]
    real = np.stack([preprocess(frame, views.spec) for frame in frames])
    seen = np.stack([views.reconstruct(frame) for frame in frames])
    write_rows(out / "reconstructions.png", [real, seen], labels=["the game", "V sees"], enlarge=1)
    return {"zones": [recording.zone for recording in recordings]}


def interpolate(out: Path, recordings: Sequence[ReplayedEpisode], views: DecodedViews) -> Any:
    """Write decoded latents on the straight line from one zone's latent to the next one's."""
    latents = [middle_latent(recording, views) for recording in recordings]
    rows = []
    for start, end in itertools.pairwise(latents):
        shares = np.linspace(0, 1, INTERPOLATED, dtype=np.float32)
        rows.append(np.stack([views.decode((1 - s) * start + s * end) for s in shares]))
    zones = [recording.zone.removesuffix("Zone") for recording in recordings]
    labels = [f"{start} - {end}" for start, end in itertools.pairwise(zones)]
    write_rows(out / "interpolations.png", rows, labels=labels, enlarge=1)
    return {"between": labels}


def middle(recording: ReplayedEpisode) -> int:
    """Return the step in the middle of an episode's first `FIRST_STEPS` steps."""
    return min(len(recording.frames) - 1, FIRST_STEPS) // 2


def middle_latent(recording: ReplayedEpisode, views: DecodedViews) -> NDArray[np.float32]:
    """Return the latent of the frame at that step."""
    views.encode(recording.frames[middle(recording)])
    return views.latent


def traverse(out: Path, recordings: Sequence[ReplayedEpisode], views: DecodedViews) -> Any:
    """Write a frame with one latent dimension changed, for those that vary most in the run."""
    latents = []
    for recording in recordings:
        for frame in recording.frames[:: max(1, len(recording.frames) // 60)]:
            views.encode(frame)
            latents.append(views.latent)
    spread = np.std(latents, axis=0)
    start = middle_latent(recordings[0], views)
    dimensions = np.argsort(-spread)[:TRAVERSED]
    rows = []
    for dimension in dimensions:
        row = []
        for shift in np.linspace(-DEVIATIONS, DEVIATIONS, INTERPOLATED):
            latent = start.copy()
            latent[dimension] += shift * spread[dimension]
            row.append(views.decode(latent))
        rows.append(np.stack(row))
    labels = [f"z{dimension}, ±{DEVIATIONS:g} sd" for dimension in dimensions]
    write_rows(out / "traversals.png", rows, labels=labels, enlarge=1)
    return {"dimensions": dimensions.tolist(), "deviations": spread[dimensions].tolist()}


def dream(out: Path, best: ReplayedEpisode, views: DecodedViews) -> Any:
    """Write the game, V's view, M's one-step prediction, and M's dream."""
    steps = DREAM_PICTURES * DREAM_STEPS_APART
    warm_up = max(1, min(DREAM_WARM_UP_STEPS, len(best.buttons) - steps))
    shown = range(warm_up, min(warm_up + steps, len(best.frames)), DREAM_STEPS_APART)
    actions = [from_genesis(pressed) for pressed in best.buttons]
    seen, expected, dreamed = [], [], []
    views.reset()
    views.encode(best.frames[0])
    for step in range(1, shown[-1] + 1):
        predicted = views.predict(actions[step - 1])
        picture = views.reconstruct(best.frames[step])
        if step in shown:
            expected.append(predicted)
            seen.append(picture)
    views.reset()
    for step in range(warm_up - 1):
        views.step(best.frames[step], actions[step])
    views.encode(best.frames[warm_up - 1])
    for step in range(warm_up, shown[-1] + 1):
        picture = views.dream(actions[step - 1])
        if step in shown:
            dreamed.append(picture)
    game = [preprocess(best.frames[step], views.spec) for step in shown]
    rows = [np.stack(pictures) for pictures in (game, seen, expected, dreamed)]
    labels = ["the game", "V sees", "M expected", "M dreams on"]
    write_rows(out / "dream.png", rows, labels=labels, enlarge=1)
    return {"level": best.level.level, "warm_up_steps": warm_up, "steps_apart": DREAM_STEPS_APART}


if __name__ == "__main__":
    command_line.run(main)
