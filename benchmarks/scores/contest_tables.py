"""The contest's scores as tables: a table a budget, and where the shipped agent's episodes end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.settings import Settings
from arena.environment.contest_env import MAX_STEPS
from arena.environment.levels import Level
from arena.evaluation.score import Interval, bootstrap_interval, bootstrap_ratio, mean_score
from arena.pages.report.episode_ends import FULL_PROGRESS_RETURN
from benchmarks.scores.calibration_results import JERK
from benchmarks.scores.contest_players import AGENTS, AS_SEED, SHIPPED, UNTRAINED
from benchmarks.scores.contest_store import Play, Results

FINISHED, TIME, DIED = "finished", "out of time", "died"
PICTURE = "contest_scores.png"
ENDS = (DIED, TIME, FINISHED)
TABLE = "contest scores"  # its name in the README


@dataclass(frozen=True)
class Scored:
    """One agent at one budget.

    Attributes:
        agent: its name.
        plays: level -> its plays, by seed; levels in the order of the tables.
    """

    agent: str
    plays: dict[str, dict[int, Play]]

    @property
    def scores(self) -> dict[str, list[float]]:
        """Level -> the score of each of its budgets that counts an episode."""
        scores = {
            level: [play.score for play in plays.values() if play.score is not None]
            for level, plays in self.plays.items()
        }
        return {level: values for level, values in scores.items() if values}

    @property
    def mean(self) -> float | None:
        """Over levels, of the mean over seeds; None where no episode counts."""
        return mean_score([mean_score(values) for values in self.scores.values()])

    @property
    def interval(self) -> Interval | None:
        """Of that mean: levels resampled, then the seeds of each."""
        return bootstrap_interval(list(self.scores.values()))

    @property
    def levels_finished(self) -> int:
        """On how many levels at least one episode reached the end post."""
        return sum(
            any(FINISHED in map(how_ended, play.returns, play.lengths) for play in plays.values())
            for plays in self.plays.values()
        )

    @property
    def seeds(self) -> list[int]:
        """How many budgets the level with the fewest, and that with the most, has."""
        counts = sorted({len(plays) for plays in self.plays.values()})
        return [counts[0], counts[-1]]

    @property
    def steps_per_second(self) -> float:
        """Median over the budgets."""
        plays = [play for plays in self.plays.values() for play in plays.values()]
        return float(np.median([play.steps_per_second for play in plays]))


def how_ended(episode_return: float, length: int) -> str:
    """An episode's end: at the end post, at the time limit, or by the loss of a life.

    The way is worth 9,000 and the time left something more, so who has 9,000 was there.
    """
    if episode_return >= FULL_PROGRESS_RETURN:
        return FINISHED
    return TIME if length >= MAX_STEPS else DIED


def budgets(results: Results) -> list[int]:
    """Those with plays of now, the one of most levels first, and of equals the largest."""
    levels: dict[int, set[str]] = {}
    for key in results.plays:
        if results.is_current(key):
            levels.setdefault(key.budget_steps, set()).add(key.level)
    return sorted(levels, key=lambda steps: (-len(levels[steps]), -steps))


def budget_of_ends(results: Results) -> int | None:
    """Of the budgets that the shipped agent played, that of most levels, of equals the largest."""
    levels = {
        steps: len(row.plays)
        for steps in budgets(results)
        for row in scored(results, steps)
        if row.agent == SHIPPED
    }
    return max(levels, key=lambda steps: (levels[steps], steps), default=None)


def scored(results: Results, budget_steps: int, agents: Sequence[str] = AGENTS) -> list[Scored]:
    """Those of the agents that were measured at a budget, as they are now, in this order."""
    found = []
    for agent in agents:
        plays: dict[str, dict[int, Play]] = {}
        for level in results.levels:
            of_level = {
                key.seed: play
                for key, play in sorted(results.plays.items())
                if (key.budget_steps, key.agent, key.level) == (budget_steps, agent, level)
                and results.is_current(key)
            }
            if of_level:
                plays[level] = of_level
        if plays:
            found.append(Scored(agent, plays))
    return found


def ratio(first: Scored, second: Scored) -> tuple[float, Interval | None, int] | None:
    """How many times the second's mean is of the first's: value, interval, number of levels.

    Only levels and seeds that both played count; None where there are none, or the first has 0.
    """
    pairs = []
    for level, ours in second.plays.items():
        theirs = first.plays.get(level, {})
        both = [seed for seed in ours if seed in theirs]
        values = [(theirs[seed].score, ours[seed].score) for seed in both]
        known = [(one, other) for one, other in values if one is not None and other is not None]
        if known:
            pairs.append(([one for one, _ in known], [other for _, other in known]))
    if not pairs:
        return None
    below, above = (float(np.mean([np.mean(pair[place]) for pair in pairs])) for place in (0, 1))
    if below <= 0:
        return None
    interval = bootstrap_ratio([one for one, _ in pairs], [other for _, other in pairs])
    return above / below, interval, len(pairs)


def markdown(results: Results) -> str:
    """Everything for the README: a table a budget, the widest one's levels, the pictures."""
    known = budgets(results)
    if not known:
        return "Nothing is measured yet."
    parts = [table(results, steps) for steps in known]
    parts.append(f"![Scores with their 95% intervals](results/pictures/{PICTURE})")
    if (steps := budget_of_ends(results)) is not None:
        parts.append(by_level(results, steps))
    apart = results.apart()
    return "\n\n".join([*parts, *([f"{apart}."] if apart else [])])


