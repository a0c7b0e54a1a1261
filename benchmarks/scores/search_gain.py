"""Measures what CMA-ES gained over its initial controller, which plays M's expert actions.

    python -m benchmarks.scores.search_gain          measures, about seven minutes on two cores
    python -m benchmarks.scores.search_gain --show   prints the table and updates the documents

Both controllers play whole episodes of the same levels with the same sticky actions, without
lock-in and explorer: on the levels of the search, and on levels that neither M nor the search has
played. M's head of expert actions is read from the packed torch weights, in half precision.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES
from agent.evolution.cma_es import Evolution
from agent.world_model.controller import Controller
from agent.world_model.packed_model import NETWORKS, load
from agent.world_model.world_model import load_world_model
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select
from arena.evaluation.score import bootstrap_difference, bootstrap_interval
from arena.progress_bar import ProgressBar
from arena.workers.pool import Pool
from benchmarks.identity import model_digest
from benchmarks.measured import show_measured, write_measured
from benchmarks.tables import markdown_table
from training.search.rollouts import Rollout, RolloutRequest, play

# torch is imported where it is needed: the worker processes import this file too.

TABLE = "search gain"  # its name in the documents
CONTROLLERS = (
    "expert actions of M, start of the search",
    "mean of the distribution, end of the search",
)
HEADINGS = (
    "start of the search: M's prediction of the expert action",
    "end of the search: mean of the distribution",
)
FIRST_SEED = 1_600_000_000  # of the sticky actions; the seeds of evolution begin at 2**31


@dataclass(frozen=True)
class Options:
    """Measure what the search gained over the expert actions of M."""

    extra: ClassVar[str] = "train"

    pretrained: Path = option("folder of the packed model", Path("pretrained"))
    sets: str = option("level sets, separated by commas", "pangolin-train,pangolin-validation")
    episodes: int = option("episodes of each controller on each level", 3, within=COUNT)
    max_steps: int = option(
        "limit of an episode in agent steps; the contest's is 4500", 4500, within=COUNT
    )
    workers: int = option("number of processes, each with one emulator", 2, within=PROCESSES)
    out: Path = option("file of the results", Path("results/search_gain.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


class PackedPlayer:
    """Plays episodes in a worker process, with the packed V and M."""

    def __init__(self, pretrained: Path, max_steps: int) -> None:
        """Load the packed model."""
        self._world_model = load_world_model(load(pretrained))
        self._max_steps = max_steps

    def __call__(self, task: RolloutRequest) -> Rollout:
        """Play one episode of a controller."""
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
    result = measure(options)
    write_measured(options.out, result)
    print(table(result))


def measure(options: Options) -> dict[str, Any]:
    """Return the result: level set -> controller -> level -> returns of the episodes.

    Raises:
        UserError: a level or the packed model is missing.
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
    found = _play_all(options, sets, controllers)
    seeds = _seeds(options)
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


def _seeds(options: Options) -> range:
    return range(FIRST_SEED, FIRST_SEED + options.episodes)


def _play_all(
    options: Options,
    sets: Mapping[str, Sequence[Level]],
    controllers: Sequence[NDArray[np.floating]],
) -> dict[tuple[int, str, int], float]:
    """Return the return of every episode by (controller, level, seed of the sticky actions)."""
    tasks = [
        RolloutRequest(number, parameters.astype(np.float32), level, seed)
        for seed in _seeds(options)
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
    return found


def table(result: Mapping[str, Any]) -> str:
    """Return the result as Markdown."""
    rows = []
    for name, returns in result["returns"].items():
        before, after = (list(returns[about].values()) for about in CONTROLLERS)
        means = [float(np.mean([np.mean(row) for row in one])) for one in (before, after)]
        cells = [
            f"{mean:,.0f}{_range(bootstrap_interval(one), ',.0f')}"
            for mean, one in zip(means, (before, after), strict=True)
        ]
        difference = _range(bootstrap_difference(before, after), "+,.0f")
        gained = f"{means[1] - means[0]:+,.0f}{difference}"
        rows.append([f"`{name}`, {len(before)}", *cells, gained])
    episodes = result["options"]["episodes"]
    return markdown_table([f"levels, {episodes} episodes each", *HEADINGS, "gain"], rows)


def _range(interval: tuple[float, float] | None, form: str) -> str:
    return f" ({interval[0]:{form}} to {interval[1]:{form}})" if interval else ""


if __name__ == "__main__":
    command_line.run(main)
