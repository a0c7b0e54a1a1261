"""The videos of a report: the frame's content, the chosen episodes, and one rendered end to end."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from agent.buttons import ACTION_BUTTONS, GENESIS_BUTTONS
from arena.pages.report.record_reader import read_record
from arena.pages.report.videos import choose_episodes, make_videos
from arena.replay import render_episode
from arena.replay.render_episode import GAME_SIZE, LIT, StepView
from benchmarks.made_runs import THRESHOLD, MadeLevel, lucky_level, write_run

LEVEL = "Airstriker-Genesis-v0:Level1"

RECORDER = """
import sys, numpy as np, stable_retro
env = stable_retro.make("Airstriker-Genesis-v0", render_mode="rgb_array")
env.record_movie(sys.argv[1])
env.reset()
shoot = np.zeros(12, np.uint8)
shoot[0] = 1
for _ in range(90):
    env.step(shoot)
env.stop_record()
"""


class MadeReplay:
    """Five steps; all pixels of step n are n, and each step presses another button."""

    buttons = list(GENESIS_BUTTONS)
    length = 18  # four whole steps and half of a fifth

    def first_frame(self) -> np.ndarray:
        return np.zeros((224, 320, 3), np.uint8)

    def steps(self, frame_skip: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for number in range(5):
            buttons = np.zeros(12, np.uint8)
            buttons[GENESIS_BUTTONS.index(ACTION_BUTTONS[number % 4])] = 1
            yield buttons, np.full((224, 320, 3), number + 1, np.uint8)


class MadeViews:
    """Reconstructs a frame of the frame's number, and predicts a frame of the button's."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def reset(self) -> None:
        self.calls.append("reset")

    def reconstruct(self, frame: np.ndarray) -> np.ndarray:
        self.calls.append(f"reconstruct {frame.max()}")
        return np.full((64, 64, 3), frame.max(), np.uint8)

    def predict(self, action: np.ndarray) -> np.ndarray:
        self.calls.append(f"predict {action.tolist()}")
        return np.full((64, 64, 3), 100 + int(action.argmax()), np.uint8)


def test_the_model_computes_every_step_although_some_are_skipped() -> None:
    views = MadeViews()
    shown = list(render_episode.step_views(MadeReplay(), views, every=2))  # type: ignore[arg-type]
    assert [view.number for view in shown] == [0, 2, 4, 5]
    assert [view.game.max() for view in shown] == [0, 2, 4, 5]
    assert [view.pressed for view in shown] == [["B"], ["LEFT"], ["B"], []]
    assert [view.reconstruction.max() for view in shown if view.reconstruction is not None] == [
        0,
        2,
        4,
        5,
    ]
    assert [view.prediction.max() for view in shown[:3] if view.prediction is not None] == [
        *(100, 102, 100)
    ]
    assert views.calls[:3] == ["reset", "reconstruct 0", "predict [1, 0, 0, 0]"]
    assert sum(call.startswith("reconstruct") for call in views.calls) == 6


def test_a_frame_shows_the_game_the_buttons_and_the_decoded_views() -> None:
    game = np.random.default_rng(1).integers(0, 256, (224, 320, 3)).astype(np.uint8)
    plain = render_episode.draw(StepView(3, game, ["RIGHT"], None, None), 10, 1)
    assert plain.shape == (536, 640, 3)
    assert (plain[88::2, ::2] == game).all()  # below the buttons and the title, twice as large
    lit = (plain[:88] == LIT).all(axis=2)
    assert lit.sum() > 500
    nothing = render_episode.draw(StepView(3, game, [], None, None), 10, 1)
    assert not (nothing[:88] == LIT).all(axis=2).any()
    reconstruction, prediction = (np.full((64, 64, 3), shade, np.uint8) for shade in (50, 200))
    whole = render_episode.draw(StepView(3, game, [], reconstruction, prediction), 10, 1)
    assert whole.shape == (536, 960, 3)
    side = whole[:, GAME_SIZE[0] :]
    assert (side[200, 160] == 50).all() and (side[450, 160] == 200).all()


def test_a_model_that_can_not_be_opened_is_reported(tmp_path: Path) -> None:
    assert render_episode.open_views(None) == (None, "")
    views, problem = render_episode.open_views(str(tmp_path))
    assert views is None and problem


def test_the_best_episode_and_a_typical_one_of_the_median_level_are_chosen(tmp_path: Path) -> None:
    levels = [
        replace(
            lucky_level(f"G:{name}", 5, seed),
            movies={name_of: f"{name} {name_of}".encode() for name_of in ("best", "typical")},
        )
        for seed, name in enumerate("ABC", 1)
    ]
    levels[1] = replace(levels[1], returns=[10.0, THRESHOLD + 2000.0, 10.0])
    run = read_record(write_run(tmp_path / "run", levels))
    best, typical = choose_episodes(run)
    assert (best.title, best.level.state) == ("best", "B")
    means = sorted((float(np.mean(level.returns)), level.name) for level in levels)
    assert (typical.title, typical.level.result.level) == ("typical", means[1][1])
    assert typical.number == 0 and typical.episode_return == typical.level.returns[0]


def test_the_same_episode_is_not_shown_twice(tmp_path: Path) -> None:
    level = replace(lucky_level("G:A", 1), movies={"best": b"same", "typical": b"same"})
    run = read_record(write_run(tmp_path / "run", [level]))
    assert [episode.title for episode in choose_episodes(run)] == ["best"]
    older = replace(level, movies={"first": b"first"})
    run = read_record(write_run(tmp_path / "older", [older]))
    assert [episode.title for episode in choose_episodes(run)] == ["first"]
    none = read_record(write_run(tmp_path / "none", [lucky_level("G:A", 2)]))
    assert choose_episodes(none) == []


def test_an_episode_is_rendered_and_a_broken_one_gives_the_reason(tmp_path: Path) -> None:
    movie = tmp_path / "played.bk2"
    subprocess.run([sys.executable, "-c", RECORDER, movie], check=True, timeout=120)
    movies = {"best": movie.read_bytes(), "typical": b"no movie"}
    level = MadeLevel(LEVEL, [20.0, 0.0], movies=movies, scenario="scenario")
    run = read_record(write_run(tmp_path / "run", [level], journal=False))
    rendered, broken = make_videos(run, choose_episodes(run))
    assert (rendered.result.steps, rendered.result.every, rendered.result.shown) == (23, 1, 24)
    assert rendered.result.problem == "" and not rendered.result.decoded
    out = tmp_path / "video.mp4"
    out.write_bytes(base64.b64decode(rendered.source.partition(",")[2]))
    reader = imageio_ffmpeg.read_frames(str(out))
    about = next(reader)
    assert (about["size"], about["fps"], about["codec"]) == ((640, 536), 15.0, "h264")
    assert sum(1 for _ in reader) == 24 + render_episode.HELD_AT_END
    assert rendered.poster.startswith("data:image/jpeg;base64,")
    assert broken.source == "" and "is not a .bk2 movie" in broken.result.problem
