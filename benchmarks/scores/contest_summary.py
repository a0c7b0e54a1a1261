"""The contest's plays as numbers: means with intervals, ratios, and how episodes end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arena.environment.contest_rules import MAX_STEPS
from arena.evaluation.score import (
    FULL_PROGRESS_RETURN,
    Interval,
    bootstrap_interval,
    bootstrap_ratio,
    mean_score,
)
from benchmarks.scores.contest_players import AGENTS, SHIPPED
from benchmarks.scores.contest_plays import ContestPlays, Play

FINISHED, TIME, DIED = "finished", "out of time", "died"
ENDS = (DIED, TIME, FINISHED)


@dataclass(frozen=True)
class AgentPlays:
    """The plays of one agent at one budget.

    Attributes:
        agent: its name.
        plays: level -> seed -> play; levels in the order of the tables.
    """

    agent: str
    plays: dict[str, dict[int, Play]]

    @property
    def scores(self) -> dict[str, list[float]]:
        """Level -> the scores of its plays; plays without a counted episode are excluded."""
        scores = {
            level: [play.score for play in plays.values() if play.score is not None]
            for level, plays in self.plays.items()
        }
        return {level: values for level, values in scores.items() if values}

    @property
    def mean(self) -> float | None:
        """Mean over levels of the mean over seeds; None if no episode counts."""
        return mean_score([mean_score(values) for values in self.scores.values()])

    @property
    def interval(self) -> Interval | None:
        """Interval of that mean: levels are resampled, then the seeds of each level."""
        return bootstrap_interval(list(self.scores.values()))

    @property
    def levels_finished(self) -> int:
        """Number of levels on which at least one episode reached the end post."""
        return sum(
            any(FINISHED in map(how_ended, play.returns, play.lengths) for play in plays.values())
            for plays in self.plays.values()
        )

    @property
    def seeds(self) -> list[int]:
        """Lowest and highest number of seeds that played a level."""
        counts = sorted({len(plays) for plays in self.plays.values()})
        return [counts[0], counts[-1]]

    @property
    def steps_per_second(self) -> float:
        """Median steps/s of the plays."""
        plays = [play for plays in self.plays.values() for play in plays.values()]
        return float(np.median([play.steps_per_second for play in plays]))


def how_ended(episode_return: float, length: int) -> str:
    """Return how an episode ended: at the end post, at the time limit, or by the loss of a life.

    Progress to the end post gives 9,000, and the time left gives more: 9,000 means finished.
    """
    if episode_return >= FULL_PROGRESS_RETURN:
        return FINISHED
    return TIME if length >= MAX_STEPS else DIED


def budgets(plays: ContestPlays) -> list[int]:
    """Return the budgets of current plays, by number of levels and then by size, largest first."""
    levels: dict[int, set[str]] = {}
    for key in plays.plays:
        if plays.is_current(key):
            levels.setdefault(key.budget_steps, set()).add(key.level)
    return sorted(levels, key=lambda steps: (-len(levels[steps]), -steps))


def budget_of_ends(plays: ContestPlays) -> int | None:
    """Return the shipped agent's budget with the most levels; if several, the largest."""
    levels = {
        steps: len(row.plays)
        for steps in budgets(plays)
        for row in summarize(plays, steps)
        if row.agent == SHIPPED
    }
    return max(levels, key=lambda steps: (levels[steps], steps), default=None)


def summarize(
    plays: ContestPlays, budget_steps: int, agents: Sequence[str] = AGENTS
) -> list[AgentPlays]:
    """Return the current plays at a budget, by agent; agents without plays are omitted."""
    found = []
    for agent in agents:
        by_level: dict[str, dict[int, Play]] = {}
        for level in plays.levels:
            of_level = {
                key.seed: play
                for key, play in sorted(plays.plays.items())
                if (key.budget_steps, key.agent, key.level) == (budget_steps, agent, level)
                and plays.is_current(key)
            }
            if of_level:
                by_level[level] = of_level
        if by_level:
            found.append(AgentPlays(agent, by_level))
    return found


def paired_scores(
    first: AgentPlays, second: AgentPlays
) -> tuple[list[list[float]], list[list[float]]]:
    """Return the scores of both, level by level, where both played the level and the seed."""
    ones, others = [], []
    for level, plays in second.plays.items():
        before = first.plays.get(level, {})
        values = [(before[seed].score, plays[seed].score) for seed in plays if seed in before]
        known = [(one, other) for one, other in values if one is not None and other is not None]
        if known:
            ones.append([one for one, _ in known])
            others.append([other for _, other in known])
    return ones, others


def ratio(first: AgentPlays, second: AgentPlays) -> tuple[float, Interval | None, int] | None:
    """Return the second's mean divided by the first's: value, interval, number of levels.

    Only levels and seeds that both played count; None if there are none, or the first has 0.
    """
    ones, others = paired_scores(first, second)
    if not ones:
        return None
    below, above = (float(np.mean([np.mean(row) for row in rows])) for rows in (ones, others))
    if below <= 0:
        return None
    return above / below, bootstrap_ratio(ones, others), len(ones)


def title(rows: Sequence[AgentPlays], budget_steps: int) -> str:
    """Return a table's title: "20,000 timesteps a level, 11 levels, 1 seed"."""
    levels = {level for row in rows for level in row.plays}
    seeds = sorted({count for row in rows for count in row.seeds})
    return (
        f"{budget_steps:,} timesteps a level, {count_of(len(levels), 'level')},"
        f" {' to '.join(map(str, sorted({seeds[0], seeds[-1]})))} seed{'s' * (seeds[-1] > 1)}"
    )


def count_of(number: int, what: str) -> str:
    """Return a number with its noun: "1 level", "3 levels"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def zones(levels: Sequence[str]) -> dict[str, list[str]]:
    """Return zone -> its levels, for "GAME:ZONE.ACT"; another name counts as a zone."""
    found: dict[str, list[str]] = {}
    for level in levels:
        found.setdefault(level.rpartition(":")[2].partition(".")[0], []).append(level)
    return found
