"""Videos of recorded episodes: the game, what V sees, what M expects next, the buttons pressed.

An episode is played again on the emulator, in a process of its own: there is room for one
emulator in each, and what goes wrong in it costs a video, not the report.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.files import sha256
from arena.evaluation.run_folder import PROJECT_DIR
from arena.pages.report.records import LevelRecord, RunRecord

SECONDS_TO_FILM = 300.0  # one takes some ten seconds; a machine under load longer
AT_ONCE = 2


@dataclass(frozen=True)
class Take:
    """Which recorded episode to film.

    Attributes:
        title: "best", "typical" or "first".
        level: whose episode it is.
        movie: the .bk2.
        episode: its number from 0; None where an older run does not say.
        episode_return: None likewise.
    """

    title: str
    level: LevelRecord
    movie: Path
    episode: int | None
    episode_return: float | None


@dataclass(frozen=True)
class Filmed:
    """What a camera process says of its video.

    Attributes:
        steps: of the episode.
        shown: of them, so many are in the video, one each `every` steps.
        imagined: the model's pictures are beside the game's.
        problem: why they are not, though the agent has a model; or why there is no video.
    """

    steps: int
    every: int
    shown: int
    imagined: bool
    problem: str = ""


@dataclass(frozen=True)
class Video:
    """A video for the page; `source` is "" where filming failed.

    Attributes:
        take: what it shows.
        filmed: how.
        source: data URI of the mp4.
        poster: data URI of a picture out of its middle.
    """

    take: Take
    filmed: Filmed
    source: str
    poster: str


@dataclass(frozen=True)
class Order:
    """What a camera process is told; JSON values only."""

    movie: str
    integration: str | None
    pretrained: str | None
    video: str
    poster: str


def takes(run: RunRecord) -> list[Take]:
    """The best episode of the run, and the typical one of the level with the middle score."""
    played = [level for level in run.levels if len(level.returns)]
    chosen = []
    with_best = [level for level in played if _movie(run, level, "best")]
    if with_best:
        best = max(with_best, key=lambda level: level.result.best_return or 0.0)
        chosen.append(_take(run, best, "best"))
    with_typical = [level for level in played if _movie(run, level, "typical")]
    if with_typical:
        with_typical.sort(key=lambda level: float(level.returns.mean()))
        chosen.append(_take(run, with_typical[(len(with_typical) - 1) // 2], "typical"))
    if len(chosen) == 2 and chosen[0].movie.read_bytes() == chosen[1].movie.read_bytes():
        return chosen[:1]
    if not chosen:  # not even one finished episode, or a run of before
        first = [level for level in run.levels if _movie(run, level, "first")]
        chosen = [_take(run, level, "first") for level in first[:1]]
    return chosen


def film(run: RunRecord, wanted: Sequence[Take]) -> list[Video]:
    """Film some episodes, two at a time; one that fails says so in its `filmed.problem`."""
    with (
        tempfile.TemporaryDirectory(prefix="report-") as folder,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        places = [Path(folder, str(number)) for number in range(len(wanted))]
        return list(pool.map(lambda take, place: _film(run, take, place), wanted, places))


def repacked(run: RunRecord) -> bool:
    """Whether the model is another one now than when the run was played."""
    then = run.agent_settings.get("manifest_sha256")
    try:
        return bool(run.pretrained and then and sha256(run.pretrained / "manifest.json") != then)
    except OSError:
        return False


def _film(run: RunRecord, take: Take, place: Path) -> Video:
    integration = take.level.integration
    order = Order(  # the camera works in another folder
        movie=str(take.movie.absolute()),
        integration=str(Path(integration).absolute()) if integration else None,
        pretrained=str(run.pretrained.absolute()) if run.pretrained else None,
        video=f"{place}.mp4",
        poster=f"{place}.jpg",
    )
    command = [sys.executable, "-m", "arena.replay.camera", json.dumps(asdict(order))]
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT_DIR,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_FILM,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _failed(take, f"it took longer than {SECONDS_TO_FILM:.0f} s")
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return _failed(take, said[-1] if said else f"exit code {done.returncode}")
    filmed = Filmed(**json.loads(done.stdout.splitlines()[-1]))
    return Video(
        take,
        filmed,
        _data_uri("video/mp4", Path(order.video)),
        _data_uri("image/jpeg", Path(order.poster)),
    )


def _failed(take: Take, reason: str) -> Video:
    return Video(take, Filmed(0, 1, 0, False, reason.removeprefix("error: ")), "", "")


def _data_uri(kind: str, path: Path) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _take(run: RunRecord, level: LevelRecord, title: str) -> Take:
    number = level.result.movie_episodes.get(title)
    if number is None and title == "best":
        number = level.result.best_episode
    value = None
    if number is not None:
        found = (level.numbers == number).nonzero()[0]
        value = float(level.returns[found[0]]) if len(found) else None
    path = _movie(run, level, title)
    assert path is not None
    return Take(title, level, path, number, value)


def _movie(run: RunRecord, level: LevelRecord, title: str) -> Path | None:
    name = level.result.movies.get(title)
    path = run.folder / name if name else None
    return path if path is not None and path.is_file() else None
