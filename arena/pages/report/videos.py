"""Chooses the episodes that a report shows as videos, and renders them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.files import sha256
from arena.pages.report.records import LevelRecord, RunRecord
from arena.replay.episode_video import RecordedEpisode, RenderResult, render_episodes


@dataclass(frozen=True)
class ChosenEpisode:
    """A recorded episode that the report shows.

    Attributes:
        title: "best", "typical" or "first".
        level: the level it was played on.
        movie: the .bk2.
        number: number of the episode, from 0; None if results.json does not say.
        episode_return: its return; None if it is not known.
    """

    title: str
    level: LevelRecord
    movie: Path
    number: int | None
    episode_return: float | None


@dataclass(frozen=True)
class ReportVideo:
    """A video of the page.

    Attributes:
        episode: the episode.
        result: how it was rendered, or why not.
        source: data URI of the mp4; "" if rendering failed.
        poster: data URI of the picture shown before the video plays.
    """

    episode: ChosenEpisode
    result: RenderResult
    source: str
    poster: str


def choose_episodes(run: RunRecord) -> list[ChosenEpisode]:
    """Choose the run's best episode and the typical one of the level with the middle score."""
    played = [level for level in run.levels if len(level.returns)]
    chosen = []
    with_best = [level for level in played if _movie(run, level, "best")]
    if with_best:
        best = max(with_best, key=lambda level: level.result.best_return or 0.0)
        chosen.append(_chosen(run, best, "best"))
    with_typical = [level for level in played if _movie(run, level, "typical")]
    if with_typical:
        with_typical.sort(key=lambda level: float(level.returns.mean()))
        chosen.append(_chosen(run, with_typical[(len(with_typical) - 1) // 2], "typical"))
    if len(chosen) == 2 and chosen[0].movie.read_bytes() == chosen[1].movie.read_bytes():
        return chosen[:1]
    if not chosen:  # no episode has finished
        first = [level for level in run.levels if _movie(run, level, "first")]
        chosen = [_chosen(run, level, "first") for level in first[:1]]
    return chosen


def make_videos(run: RunRecord, episodes: Sequence[ChosenEpisode]) -> list[ReportVideo]:
    """Render the chosen episodes; `result.problem` says why one failed."""
    recorded = [
        RecordedEpisode(
            episode.movie,
            Path(episode.level.integration) if episode.level.integration else None,
            run.pretrained,
        )
        for episode in episodes
    ]
    return [
        ReportVideo(
            episode,
            video.result,
            _data_uri("video/mp4", video.mp4),
            _data_uri("image/jpeg", video.poster),
        )
        for episode, video in zip(episodes, render_episodes(recorded), strict=True)
    ]


def model_changed(run: RunRecord) -> bool:
    """Whether the packed model was changed after the run was played."""
    then = run.agent_settings.get("manifest_sha256")
    try:
        return bool(run.pretrained and then and sha256(run.pretrained / "manifest.json") != then)
    except OSError:
        return False


def _chosen(run: RunRecord, level: LevelRecord, title: str) -> ChosenEpisode:
    number = level.result.movie_episodes.get(title)
    if number is None and title == "best":
        number = level.result.best_episode
    value = None
    if number is not None:
        found = (level.numbers == number).nonzero()[0]
        value = float(level.returns[found[0]]) if len(found) else None
    path = _movie(run, level, title)
    assert path is not None
    return ChosenEpisode(title, level, path, number, value)


def _movie(run: RunRecord, level: LevelRecord, title: str) -> Path | None:
    name = level.result.movies.get(title)
    path = run.folder / name if name else None
    return path if path is not None and path.is_file() else None


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if content else ""