def for_the_card(results: Results) -> str:
    """Everything for the model card: a table a budget, and how the widest one's episodes end."""
    parts = [table(results, steps) for steps in budgets(results)]
    if (steps := budget_of_ends(results)) is not None:
        (row,) = (row for row in scored(results, steps) if row.agent == SHIPPED)
        plays = [play for plays in row.plays.values() for play in plays.values()]
        ends = [end for play in plays for end in map(how_ended, play.returns, play.lengths)]
        shares = ", ".join(f"{how} {ends.count(how) / len(ends):.0%}" for how in ENDS)
        parts.append(f"Of {len(ends):,} episodes with {steps:,} timesteps a level: {shares}.")
    return "\n\n".join(parts)


def title(rows: Sequence[Scored], budget_steps: int) -> str:
    """What these agents' figures are of: "20,000 timesteps a level, 11 levels, 1 seed"."""
    levels = {level for row in rows for level in row.plays}
    seeds = sorted({count for row in rows for count in row.seeds})
    return (
        f"{budget_steps:,} timesteps a level, {_count(len(levels), 'level')},"
        f" {' to '.join(map(str, sorted({seeds[0], seeds[-1]})))} seed{'s' * (seeds[-1] > 1)}"
    )


def table(results: Results, budget_steps: int) -> str:
    """A row an agent, what was measured above, the ratio and the model below."""
    rows = scored(results, budget_steps)
    total = len({level for row in rows for level in row.plays})
    head = ["agent", "mean return", "95% interval", "levels finished", "levels", "seeds", "steps/s"]
    lines = [f"**{title(rows, budget_steps)}**", "", _line(head), _line(["---"] * len(head))]
    lines += [_line(_row(row, total)) for row in rows]
    if any(len(row.scores) < total for row in rows):
        lines += ["", "A mean over fewer levels than the others is no match for them."]
    agents = {row.agent: row for row in rows}
    for other in (JERK, UNTRAINED, AS_SEED):
        if other in agents and SHIPPED in agents:
            lines += ["", _ratio_line(other, ratio(agents[other], agents[SHIPPED]))]
    if SHIPPED in agents:
        lines += ["", _model_line(results)]
    return "\n".join(lines)


