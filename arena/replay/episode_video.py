"""Renders recorded episodes to videos for the report, with the world model's decoded views.

Each episode is played again on an emulator in its own process: a process can have only one
emulator, and an error in it affects one video, not the whole report.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from arena.evaluation.run_folder import PROJECT_DIR

TIMEOUT_SECONDS = 300.0  # one video takes about ten seconds, or longer on a busy machine
PROCESSES = 2


@dataclass(frozen=True)
class RecordedEpisode:
    """A recorded episode, and what is needed to play it again.

    Attributes:
        movie: the .bk2.
        integration: folder of a game that is not part of stable-retro; None for its games.
        pretrained: the packed model whose views are decoded; None: the video shows the game only.
    """

    movie: Path
    integration: Path | None = None
    pretrained: Path | None = None


@dataclass(frozen=True)
class RenderRequest:
    """The argument of a rendering process (`arena.replay.render_episode`); JSON values only."""

    movie: str
    integration: str | None
    pretrained: str | None
    video: str
    poster: str


@dataclass(frozen=True)
class RenderResult:
    """The answer of a rendering process.

    Attributes:
        steps: agent steps of the episode.
        every: the video shows every `every`-th step.
        shown: number of steps in the video.
        decoded: whether the video shows the world model's views beside the game.
        problem: why there is no video, or why it lacks the views of the given model; "" if there
            is no problem.
    """

    steps: int
    every: int
    shown: int
    decoded: bool
    problem: str = ""


@dataclass(frozen=True)
class EpisodeVideo:
    """A rendered episode; `mp4` and `poster` are empty if rendering failed.

    Attributes:
        result: how it was rendered, or why it was not.
        mp4: the video.
        poster: a JPEG of the frame in its middle.
    """

    result: RenderResult
    mp4: bytes = b""
    poster: bytes = b""


def render_episodes(episodes: Sequence[RecordedEpisode]) -> list[EpisodeVideo]:
    """Render episodes, two at a time; `result.problem` says why one failed."""
    with (
        tempfile.TemporaryDirectory(prefix="report-") as folder,
        ThreadPoolExecutor(PROCESSES) as pool,
    ):
        stems = [Path(folder, str(number)) for number in range(len(episodes))]
        return list(pool.map(_render, episodes, stems))


def _render(episode: RecordedEpisode, stem: Path) -> EpisodeVideo:
    """Render an episode; `stem` is the path of the video and the poster without their endings."""
    request = RenderRequest(  # absolute paths: the process works in another folder
        movie=str(episode.movie.absolute()),
        integration=str(episode.integration.absolute()) if episode.integration else None,
        pretrained=str(episode.pretrained.absolute()) if episode.pretrained else None,
        video=f"{stem}.mp4",
        poster=f"{stem}.jpg",
    )
    command = [sys.executable, "-m", "arena.replay.render_episode", json.dumps(asdict(request))]
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT_DIR,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _failed(f"rendering took more than {TIMEOUT_SECONDS:.0f} s")
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return _failed(lines[-1] if lines else f"exit code {done.returncode}")
    result = RenderResult(**json.loads(done.stdout.splitlines()[-1]))
    return EpisodeVideo(result, Path(request.video).read_bytes(), Path(request.poster).read_bytes())


def _failed(reason: str) -> EpisodeVideo:
    return EpisodeVideo(RenderResult(0, 1, 0, False, reason.removeprefix("error: ")))
