"""Reads the result of a level that was played from the files in its folder."""

from __future__ import annotations

from pathlib import Path

from agent import journal
from agent.journal_reader import lock_in_timesteps, read_journal
from arena.environment.levels import Level
from arena.evaluation.kept_movies import keep_chosen_movies
from arena.evaluation.results import LevelFailure, LevelResult
from arena.evaluation.score import (
    MonitorFileError,
    bootstrap_interval,
    finite_returns,
    level_score,
)
from arena.server.monitor import MONITOR_FILE
from arena.server.process import ServerResultError, read_result


def read_level_result(
    level: Level, run_dir: Path, folder: Path, failure: LevelFailure | None
) -> LevelResult:
    """Read a level's numbers from its files, and delete the movies that are not kept.

    Args:
        level: the level.
        run_dir: the run folder.
        folder: the level's folder in the run folder.
        failure: why the level failed; None if it did not. A damaged file is a failure too.
    """
    returns: list[float] = []
    end = None
    try:
        returns = finite_returns(folder / MONITOR_FILE)
        end = read_result(folder)
    except (MonitorFileError, ServerResultError) as error:
        failure = failure or LevelFailure(str(error), "")
    kept = keep_chosen_movies(folder / "movies", returns)
    played = read_journal(folder / "out" / journal.FILE_NAME)
    return LevelResult(
        level=level.name,
        folder=str(folder.relative_to(run_dir)),
        status="failed" if failure else "finished",
        ended_by=end.reason if end else None,
        score=None if failure else level_score(returns),
        interval=None if failure else bootstrap_interval([returns]),
        best_return=max(returns, default=None),
        best_episode=returns.index(max(returns)) if returns else None,
        episodes=len(returns),
        timesteps=end.timesteps if end else None,
        locked_in_at=lock_in_timesteps(played.episodes) if played else None,
        seconds=end.seconds if end else None,
        steps_per_second=end.timesteps / end.seconds if end and end.seconds else None,
        movies={name: str(movie.path.relative_to(run_dir)) for name, movie in kept.items()},
        movie_episodes={name: movie.episode for name, movie in kept.items()},
        error=failure,
    )
