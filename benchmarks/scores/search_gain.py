"""What CMA-ES gained over the controller that it began at: M's expert_action.

    python -m benchmarks.scores.search_gain          some seven minutes on two cores
    python -m benchmarks.scores.search_gain --show   prints the table, and puts it into the README

Both controllers play whole episodes of the same levels with the same stickiness, without lock-in,
learning or memory of the level: on the levels that the search played, and on levels that neither M
nor the search knows. The expert_action is read out of the packed torch weights (half precision).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from agent.evolution import Evolution
from agent.world_model.controller import Controller
from agent.world_model.packed_model import NETWORKS, load
from agent.world_model.world_model import load_world_model
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select
from arena.evaluation.score import bootstrap_difference, bootstrap_interval
from arena.workers.pool import Pool
from benchmarks.measured import show_measured, write_measured
from benchmarks.scores.contest_players import model_digest
from training.runs.progress import ProgressBar
from training.search.rollouts import Rollout, RolloutRequest, play

# torch is imported where it is needed: the worker processes import this file too.

TABLE = "search gain"  # its name in the README
CONTROLLERS = ("M's expert_action, where the search began", "the distribution's mean, after it")
FIRST_SEED = 1_600_000_000  # of the stickiness; evolution draws its seeds from 2**31 on


@dataclass(frozen=True)
class Options:
    """Measure what the search gained over M's expert_action, and write the returns as JSON."""

    pretrained: Path = option("folder of the packed model", Path("pretrained"))
    sets: str = option("level sets, separated by commas", "pangolin-train,pangolin-validation")
    episodes: int = option("of each controller on each level", 3)
    max_steps: int = option("steps after which an episode is cut; the contest's limit", 4500)
    workers: int = option("processes, one emulator and one thread each", 2)
    out: Path = option("where the JSON goes", Path("results/search_gain.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the README", False)


class PackedPlayer:
    """Plays tasks in a worker process, with the packed V and M."""

    def __init__(self, pretrained: Path, max_steps: int) -> None:
        """Load the packed model."""
        self._world_model = load_world_model(load(pretrained))
        self._max_steps = max_steps

    def __call__(self, task: RolloutRequest) -> Rollout:
        """Play an episode of a controller."""
        env = ContestEnv(task.level, seed=task.seed, max_steps=self._max_steps)
        try:
            return play(env, self._world_model, Controller(task.parameters).act)
        finally:
            env.close()


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the JSON, print the table."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.scores.search_gain")
    if options.show:
        show_measured(options.out, TABLE, table)
        return
    if min(options.episodes, options.max_steps, options.workers) < 1:
        raise UserError("give positive numbers of episodes, steps and workers")
    result = measure(options)
    write_measured(options.out, result)
    print(table(result))


def measure(options: Options) -> dict[str, Any]:
    """Every return, as the JSON has them: level set -> controller -> level -> episodes.

    Raises:
        UserError: a level is missing, or the packed model.
    """
    from training.models.checkpoint import load_networks
    from training.search.imitation import as_controller

    sets = {name.strip(): select(name.strip()) for name in options.sets.split(",")}
    for level in (level for levels in sets.values() for level in levels):
        check_available(level)
    model = load(options.pretrained)
    head = load_networks(options.pretrained / NETWORKS)[1].expert_action
    weights, bias = (part.detach().numpy() for part in (head.weight, head.bias))
    controllers = (
        as_controller(weights, bias, model.spec),
        Evolution.load(options.pretrained).mean,
    )
    tasks = [
        RolloutRequest(number, parameters.astype(np.float32), level, FIRST_SEED + episode)
        for episode in range(options.episodes)
        for levels in sets.values()
        for level in levels
        for number, parameters in enumerate(controllers)
    ]
    make = functools.partial(PackedPlayer, options.pretrained.absolute(), options.max_steps)
    found: dict[tuple[int, str, int], float] = {}
    with Pool(make, options.workers) as pool, ProgressBar("episodes", len(tasks)) as progress:
        for task, rollout in pool.run(tasks):
            found[task.candidate, task.level.name, task.seed] = round(rollout.episode_return, 2)
            progress.update(len(found))
    seeds = range(FIRST_SEED, FIRST_SEED + options.episodes)
    return {
        "model": model_digest(model),
        "cores": len(os.sched_getaffinity(0)),
        "options": {"episodes": options.episodes, "max_steps": options.max_steps},
        "returns": {
            name: {
                about: {
                    level.name: [found[number, level.name, seed] for seed in seeds]
                    for level in levels
                }
                for number, about in enumerate(CONTROLLERS)
            }
            for name, levels in sets.items()
        },
    }


def table(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        f"| levels, {result['options']['episodes']} episodes each | {' | '.join(CONTROLLERS)}"
        " | gained |",
        "| --- " * 4 + "|",
    ]
    for name, returns in result["returns"].items():
        before, after = (list(returns[about].values()) for about in CONTROLLERS)
        means = [float(np.mean([np.mean(row) for row in rows])) for rows in (before, after)]
        cells = [
            f"{mean:,.0f}{_range(bootstrap_interval(rows), ',.0f')}"
            for mean, rows in zip(means, (before, after), strict=True)
        ]
        gained = (
            f"{means[1] - means[0]:+,.0f}{_range(bootstrap_difference(before, after), '+,.0f')}"
        )
        lines.append(f"| `{name}`, {len(before)} | {' | '.join(cells)} | {gained} |")
    return "\n".join(lines)


def _range(interval: tuple[float, float] | None, form: str) -> str:
    return f" ({interval[0]:{form}} to {interval[1]:{form}})" if interval else ""


if __name__ == "__main__":
    command_line.run(main)