def by_level(results: Results, budget_steps: int) -> str:
    """How far the shipped agent's episodes came on each level it played, and how they ended."""
    agents = {row.agent: row for row in scored(results, budget_steps)}
    jerk = agents[JERK].scores if JERK in agents else {}
    head = ["level", "score", "JERK", "way, mean", "way, best", "episodes", DIED, TIME, FINISHED]
    head.append("locked in at")
    lines = [_line(head), _line(["---"] * len(head))]
    for level, plays in agents[SHIPPED].plays.items():
        returns = np.array([value for play in plays.values() for value in play.returns])
        ends = [
            end for play in plays.values() for end in map(how_ended, play.returns, play.lengths)
        ]
        ways = np.clip(returns / FULL_PROGRESS_RETURN, 0, 1)
        locked = [play.locked_in_at for play in plays.values()]
        cells = [
            Level.parse(level).state,
            _figure(mean_score([play.score for play in plays.values()])),
            _figure(mean_score(jerk.get(level, []))),
            *([f"{ways.mean():.0%}", f"{ways.max():.0%}"] if len(ways) else ["-", "-"]),
            str(len(ends)),
            *(str(ends.count(how)) for how in ENDS),
            ", ".join("-" if at is None else f"{at:,}" for at in locked),
        ]
        lines.append(_line(cells))
    summary = f"Where {SHIPPED} ends, by level ({title([agents[SHIPPED]], budget_steps)})"
    pictures = "\n".join(
        f"![{zone}: where its episodes end](results/pictures/{ends_picture(zone)})"
        for zone in zones(list(agents[SHIPPED].plays))
    )
    table = "\n".join(lines)
    return (
        f"<details><summary>{summary}</summary>\n\n{table}\n\n"
        f"One number a seed where it locked in; ends are counted over all seeds.\n\n{pictures}\n\n"
        "</details>"
    )


def zones(levels: Sequence[str]) -> dict[str, list[str]]:
    """Zone -> its levels, of "GAME:ZONE.ACT"; a state of another form is its own zone."""
    found: dict[str, list[str]] = {}
    for level in levels:
        found.setdefault(Level.parse(level).state.partition(".")[0], []).append(level)
    return found


def ends_picture(zone: str) -> str:
    """The file name of a zone's picture of ends; safe whatever the zone is called."""
    return f"ends_{re.sub(r'[^A-Za-z0-9_-]+', '-', zone)}.png"


def _row(row: Scored, total: int) -> list[str]:
    scores = row.scores
    return [
        row.agent,
        _figure(row.mean),
        _range(row.interval, ",.0f"),
        f"{row.levels_finished} of {len(row.plays)}",
        f"{len(scores)} of {total}",
        " to ".join(map(str, dict.fromkeys(row.seeds))),
        f"{row.steps_per_second:.0f}",
    ]


def _ratio_line(other: str, found: tuple[float, Interval | None, int] | None) -> str:
    if found is None:
        return f"{SHIPPED} / {other}: no level and seed that both played."
    value, interval, levels = found
    return (
        f"{SHIPPED} / {other}: **{value:.2f}** (95% interval {_range(interval, '.2f')}, levels"
        f" resampled for both at once; {_count(levels, 'level')})."
    )


def _model_line(results: Results) -> str:
    shipped = results.players.get(results.current.get(SHIPPED, ""), {})
    settings = {**vars(Settings()), **shipped.get("settings", {})}
    rule = settings["lock_in_rule"]
    if rule == "first-above":
        rule += f" {settings['lock_in_score']:,.0f}"
    return (
        f"Ours: model {str(shipped.get('model', 'unknown'))[:12]}, as shipped with lock-in {rule},"
        f" candidates {settings['candidate_order']},"
        f" {'remembering' if 'explorer' in shipped else 'not remembering'} the level; as the seed"
        " played, the first above 2,000, nothing learnt or remembered; untrained, V and M of random"
        " weights and C from scratch."
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _range(interval: Interval | None, form: str) -> str:
    return f"{interval[0]:{form}} to {interval[1]:{form}}" if interval else "-"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
