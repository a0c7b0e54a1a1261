"""Measures the effect of the agent's play settings, on training levels.

    python -m benchmarks.scores.play_settings          measures; the same command continues
    python -m benchmarks.scores.play_settings --show   prints the table and updates the documents

Each variant changes one setting of the shipped agent; the last variant plays as the original 2018
agent. All variants play the same levels with the same seeds through the real socket, as in
contest_scores.
The defaults are chosen by this measurement, so it uses no validation level.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from rich.console import Console

from agent.command_line import option, parse, run
from agent.command_line.ranges import COUNT, PROCESSES
from agent.errors import INTERRUPTED_EXIT_CODE, UserError
from agent.world_model.packed_model import load
from arena.environment.levels import Level
from arena.evaluation.agents import AgentOptions, LocalAgent
from arena.evaluation.run_folder import provenance
from arena.evaluation.score import bootstrap_difference
from arena.server.signals import signals_as_interrupt
from benchmarks.identity import model_digest, rom_hashes
from benchmarks.measured_tables import update_documents
from benchmarks.names import chosen
from benchmarks.scores.contest_measure import (
    MeasurementFile,
    PlayTask,
    chosen_levels,
    exclusive,
    measure,
)
from benchmarks.scores.contest_players import (
    ORIGINAL_2018,
    ORIGINAL_2018_PLAY,
    SHIPPED,
    play_identity,
)
from benchmarks.scores.contest_plays import ContestPlays, Identity
from benchmarks.scores.contest_summary import (
    AgentPlays,
    budgets,
    count_of,
    paired_scores,
    summarize,
    title,
)
from benchmarks.tables import markdown_table
from training.data.held_out import refuse_held_out

TABLE = "play settings"  # its name in the documents
VARIANTS: Mapping[str, Mapping[str, Any]] = {  # agent in the results -> changed settings
    SHIPPED: {},
    "mean-first": {"candidate_order": "mean-first"},
    ORIGINAL_2018: ORIGINAL_2018_PLAY,
}
# How the table describes a variant. Its name in the results contains no name of a setting, because
# settings may be renamed.
LABELS = {
    "mean-first": "the mean and the hall of fame first: `CANDIDATE_ORDER=mean-first`",
}
NAMES = {
    {SHIPPED: "ours", ORIGINAL_2018: "original-2018"}.get(name, name): name for name in VARIANTS
}
LEVELS = ",".join(
    f"PangolinDash-Genesis:{zone}Zone.Act{act}"
    for zone in ("Meadow", "Canyon", "Cavern", "Glacier", "Foundry", "Lagoon")
    for act in (1, 2)
)


@dataclass(frozen=True)
class Options:
    """Measure the effect of play settings, on training levels.

    The same command continues an interrupted measurement.
    """

    extra: ClassVar[str] = "train"

    levels: str = option("levels or a level set; validation and test levels are refused", LEVELS)
    steps: int = option("timesteps of each budget, resets included", 20_000, within=COUNT)
    variants: str = option("variants to measure, separated by commas", ",".join(NAMES))
    seeds: int = option(
        "budgets per variant and level, with the random seeds 1, 2, ...", 1, within=COUNT
    )
    workers: int = option("number of levels played at once", 2, within=PROCESSES)
    pretrained: Path = option("folder of the packed model", Path("pretrained"))
    folder: Path = option("folder of the runs", Path("runs/play_settings"))
    out: Path = option("file of the results", Path("results/play_settings.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.scores.play_settings")
    if options.show:
        print(made := markdown(ContestPlays.load(options.out)))
        update_documents({TABLE: made})
        return 0
    variants = [NAMES[name] for name in chosen("variants", options.variants, NAMES)]
    levels = chosen_levels(options.levels)
    refuse_held_out(level.name for level in levels)
    with exclusive(options.folder):
        names = [level.name for level in levels]
        known = identities(options.pretrained)
        plays = ContestPlays.open(options.out, known, rom_hashes(levels), names, provenance())
        file = MeasurementFile(plays, options.out, Console(stderr=True))
        tasks = tasks_of(options, variants, levels, plays)
        left = [task for task in tasks if task.key not in plays.plays]
        try:
            with signals_as_interrupt():
                failed = measure(left, options.folder, options.workers, file)
        except KeyboardInterrupt:
            print("interrupted: the same command continues", file=sys.stderr)
            return INTERRUPTED_EXIT_CODE
    print(markdown(plays))
    if failed:
        raise UserError(
            f"{count_of(len(failed), 'play')} failed, see above: repeat the command to play again"
        )
    return 0


def tasks_of(
    options: Options, variants: Sequence[str], levels: Sequence[Level], plays: ContestPlays
) -> list[PlayTask]:
    """Return all plays of the measurement, in the order in which they are made."""
    # Seed by seed, so that the plays before an interruption can be compared.
    return [
        PlayTask(
            plays.key(options.steps, variant, level.name, seed),
            player(variant, options.pretrained, options.steps, seed),
            level,
        )
        for seed in range(1, options.seeds + 1)
        for variant in variants
        for level in levels
    ]


def player(variant: str, pretrained: Path, budget_steps: int, seed: int) -> LocalAgent:
    """Return the shipped agent with the variant's settings."""
    # A score must not depend on the caller's environment variables: {} replaces them.
    shipped = LocalAgent.configure({}, pretrained, AgentOptions(budget_steps, seed, None))
    return LocalAgent(replace(shipped.settings, **VARIANTS[variant]))


def identities(pretrained: Path) -> dict[str, Identity]:
    """Return what identifies each variant at present.

    Raises:
        UserError: there is no packed model, or its play.json can't be used.
    """
    model = model_digest(load(pretrained))
    return {
        name: {"agent": name, "model": model}
        | play_identity(player(name, pretrained, 1, 1).settings)
        for name in VARIANTS
    }


def markdown(plays: ContestPlays) -> str:
    """Return Markdown with a table for each budget."""
    parts = []
    for steps in budgets(plays):
        found = summarize(plays, steps, list(VARIANTS))
        shipped = next((row for row in found if row.agent == SHIPPED), None)
        rows = [
            [
                LABELS.get(row.agent, row.agent),
                "-" if row.mean is None else f"{row.mean:,.0f}",
                f"{row.interval[0]:,.0f} to {row.interval[1]:,.0f}" if row.interval else "-",
                difference(shipped, row),
            ]
            for row in found
        ]
        head = ["variant", "mean return", "95% interval", f"difference from {SHIPPED}"]
        parts.append(f"**{title(found, steps)}**\n\n{markdown_table(head, rows)}")
    return "\n\n".join(parts) or "Nothing is measured yet."


def difference(first: AgentPlays | None, second: AgentPlays) -> str:
    """Return the second's mean minus the first's, with its interval.

    Only levels and seeds that both played count.
    """
    if first is None or first is second:
        return ""
    ones, others = paired_scores(first, second)
    if not ones:
        return "-"
    mean = np.mean([np.mean(b) - np.mean(a) for a, b in zip(ones, others, strict=True)])
    interval = bootstrap_difference(ones, others)
    return f"{mean:+,.0f}" + (f" ({interval[0]:+,.0f} to {interval[1]:+,.0f})" if interval else "")


if __name__ == "__main__":
    run(main)
