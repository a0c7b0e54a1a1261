"""A calibration as tables, for the terminal and the README, and what it proves about the levels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from arena.environment.levels import Level
from baselines.simple_agents import POLICIES
from benchmarks.scores.calibration_results import JERK, PLANNER, Results

END_POST = 9000.0  # return of who reaches it, and more
FIRST_SCREEN = 200.0  # return for about one screen of a level's way
HOLD_RIGHT = next(iter(POLICIES))
AIMS = {HOLD_RIGHT: (500.0, 2000.0), JERK: (1500.0, 4000.0), PLANNER: (9000.0, 10_000.0)}


def table(results: Results) -> str:
    """A row a level, a column an agent, the means last; "-" where nothing was measured."""
    width = max([len(_short(level)) for level in results.levels], default=0) + 2
    lines = [" " * width + "".join(f"{agent:>20}" for agent in results.agents)]
    for level in results.levels:
        cells = "".join(f"{text:>20}" for text in _row(results, level))
        lines.append(f"{_short(level):{width}}{cells}")
    means = "".join(f"{text:>20}" for text in _means(results))
    return "\n".join([*lines, f"{'mean':{width}}{means}"])


def summary(results: Results) -> str:
    """A row an agent, as Markdown: its mean over the levels, its worst and best level."""
    lines = [
        _line(["agent", f"mean of {len(results.levels)} levels", "worst", "best", "asked"]),
        _line(["---"] * 5),
    ]
    for agent in results.agents:
        means = [cell.mean for cell in results.cells[agent].values()]
        mean, aim = _mean(results, agent), AIMS.get(agent)
        asked = f"{aim[0]:,.0f} to {aim[1]:,.0f}" if aim else ""
        lines.append(_line([agent, _figure(mean), _figure(min(means)), _figure(max(means)), asked]))
    return "\n".join(lines)


def by_level(results: Results) -> str:
    """A row a level, a column an agent, as Markdown."""
    lines = [_line(["level", *results.agents]), _line(["---"] * (len(results.agents) + 1))]
    lines += [_line([_short(level), *_row(results, level)]) for level in results.levels]
    return "\n".join(lines)


def readme_tables(results: Results) -> dict[str, str]:
    """The tables by their names in the READMEs."""
    return {"calibration summary": summary(results), "calibration levels": by_level(results)}


def findings(results: Results) -> list[str]:
    """What was asked of the levels, one line each: that it holds, or where it does not."""
    return [*_aims(results), *_trivial(results), *_unfinished(results)]


def _aims(results: Results) -> list[str]:
    lines = []
    for agent, (low, high) in AIMS.items():
        mean = _mean(results, agent)
        if mean is None:
            continue
        verdict = "as asked" if low <= mean <= high else "MISSED"
        lines.append(f"{agent}: mean {mean:.0f}, asked {low:.0f} to {high:.0f}: {verdict}")
    return lines


def _trivial(results: Results) -> list[str]:
    """No level may be won without a mind, and none may end where it begins."""
    won, stuck = [], []
    for level in results.levels:
        best = [cell.best for agent in POLICIES if (cell := results.get(agent, level))]
        if best and max(best) >= END_POST:
            won.append(_short(level))
        if best and max(best) < FIRST_SCREEN:
            stuck.append(_short(level))
    return [
        f"MISSED: a trivial policy finishes {', '.join(won)}"
        if won
        else "no trivial policy finishes a level",
        f"MISSED: no trivial policy leaves the start of {', '.join(stuck)}"
        if stuck
        else "every level lets a trivial policy leave its start",
    ]


def _unfinished(results: Results) -> list[str]:
    cells = results.cells.get(PLANNER, {})
    lost = [_short(level) for level, cell in cells.items() if cell.best < END_POST]
    return [f"MISSED: the planner's movie does not finish {', '.join(lost)}"] if lost else []


def _row(results: Results, level: str) -> list[str]:
    cells = (results.get(agent, level) for agent in results.agents)
    return [_figure(cell.mean if cell else None) for cell in cells]


def _mean(results: Results, agent: str) -> float | None:
    """Over all levels; None where one of them is still to be played."""
    rows = results.cells.get(agent, {})
    if not rows or len(rows) < len(results.levels):
        return None
    return float(np.mean([cell.mean for cell in rows.values()]))


def _means(results: Results) -> list[str]:
    return [_figure(_mean(results, agent)) for agent in results.agents]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _short(level: str) -> str:
    return Level.parse(level).state


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
