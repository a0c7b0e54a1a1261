"""What the agent's ways to use its budget are worth, on training levels.

    python -m benchmarks.scores.contest_time          measures, and goes on where it stopped
    python -m benchmarks.scores.contest_time --show   prints the table, and puts it into the README

Each variant changes one setting of the shipped play; the last one plays as the agent of 2018 did.
All play the same levels with the same seeds through the real socket, as in contest_scores, whose
records these are. The defaults are chosen here: validation levels choose nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agent.command_line import option, parse, run
from agent.errors import INTERRUPTED_EXIT_CODE, UserError
from agent.world_model.packed_model import load
from arena.evaluation.agents import AgentOptions, LocalAgent
from arena.evaluation.evaluate import EvaluationInterrupted
from arena.evaluation.score import bootstrap_difference
from arena.server.signals import signals_as_interrupt
from benchmarks.names import chosen
from benchmarks.readme_tables import README, renew
from benchmarks.scores.calibration_results import rom_hashes
from benchmarks.scores.contest_players import (
    AS_SEED,
    SEED_PLAY,
    SHIPPED,
    model_digest,
    play_identity,
)
from benchmarks.scores.contest_scores import Book, chosen_levels, measure_ours, only_one_in
from benchmarks.scores.contest_store import Identity, Results
from benchmarks.scores.contest_tables import Scored, budgets, scored, title
from training.data.held_out import refuse_held_out

TABLE = "contest time"  # its name in the README
VARIANTS: Mapping[str, Mapping[str, Any]] = {  # agent in the results -> changed settings
    SHIPPED: {},
    "mean-first": {"candidate_order": "mean-first"},
    AS_SEED: SEED_PLAY,
}
# How the table describes a variant. Results name agents without names of settings, which change.
LABELS = {
    "mean-first": "the mean and the hall of fame first: `CANDIDATE_ORDER=mean-first`",
}
NAMES = {{SHIPPED: "shipped", AS_SEED: "seed"}.get(name, name): name for name in VARIANTS}
LEVELS = ",".join(
    f"PangolinDash-Genesis:{zone}Zone.Act{act}"
    for zone in ("Meadow", "Canyon", "Cavern", "Glacier", "Foundry", "Lagoon")
    for act in (1, 2)
)


@dataclass(frozen=True)
class Options:
    """Measure ways to use the budget, on training levels. The same command again goes on."""

    levels: str = option("levels or a set of levels; no validation or test level", LEVELS)
    steps: int = option("timesteps of each budget, resets included", 20_000)
    variants: str = option(f"only these, with commas, of: {', '.join(NAMES)} [all]", "")
    seeds: int = option("budgets of each variant on each level, seeds 1 and up", 1)
    workers: int = option("levels at once", 2)
    pretrained: Path = option("the packed model", Path("pretrained"))
    folder: Path = option("where the runs go", Path("runs/contest_time"))
    out: Path = option("the results, read and written", Path("results/contest_time.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the README", False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.scores.contest_time")
    if options.show:
        print(made := markdown(Results.load(options.out)))
        renew(README, {TABLE: made})
        return 0
    for name in ("steps", "seeds", "workers"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} is {getattr(options, name)}: give 1 or more")
    variants = [NAMES[name] for name in chosen("variants", options.variants, NAMES)]
    levels = chosen_levels(options.levels)
    refuse_held_out(level.name for level in levels)
    with only_one_in(options.folder):
        names = [level.name for level in levels]
        known = identities(options.pretrained)
        results = Results.open(options.out, known, rom_hashes(levels), names)
        book = Book(results, options.out, Console(stderr=True))
        try:
            with signals_as_interrupt():
                # seed by seed, so that what is there when it is interrupted can be compared
                for seed in range(1, options.seeds + 1):
                    for variant in variants:
                        todo = {
                            level.name: key
                            for level in levels
                            if (key := results.key(options.steps, variant, level.name, seed))
                            not in results.plays
                        }
                        if todo:
                            measure_ours(
                                player(variant, options.pretrained, options.steps, seed),
                                [level for level in levels if level.name in todo],
                                todo,
                                options.folder,
                                options.workers,
                                book,
                            )
        except (KeyboardInterrupt, EvaluationInterrupted):
            book.save()  # it may have come between a play's entry and the file
            print("interrupted: the same command goes on", file=sys.stderr)
            return INTERRUPTED_EXIT_CODE
    print(markdown(results))
    return 0


def player(variant: str, pretrained: Path, budget_steps: int, seed: int) -> LocalAgent:
    """The shipped agent with the variant's settings."""
    # the caller's environment variables say nothing here
    shipped = LocalAgent.configure({}, pretrained, AgentOptions(budget_steps, seed, None))
    return LocalAgent(replace(shipped.settings, **VARIANTS[variant]))


def identities(pretrained: Path) -> dict[str, Identity]:
    """What each variant is now.

    Raises:
        UserError: no packed model there, or a play.json that can't be used.
    """
    model = model_digest(load(pretrained))
    return {
        name: {"agent": name, "model": model}
        | play_identity(player(name, pretrained, 1, 1).settings)
        for name in VARIANTS
    }


def markdown(results: Results) -> str:
    """A table for each budget."""
    parts = []
    for steps in budgets(results):
        rows = scored(results, steps, list(VARIANTS))
        shipped = next((row for row in rows if row.agent == SHIPPED), None)
        lines = [
            f"**{title(rows, steps)}**",
            "",
            "| variant | mean return | 95% interval | against as shipped |",
            "| --- | --- | --- | --- |",
        ]
        for row in rows:
            mean = "-" if row.mean is None else f"{row.mean:,.0f}"
            interval = f"{row.interval[0]:,.0f} to {row.interval[1]:,.0f}" if row.interval else "-"
            label = LABELS.get(row.agent, row.agent)
            lines.append(f"| {label} | {mean} | {interval} | {distance(shipped, row)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) or "Nothing is measured yet."


def distance(first: Scored | None, second: Scored) -> str:
    """How much more the second has, over the levels and seeds of both, with its interval."""
    if first is None or first is second:
        return ""
    below, above = [], []
    for level, theirs in first.plays.items():
        ours = second.plays.get(level, {})
        pairs = [(theirs[seed].score, ours[seed].score) for seed in theirs if seed in ours]
        known = [(one, other) for one, other in pairs if one is not None and other is not None]
        if known:
            below.append([one for one, _ in known])
            above.append([other for _, other in known])
    if not below:
        return "-"
    apart = np.mean([np.mean(b) - np.mean(a) for a, b in zip(below, above, strict=True)])
    interval = bootstrap_difference(below, above)
    return f"{apart:+,.0f}" + (f" ({interval[0]:+,.0f} to {interval[1]:+,.0f})" if interval else "")


if __name__ == "__main__":
    run(main)
