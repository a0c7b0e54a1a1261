"""The contest's score and its confidence interval.

A level's score is the mean return of its finished episodes over the whole budget; an agent's score
is the mean over its levels. The interval is a percentile bootstrap (`INTERVAL_METHOD`).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError
from agent.guarded_files import read_guarded

MAX_MONITOR_BYTES = 1 << 26  # a million rows; a full budget of 1,000,000 timesteps has fewer
CONFIDENCE = 0.95
FULL_PROGRESS_RETURN = 9000.0  # sum of the contest's rewards from a level's start to its end
RESAMPLES = 10_000
RESAMPLES_AT_ONCE = 500  # bounds the memory: 2,700 episodes x 500 x 8 bytes = 11 MB
BOOTSTRAP_SEED = 1
INTERVAL_METHOD = (
    "95% percentile bootstrap, 10,000 resamples; levels resampled, then episodes within each"
)

Interval = tuple[float, float]
Pairs = list[tuple[NDArray[np.float64], NDArray[np.float64]]]  # returns of two agents by level


class MonitorFileError(UserError):
    """A monitor.csv can't be read, or was altered."""


@dataclass(frozen=True)
class MonitorRow:
    """One row of the contest's monitor.csv."""

    episode_return: float
    length: int  # in agent steps, without the reset
    seconds: float  # since the first reset


def read_monitor(path: Path) -> list[MonitorRow]:
    """Read the finished episodes of a level from its monitor.csv; [] if the file is missing.

    The server may be writing the file: a last line without a line end is ignored.

    Raises:
        MonitorFileError: a row is not an episode, or the file is of another kind or too large.
    """
    try:
        text = read_guarded(path, MAX_MONITOR_BYTES).decode("ascii")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise MonitorFileError(f"{path} can't be read ({error})") from None
    reader = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
    try:
        return [_monitor_row(row) for row in reader]
    except (csv.Error, KeyError, TypeError, ValueError, OverflowError) as error:
        raise MonitorFileError(
            f"{path}: line {reader.line_num} is not an episode ({error!r}): only the contest's"
            " server may write this file"
        ) from None


def finite_returns(path: Path) -> list[float]:
    """Return the returns of the finished episodes of a level from its monitor.csv.

    Raises:
        MonitorFileError: see `read_monitor`; or a return is NaN or infinite.
    """
    returns = [episode.episode_return for episode in read_monitor(path)]
    if not np.isfinite(returns).all():
        raise MonitorFileError(f"{path}: a return is NaN or infinite, which no server writes")
    return returns


def _monitor_row(row: Mapping[str, str]) -> MonitorRow:
    length = int(float(row["l"]))
    if not 0 <= length < 1 << 53:
        raise ValueError(f"a length of {length}")
    return MonitorRow(float(row["r"]), length, float(row["t"]))


def level_score(returns: Sequence[float]) -> float | None:
    """Return the mean return of a level's finished episodes; None if there is none."""
    return float(np.mean(returns)) if len(returns) else None


def mean_score(scores: Sequence[float | None]) -> float | None:
    """Return the mean over the levels that have a score; None if no level has one.

    A level without a score (failed, or without a finished episode) is excluded, not counted as 0.
    So report the number of levels beside the mean.
    """
    return level_score([score for score in scores if score is not None])


def bootstrap_interval(
    returns: Sequence[Sequence[float]],
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = BOOTSTRAP_SEED,
) -> Interval | None:
    """Compute the percentile bootstrap interval of the mean over levels of the mean return.

    The levels are resampled first, because an agent's score should hold on unseen levels; then
    the episodes within each level are resampled. With one level, the interval shows only the
    variation within that level. It does not show the variation between runs, because a lock-in
    makes the episodes of a run depend on each other. To see that variation, run other seeds.

    Args:
        returns: a sequence of episode returns for each level; levels without any are excluded.
        resamples: number of resamples.
        confidence: probability mass between the two ends, within (0, 1).
        seed: random seed of the resampling.

    Returns:
        (low, high), or None if there is no level, or only one level with one episode.
    """
    levels = [np.asarray(level, dtype=np.float64) for level in returns if len(level)]
    if not levels or (len(levels) == 1 and len(levels[0]) == 1):
        return None
    generator = np.random.default_rng(seed)
    means = np.zeros(resamples)
    for _ in levels:
        drawn = generator.integers(len(levels), size=resamples)
        for index, level in enumerate(levels):
            here = np.flatnonzero(drawn == index)
            means[here] += _resampled_means(level, len(here), generator)
    return _middle(means / len(levels), confidence)


def bootstrap_difference(
    first: Sequence[Sequence[float]],
    second: Sequence[Sequence[float]],
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = BOOTSTRAP_SEED,
) -> Interval | None:
    """Compute the bootstrap interval of the second agent's mean score minus the first agent's.

    Both agents played the same levels. The levels are resampled for both together, then the
    episodes of each agent within each level. It is a percentile bootstrap.

    Args:
        first: a sequence of episode returns for each level.
        second: the same levels in the same order; a level in which either agent finished no
            episode is excluded.
        resamples: number of resamples.
        confidence: probability mass between the two ends, within (0, 1).
        seed: random seed of the resampling.

    Returns:
        (low, high). None if no level is left, or if only one level is left on which an agent
        finished a single episode, because a single return does not show any variation.
    """
    pairs = _pairs(first, second)
    if pairs is None:
        return None
    firsts, seconds = _paired_means(pairs, resamples, seed)
    return _middle(seconds - firsts, confidence)


def bootstrap_ratio(
    first: Sequence[Sequence[float]],
    second: Sequence[Sequence[float]],
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = BOOTSTRAP_SEED,
) -> Interval | None:
    """Compute the bootstrap interval of the second agent's mean score divided by the first's.

    Arguments and resampling are the same as in `bootstrap_difference`.

    Returns:
        (low, high). None in the same cases, and if a resampled mean of the first agent is 0 or
        below.
    """
    pairs = _pairs(first, second)
    if pairs is None:
        return None
    firsts, seconds = _paired_means(pairs, resamples, seed)
    return _middle(seconds / firsts, confidence) if firsts.min() > 0 else None


def _pairs(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> Pairs | None:
    """Return the levels on which both agents have returns; None if they show no variation."""
    pairs = [
        (np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64))
        for one, other in zip(first, second, strict=True)
        if len(one) and len(other)
    ]
    if not pairs or (len(pairs) == 1 and 1 in map(len, pairs[0])):
        return None
    return pairs


def _paired_means(
    pairs: Pairs, resamples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both agents' means in each resample of the levels, float64 (resamples,) each."""
    generator = np.random.default_rng(seed)
    firsts, seconds = np.zeros(resamples), np.zeros(resamples)
    for _ in pairs:
        drawn = generator.integers(len(pairs), size=resamples)
        for index, (one, other) in enumerate(pairs):
            here = np.flatnonzero(drawn == index)
            seconds[here] += _resampled_means(other, len(here), generator)
            firsts[here] += _resampled_means(one, len(here), generator)
    return firsts / len(pairs), seconds / len(pairs)


def _middle(values: NDArray[np.float64], confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _resampled_means(
    level: NDArray[np.float64], count: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return the means of `count` resamples of a level's returns, float64 (count,)."""
    means = np.empty(count)
    for first in range(0, count, RESAMPLES_AT_ONCE):
        part = means[first : first + RESAMPLES_AT_ONCE]
        drawn = generator.integers(len(level), size=(len(part), len(level)))
        part[:] = level[drawn].mean(axis=1)
    return means
