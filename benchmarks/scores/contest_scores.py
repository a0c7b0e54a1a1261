"""Measures the contest's scores of all agents, at equal budgets.

    python -m benchmarks.scores.contest_scores          measures; the same command continues
    python -m benchmarks.scores.contest_scores --show   prints the tables, draws the pictures, and
                                                        updates the documents and the model card

Every level is played under the contest's rules, through the real socket, and each play is written
to the file when it ends. One file contains budgets of different sizes; each size has its own table.
Plays of another model or ROM are excluded from the tables.
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
from agent.errors import INTERRUPTED_EXIT_CODE, UserError
from agent.world_model.packed_model import MODEL_CARD, load
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import Level, select
from arena.evaluation.run_folder import provenance
from arena.server.signals import signals_as_interrupt
from benchmarks.identity import model_digest, rom_hashes
from benchmarks.measured_tables import ROOT, update_documents, with_tables
from benchmarks.names import chosen
from benchmarks.scores.contest_measure import (
    MeasurementFile,
    PlayTask,
    chosen_levels,
    exclusive,
    measure,
)
from benchmarks.scores.contest_players import NAMES, SHIPPED, identities, player
from benchmarks.scores.contest_plays import ContestPlays
from benchmarks.scores.contest_summary import (
    CLOSE,
    SEEDS_IF_CLOSE,
    budgets,
    count_of,
    too_few_seeds,
)
from benchmarks.scores.contest_tables import COMPARISON, TABLE, comparison, for_the_card, markdown
from training.pack import write_new_card

PICTURES = ROOT / "results" / "pictures"


@dataclass(frozen=True)
class Options:
    """Measure the contest's scores of all agents.

    The same command continues an interrupted measurement. The plays are made seed by seed, and
    agent by agent in the order of --agents. An agent whose weights or packages are missing is left
    out.
    """

    extra: ClassVar[str] = "train"

    levels: str = option(LEVELS_HELP, "pangolin-validation")
    steps: int = option("timesteps of each budget, resets included", 100_000, within=COUNT)
    seeds: int = option(
        "budgets per agent and level, with the random seeds 1, 2, ...", 1, within=COUNT
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
    levels = chosen_levels(options.levels)
    names = available(chosen("agents", options.agents, NAMES), options)
    with exclusive(options.folder):
        plays = ContestPlays.open(
            options.out,
            identities(options.pretrained),
            rom_hashes(levels),
            [level.name for level in levels],
            provenance(),
        )
        if line := plays.excluded():
            print(f"note: {line}", file=sys.stderr)
        file = MeasurementFile(plays, options.out, Console(stderr=True))
        tasks = tasks_of(options, names, levels, plays)
        left = [task for task in tasks if task.key not in plays.plays]
        print(
            f"{len(tasks) - len(left)} of {len(tasks)} plays are already measured", file=sys.stderr
        )
        try:
            with signals_as_interrupt():
                failed = measure(left, options.folder, options.workers, file)
        except KeyboardInterrupt:
            print(
                f"interrupted: {file.count([task.key for task in tasks])} of {len(tasks)} plays are"
                f" measured and kept in {options.out}; the same command continues",
                file=sys.stderr,
            )
            return INTERRUPTED_EXIT_CODE
    print(markdown(plays))
    if failed:
        raise UserError(
            f"{count_of(len(failed), 'play')} failed, see above: repeat the command to play again"
        )
    return 0


def available(names: Sequence[str], options: Options) -> list[str]:
    """Return the agents that can be started; each of the others is named on stderr.

    Raises:
        UserError: no agent can be started.
    """
    found = []
    for name in names:
        try:
            player(name, options.pretrained, 1, 1, options.folder / "models").check()
        except UserError as error:
            print(f"note: {name} is left out: {error}", file=sys.stderr)
        else:
            found.append(name)
    if not found:
        raise UserError("none of the --agents can be started: see the notes above")
    return found


def tasks_of(
    options: Options, names: Sequence[str], levels: Sequence[Level], plays: ContestPlays
) -> list[PlayTask]:
    """Return all plays of the measurement, in the order in which they are made."""
    return [
        PlayTask(
            plays.key(options.steps, NAMES[name], level.name, seed),
            player(name, options.pretrained, options.steps, seed, options.folder / "models"),
            level,
        )
        for seed in range(1, options.seeds + 1)
        for name in names
        for level in levels
    ]


def show(plays: ContestPlays, levels: Sequence[Level], pretrained: Path) -> None:
    """Print the tables, draw the pictures, update the documents and the model card."""
    made = markdown(plays)
    print(made)
    for steps in budgets(plays)[:1]:
        if close := too_few_seeds(plays, steps):
            print(
                f"note: within a factor {CLOSE} of {SHIPPED}, and therefore to be measured with"
                f" --seeds {SEEDS_IF_CLOSE}: {', '.join(close)}",
                file=sys.stderr,
            )
    draw(plays, levels)
    update_documents({TABLE: made, COMPARISON: comparison(plays)})
    update_card(plays, pretrained)


def draw(plays: ContestPlays, levels: Sequence[Level]) -> None:
    """Draw the pictures, unless the plays are of another ROM, whose maps can't be drawn."""
    roms = rom_hashes(levels)
    if other := sorted(game for game in roms if plays.roms.get(game, roms[game]) != roms[game]):
        print(
            f"note: the pictures are not drawn, because the plays are of another ROM of"
            f" {', '.join(other)} than the present one: measure again",
            file=sys.stderr,
        )
        return
    from benchmarks.scores.contest_pictures import draw_all  # --help does not need matplotlib
    from benchmarks.scores.curve_pictures import draw_curves

    known = [level for level in levels if level.game in plays.roms]
    for path in [*draw_all(PICTURES, plays, known), *draw_curves(PICTURES, plays)]:
        print(f"drawn: {path}", file=sys.stderr)


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
