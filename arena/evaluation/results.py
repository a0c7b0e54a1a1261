"""results.json of a run folder: writes and reads it with one set of names.

Schema, version 1 (a number that does not exist is null, never 0):

    format        "world-models-contest/results"
    version       1
    complete      true once every level has finished or failed
    agent         the agent's name in a few words
    budget_steps  timesteps per level; a reset counts as one, as in the contest
    interval_method  method of every interval in the file
    mean          score: mean over the levels that have a score; interval: [low, high];
                  levels_scored, levels_total: the number of levels in the mean, and of all levels
                  (a level that failed or finished no episode has no score and is excluded)
    levels        in the order played, each with
      level            "GAME:STATE"
      status           "pending", "finished" or "failed"; a failed level has no score
      folder           the level's folder, relative to the run folder
      ended_by         "timestep-limit" or "wall-clock-limit"; for a failed level
                       "client-closed", "client-disconnected", "protocol-error",
                       "never-connected", or null if the server ended without a result
      score, interval  mean return of the finished episodes (rows of monitor.csv)
      best_return, best_episode  highest return, and the number of the first episode with it,
                       from 0
      episodes         number of finished episodes
      timesteps        timesteps used of the budget
      locked_in_at     timesteps used when the agent's first locked-in episode began, from its
                       journal; null: there was none, or the agent writes no journal
      seconds          seconds from the agent's connection to the end
      steps_per_second timesteps / seconds
      movies           first, best, typical (nearest to the median return): .bk2 files relative to
                       the run folder
      movie_episodes   number of the episode that each movie shows, from 0
      error            for a failed level: reason (one line) and stderr (its last lines)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.level_files import LevelError
from arena.environment.levels import Level
from arena.evaluation.score import INTERVAL_METHOD, Interval, mean_score

FILE_NAME = "results.json"
FORMAT = "world-models-contest/results"
VERSION = 1
NUMBERS = (
    *("score", "best_return", "best_episode", "timesteps", "locked_in_at", "seconds"),
    "steps_per_second",
)


@dataclass(frozen=True)
class LevelFailure:
    """Why a level failed."""

    reason: str
    stderr: str


@dataclass(frozen=True)
class LevelResult:
    """One entry of `levels`; see the module's docstring for the fields."""

    level: str
    folder: str
    status: str = "pending"
    ended_by: str | None = None
    score: float | None = None
    interval: Interval | None = None
    best_return: float | None = None
    best_episode: int | None = None
    episodes: int = 0
    timesteps: int | None = None
    locked_in_at: int | None = None
    seconds: float | None = None
    steps_per_second: float | None = None
    movies: Mapping[str, str] = field(default_factory=dict)
    error: LevelFailure | None = None
    movie_episodes: Mapping[str, int] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """What a table shows in place of a score that does not exist."""
        words = {"pending": "not finished", "finished": "no episode"}
        return words.get(self.status, self.status)


@dataclass(frozen=True)
class RunResults:
    """The content of a results.json."""

    agent: str
    budget_steps: int
    levels: Sequence[LevelResult]
    interval: Interval | None = None  # of the mean

    @property
    def complete(self) -> bool:
        """Whether every level has finished or failed."""
        return all(level.status != "pending" for level in self.levels)

    @property
    def mean(self) -> float | None:
        """Mean over the levels that have a score; None if no level has one."""
        return mean_score([level.score for level in self.levels])

    @property
    def levels_scored(self) -> int:
        """Number of levels in the mean."""
        return sum(level.score is not None for level in self.levels)

    @property
    def failed(self) -> list[LevelResult]:
        """The levels that failed."""
        return [level for level in self.levels if level.status == "failed"]


class RunResultsError(UserError):
    """A results.json is missing or invalid."""


def write_results(folder: Path, results: RunResults) -> None:
    """Write FOLDER/results.json atomically."""
    text = json.dumps(to_json(results), indent=2, allow_nan=False)
    write_atomically(folder / FILE_NAME, text.encode() + b"\n")


def to_json(results: RunResults) -> dict[str, Any]:
    """Return the content of a results.json as JSON values."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "complete": results.complete,
        "agent": results.agent,
        "budget_steps": results.budget_steps,
        "interval_method": INTERVAL_METHOD,
        "mean": {
            "score": results.mean,
            "interval": results.interval,
            "levels_scored": results.levels_scored,
            "levels_total": len(results.levels),
        },
        "levels": [asdict(level) for level in results.levels],
    }


def read_results(folder: Path) -> RunResults:
    """Read FOLDER/results.json.

    Raises:
        RunResultsError: the file is missing, truncated, of another format or version, or has other
            fields or values of another type.
    """
    path = folder / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = (content["format"], content["version"])
        if found != (FORMAT, VERSION):
            raise RunResultsError(
                f"{path} is {found[0]} version {found[1]}, not {FORMAT} {VERSION}"
            )
        results = RunResults(
            agent=content["agent"],
            budget_steps=content["budget_steps"],
            levels=[_level(entry) for entry in content["levels"]],
            interval=_interval(content["mean"]["interval"]),
        )
        _check(results)
        return results
    except FileNotFoundError:
        raise RunResultsError(f"{folder} has no {FILE_NAME}: use another run folder") from None
    except (OSError, ValueError, KeyError, TypeError, LevelError) as error:
        raise RunResultsError(f"{path} can't be read ({error}): use another run folder") from error


def _level(entry: dict[str, Any]) -> LevelResult:
    names = [name.name for name in fields(LevelResult)]
    values = {name: entry[name] for name in names}
    values["interval"] = _interval(values["interval"])
    values["error"] = LevelFailure(**values["error"]) if values["error"] else None
    return LevelResult(**values)


def _interval(pair: list[float] | None) -> Interval | None:
    return (_finite(float(pair[0])), _finite(float(pair[1]))) if pair else None


def _check(results: RunResults) -> None:
    """Check the types of all values.

    Raises:
        TypeError, ValueError: a value has another type; the message names the first one.
        LevelError: a level's name is not GAME:STATE.
    """
    _is(results.agent, str, "agent")
    _is(results.budget_steps, int, "budget_steps")
    for level in results.levels:
        for name in ("level", "folder", "status"):
            _is(getattr(level, name), str, name)
        Level.parse(level.level)
        for name in ("movies", "movie_episodes"):
            _is(getattr(level, name), dict, name)
        for movie in level.movies.values():
            _is(movie, str, "movie")
        _is(level.episodes, int, "episodes")
        for name in NUMBERS:
            value = getattr(level, name)
            if value is not None:
                _is(value, (int, float), name)
                _finite(value)


def _is(value: object, kind: type | tuple[type, ...], name: str) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"a {name} is {value!r}")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"a number is {value}")
    return value
