"""Measures the contest's scores of our agents and the baselines, at equal budgets.

    python -m benchmarks.scores.contest_scores          measures; the same command continues
    python -m benchmarks.scores.contest_scores --show   prints the tables, draws the pictures, and
                                                        updates the documents and the model card

Every level is played under the contest's rules, and each play is written to the file when it ends.
One file contains budgets of different sizes; each size has its own table. Plays of another model or
ROM are excluded from the tables.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from agent.command_line import option, parse, run
from agent.command_line.ranges import COUNT, PROCESSES
from agent.errors import INTERRUPTED_EXIT_CODE
from agent.world_model.packed_model import MODEL_CARD, load
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import Level, select
from arena.evaluation.evaluate import EvaluationInterrupted
from arena.server.signals import signals_as_interrupt
from benchmarks.identity import model_digest, rom_hashes
from benchmarks.measured_tables import ROOT, update_documents, with_tables
from benchmarks.names import chosen
from benchmarks.scores.baseline_plays import BASELINES
from benchmarks.scores.contest_measure import (
    MeasurementFile,
    chosen_levels,
    exclusive,
    measure_baselines,
    measure_ours,
)
from benchmarks.scores.contest_players import NAMES, OURS, SHIPPED, identities, our_agent
from benchmarks.scores.contest_plays import ContestPlays, PlayKey
from benchmarks.scores.contest_tables import COMPARISON, TABLE, comparison, for_the_card, markdown
from training.pack import write_new_card

PICTURES = ROOT / "results" / "pictures"


@dataclass(frozen=True)
class Options:
    """Measure the contest's scores of our agents and the baselines.

    The same command continues an interrupted measurement.
    """

    extra: ClassVar[str] = "train"

    levels: str = option(LEVELS_HELP, "pangolin-validation")
    steps: int = option("timesteps of each budget, resets included", 100_000, within=COUNT)
    seeds: int = option(
        "budgets per agent and level, with the random seeds 1, 2, ...", 3, within=COUNT
    )
    agents: str = option("agents to measure, separated by commas", ",".join(NAMES))
    workers: int = option("number of levels played at once", 2, within=PROCESSES)
    pretrained: Path = option("folder of the packed model", Path("pretrained"))
    folder: Path = option("folder of the runs", Path("runs/contest_scores"))
    out: Path = option("file of the results", Path("results/contest_scores.json"))
    show: bool = option(
        "measure nothing: print the results in --out, draw the pictures, update the documents",
        False,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.scores.contest_scores")
    if options.show:
        show(ContestPlays.load(options.out), select(options.levels), options.pretrained)
        return 0
    agents = [NAMES[name] for name in chosen("agents", options.agents, NAMES)]
    levels = chosen_levels(options.levels)
    with exclusive(options.folder):
        plays = ContestPlays.open(
            options.out,
            identities(options.pretrained),
            rom_hashes(levels),
            [level.name for level in levels],
        )
        if line := plays.excluded():
            print(f"note: {line}", file=sys.stderr)
        file = MeasurementFile(plays, options.out, Console(stderr=True))
        keys = [
            plays.key(options.steps, agent, level.name, seed)
            for agent in agents
            for seed in range(1, options.seeds + 1)
            for level in levels
        ]
        print(f"{file.count(keys)} of {len(keys)} plays are already measured", file=sys.stderr)
        try:
            with signals_as_interrupt():
                measure(options, levels, keys, file)
        except (KeyboardInterrupt, EvaluationInterrupted):
            file.save()  # the interruption may come between a new play and the file
            print(
                f"interrupted: {file.count(keys)} of {len(keys)} plays are measured and kept in"
                f" {options.out}; the same command continues",
                file=sys.stderr,
            )
            return INTERRUPTED_EXIT_CODE
    print(markdown(plays))
    return 0


def measure(
    options: Options, levels: Sequence[Level], keys: Sequence[PlayKey], file: MeasurementFile
) -> None:
    """Make the plays that are missing from the file: first the baselines, then our agents.

    Raises:
        EvaluationInterrupted, KeyboardInterrupt: finished plays are kept.
        UserError: a play can't be made.
    """
    todo = [key for key in keys if key not in file.plays.plays]
    by_name = {level.name: level for level in levels}
    baselines = [key for key in todo if key.agent in BASELINES]
    measure_baselines(baselines, by_name, options.folder, options.workers, file)
    for agent in OURS:
        for seed in range(1, options.seeds + 1):
            mine = {key.level: key for key in todo if (key.agent, key.seed) == (agent, seed)}
            if mine:
                models = options.folder / "models"
                player = our_agent(agent, options.pretrained, options.steps, seed, models)
                left = [by_name[name] for name in mine]
                measure_ours(player, left, mine, options.folder, options.workers, file)


def show(plays: ContestPlays, levels: Sequence[Level], pretrained: Path) -> None:
    """Print the tables, draw the pictures, update the documents and the model card."""
    made = markdown(plays)
    print(made)
    roms = rom_hashes(levels)
    drawn = [level for level in levels if plays.roms.get(level.game) == roms[level.game]]
    from benchmarks.scores.contest_pictures import draw_all  # --help does not need matplotlib

    for path in draw_all(PICTURES, plays, drawn):
        print(f"drawn: {path}", file=sys.stderr)
    update_documents({TABLE: made, COMPARISON: comparison(plays)})
    update_card(plays, pretrained)


def update_card(plays: ContestPlays, pretrained: Path) -> None:
    """Write the scores into the card of the model that they were measured with.

    Raises:
        UserError: there is no packed model, or it is damaged.
    """
    shipped = plays.players.get(plays.current.get(SHIPPED, ""), {})
    if shipped.get("model") != model_digest(load(pretrained)):
        print(
            f"note: {pretrained} is not the measured model: its card is not changed",
            file=sys.stderr,
        )
        return
    before = (pretrained / MODEL_CARD).read_text(encoding="utf-8")
    if (card := with_tables(before, {TABLE: for_the_card(plays)})) != before:
        write_new_card(pretrained, card)
        print(f"updated: {pretrained / MODEL_CARD}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
