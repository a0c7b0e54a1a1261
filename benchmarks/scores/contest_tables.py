"""The contest's scores as Markdown: one table for each budget, and how our episodes end."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from agent.settings import Settings
from arena.evaluation.score import FULL_PROGRESS_RETURN, Interval, mean_score
from benchmarks.scores.contest_players import JERK, ORIGINAL_2018, RANDOM, SHIPPED, UNTRAINED
from benchmarks.scores.contest_plays import ContestPlays, Play
from benchmarks.scores.contest_summary import (
    DIED,
    ENDS,
    FINISHED,
    TIME,
    AgentPlays,
    budget_of_ends,
    budgets,
    count_of,
    how_ended,
    not_measured,
    ratio,
    summarize,
    title,
    zones,
)
from benchmarks.tables import markdown_table

PICTURE = "contest_scores.png"
TABLE = "contest scores"  # the table's name in the documents
COMPARISON = "comparison"  # name of the README's table
HEAD = ("agent", "mean return", "95% interval", "levels finished", "levels", "seeds", "steps/s")
LEVEL_HEAD = (
    *("level", "score", "JERK", "progress, mean", "progress, best", "episodes"),
    *(DIED, TIME, FINISHED, "locked in at"),
)


def markdown(plays: ContestPlays) -> str:
    """Return the documents' text: a table for each budget, our levels, and the pictures."""
    known = budgets(plays)
    if not known:
        return "Nothing is measured yet."
    parts = [table(plays, steps) for steps in known]
    if missing := not_measured(plays, known[0]):
        names = ", ".join(missing)
        parts.append(f"Not measured yet with {known[0]:,} timesteps a level: {names}.")
    parts.append(f"![Scores with their 95% intervals](results/pictures/{PICTURE})")
    parts += [
        f"![Learning curves with {steps:,} timesteps](results/pictures/{curve_picture(steps)})"
        for steps in curve_budgets(plays)
    ]
    if (steps := budget_of_ends(plays)) is not None:
        parts.append(by_level(plays, steps))
    hashes = ", ".join(f"{game} {rom[:12]}" for game, rom in plays.roms.items())
    parts.append(f"The plays were made with the ROM {hashes} (SHA-1).")
    excluded = plays.excluded()
    return "\n\n".join([*parts, *([excluded] if excluded else [])])


def comparison(plays: ContestPlays) -> str:
    """Return the README's table: the main agents at the budget with the most levels."""
    budget_steps = budget_of_ends(plays)
    if budget_steps is None:
        return "Nothing is measured yet."
    rows = []
    for row in summarize(plays, budget_steps, (RANDOM, JERK, ORIGINAL_2018, SHIPPED)):
        finished = f"{row.levels_finished} of {len(row.plays)}"
        rows.append([row.agent, _number(row.mean), _range(row.interval, ",.0f"), finished])
    return markdown_table(["agent", "mean score", "95% interval", "levels finished"], rows)


def for_the_card(plays: ContestPlays) -> str:
    """Return the model card's text: a table for each budget, and how our episodes end."""
    parts = [table(plays, steps) for steps in budgets(plays)]
    if (steps := budget_of_ends(plays)) is not None:
        (row,) = (row for row in summarize(plays, steps) if row.agent == SHIPPED)
        ends = [end for by_seed in row.plays.values() for end in _ends(by_seed)]
        shares = ", ".join(f"{how} {ends.count(how) / len(ends):.0%}" for how in ENDS)
        parts.append(f"Of {len(ends):,} episodes with {steps:,} timesteps a level: {shares}.")
    return "\n\n".join(parts)


def table(plays: ContestPlays, budget_steps: int) -> str:
    """Return a table with a row for each agent; the ratios and the model are below it."""
    rows = summarize(plays, budget_steps)
    total = len({level for row in rows for level in row.plays})
    parts = [
        f"**{title(rows, budget_steps)}**",
        markdown_table(HEAD, [_row(r, total) for r in rows]),
    ]
    if any(len(row.scores) < total for row in rows):
        parts.append("A mean over fewer levels can't be compared with the others.")
    agents = {row.agent: row for row in rows}
    for other in (JERK, UNTRAINED, ORIGINAL_2018):
        if other in agents and SHIPPED in agents:
            parts.append(_ratio_line(other, ratio(agents[other], agents[SHIPPED])))
    if SHIPPED in agents:
        parts.append(_players_line(plays, agents))
    return "\n\n".join(parts)


def by_level(plays: ContestPlays, budget_steps: int) -> str:
    """Return our progress on each level and how our episodes ended there."""
    agents = {row.agent: row for row in summarize(plays, budget_steps)}
    jerk = agents[JERK].scores if JERK in agents else {}
    ours = agents[SHIPPED]
    rows = [_level_row(level, by_seed, jerk) for level, by_seed in ours.plays.items()]
    pictures = "\n".join(
        f"![{zone}: where the episodes end](results/pictures/{ends_picture(zone)})"
        for zone in zones(list(ours.plays))
    )
    heading = f"How the episodes of {SHIPPED} end, by level ({title([ours], budget_steps)})"
    return (
        f"<details><summary>{heading}</summary>\n\n{markdown_table(LEVEL_HEAD, rows)}\n\n"
        "The last column lists, for each seed, the timesteps used when the agent locked in a"
        " candidate (-: it locked in none). The other columns combine the episodes of all seeds."
        f"\n\n{pictures}\n\n</details>"
    )


def curve_budgets(plays: ContestPlays) -> list[int]:
    """Return the budgets with a picture of curves: the one with the most levels, the largest."""
    known = budgets(plays)
    return list(dict.fromkeys([known[0], max(known)])) if known else []


def curve_picture(budget_steps: int) -> str:
    """Return the file name of a budget's picture of learning curves."""
    return f"learning_curves_{budget_steps}.png"


def ends_picture(zone: str) -> str:
    """Return the file name of a zone's picture of ends, without unsafe characters."""
    return f"ends_{re.sub(r'[^A-Za-z0-9_-]+', '-', zone)}.png"


def _ends(by_seed: dict[int, Play]) -> list[str]:
    return [end for play in by_seed.values() for end in map(how_ended, play.returns, play.lengths)]


def _level_row(level: str, by_seed: dict[int, Play], jerk: dict[str, list[float]]) -> list[str]:
    returns = np.array([value for play in by_seed.values() for value in play.returns])
    ends, progress = _ends(by_seed), np.clip(returns / FULL_PROGRESS_RETURN, 0, 1)
    locked = [play.locked_in_at for play in by_seed.values()]
    return [
        level.rpartition(":")[2],
        _number(mean_score([play.score for play in by_seed.values()])),
        _number(mean_score(jerk.get(level, []))),
        *([f"{progress.mean():.0%}", f"{progress.max():.0%}"] if len(progress) else ["-", "-"]),
        str(len(ends)),
        *(str(ends.count(how)) for how in ENDS),
        ", ".join("-" if at is None else f"{at:,}" for at in locked),
    ]


def _row(row: AgentPlays, total: int) -> list[str]:
    return [
        row.agent,
        _number(row.mean),
        _range(row.interval, ",.0f"),
        f"{row.levels_finished} of {len(row.plays)}",
        f"{len(row.scores)} of {total}",
        " to ".join(map(str, dict.fromkeys(row.seeds))),
        f"{row.steps_per_second:.0f}",
    ]


def _ratio_line(other: str, found: tuple[float, Interval | None, int] | None) -> str:
    if found is None:
        return f"{SHIPPED} and {other} played no level with the same seed."
    value, interval, levels = found
    return (
        f"{SHIPPED} / {other}: the ratio of the mean returns is **{value:.2f}** (95% interval"
        f" {_range(interval, '.2f')} over {count_of(levels, 'level')}, which are resampled for"
        " both agents together)."
    )


def _players_line(plays: ContestPlays, agents: Collection[str]) -> str:
    """Return sentences that describe how those of our agents play that are in the table."""
    shipped = plays.players.get(plays.current.get(SHIPPED, ""), {})
    settings = {**vars(Settings()), **shipped.get("settings", {})}
    rule = settings["lock_in_rule"]
    if rule == "first-above":
        rule += f" {settings['lock_in_score']:,.0f}"
    sentences = [
        f"{SHIPPED} plays the model {str(shipped.get('model', 'unknown'))[:12]} with the lock-in"
        f" rule {rule} and the candidate order {settings['candidate_order']}; its explorer is"
        f" {'on' if 'explorer' in shipped else 'off'}."
    ]
    if ORIGINAL_2018 in agents:
        sentences.append(
            f"The {ORIGINAL_2018} plays the same model with the lock-in rule first-above 2,000 and"
            " without the explorer."
        )
    if UNTRAINED in agents:
        sentences.append(
            f"In {UNTRAINED}, V and M have random weights, and C is drawn from the distribution"
            " with which a search starts."
        )
    return " ".join(sentences)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _range(interval: Interval | None, form: str) -> str:
    return f"{interval[0]:{form}} to {interval[1]:{form}}" if interval else "-"
