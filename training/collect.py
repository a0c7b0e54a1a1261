"""Collects episodes into a dataset, on which V and M are trained.

Each episode depends only on the seed and its index. An interrupted collection therefore continues
where it stopped, with any number of workers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES, SEED
from agent.errors import UserError
from agent.world_model.packed_model import load
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import Level, select
from arena.progress_bar import ProgressBar
from arena.workers.ray_cluster import ADDRESS_HELP, EXECUTOR_HELP, EXECUTORS
from game.native.library import library
from training.data.dataset import create_dataset, list_episodes, remove_partial_episodes
from training.data.held_out import HELD_OUT_HELP, check_levels
from training.data.playable import check_playable
from training.experts.collector import (
    CollectedEpisode,
    Collector,
    EpisodeToCollect,
    episode_to_collect,
)
from training.experts.demonstration_expert import has_position
from training.experts.demonstrations import (
    DEMONSTRATIONS_HELP,
    find_demonstration,
    read_demonstration,
    read_folders,
)
from training.experts.episode_order import EpisodeOrder
from training.experts.policies import (
    NEED_AGENT,
    NEED_DEMONSTRATION,
    NEED_EXPERT,
    POLICIES,
    POLICIES_HELP,
    START_ON_PATH,
)
from training.experts.sticky_play import PLANNER, SEARCH, expert_of, route_of
from training.runs.executors import FREE, Executor, open_executor
from training.runs.resume import stopping_softly
from training.runs.run_folder import Metrics, stage_run, write_result
from training.runs.stages import COLLECT

EPISODE_SECONDS = 3600.0  # after which a worker counts as hanging; the search may take minutes


@dataclass(frozen=True)
class Options:
    """Collect episodes into a dataset. The same command with more --frames adds to it."""

    extra: ClassVar[str] = "train"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "debug": {"frames": 400, "max_steps": 64},
        "full": {"frames": 1_000_000},
    }

    out: Path = option("folder of the dataset, which is also the run folder")
    levels: str = option(LEVELS_HELP, "airstriker")
    frames: int = option(
        "number of frames to collect; episodes in progress are completed", 40_000, within=COUNT
    )
    policies: str = option(POLICIES_HELP, "random,held")
    demonstrations: str = option(DEMONSTRATIONS_HELP, "game/movies")
    pretrained: Path = option(
        "packed model of the policies agent and alternating", Path("pretrained")
    )
    max_steps: int = option(
        "maximum steps of an episode, 15 per second; the contest allows 4500", 4500, within=COUNT
    )
    workers: int = option(
        "number of processes, each with one emulator and one thread", 2, within=PROCESSES
    )
    executor: str = option(EXECUTOR_HELP, "local", choices=EXECUTORS)
    ray_address: str | None = option(ADDRESS_HELP, None)
    seed: int = option(
        "random seed of sticky actions, policies and the order of levels", 1, within=SEED
    )
    held_out: bool = option(HELD_OUT_HELP, False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.collect")
    levels, policies = select(options.levels), read_policies(options.policies)
    check_levels([level.name for level in levels], options.held_out)
    check_playable(levels)
    # Files are checked here, so that a mistake is reported before any worker starts.
    demonstrations = None
    if needs_demonstrations(levels, policies):
        demonstrations = read_folders(options.demonstrations)
        for level in levels:
            _check_position(level, policies)
            read_demonstration(find_demonstration(demonstrations, level))
    if demonstrations is not None or set(policies) & set(NEED_EXPERT):
        for level in levels:
            if expert_of(level) == PLANNER:
                route_of(level)
                library()  # compiles the native engine, before several workers need it
    pretrained = options.pretrained if set(policies) & set(NEED_AGENT) else None
    if pretrained is not None:
        load(pretrained)
    with stage_run(COLLECT, options, free=("frames", *FREE, "held_out")) as folder:
        make = functools.partial(
            Collector,
            folder.absolute(),
            pretrained and pretrained.absolute(),
            demonstrations and tuple(path.absolute() for path in demonstrations),
            options.max_steps,
        )
        workers = open_executor(
            options.executor, make, options.workers, options.ray_address, EPISODE_SECONDS
        )
        with workers as pool, stopping_softly() as stop:
            create_dataset(folder)
            _collect(pool, options, levels, policies, lambda: stop.requested)
        remove_partial_episodes(folder)
        _finish(folder)
    return 0


def read_policies(text: str) -> list[str]:
    """Read the value of --policies.

    Raises:
        UserError: it contains an unknown policy, or no policy.
    """
    policies = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [policy for policy in policies if policy not in POLICIES]
    if unknown or not policies:
        what = f"has no policy {unknown[0]!r}" if unknown else "contains no policy"
        raise UserError(f"--policies {text!r} {what}: choose from {', '.join(POLICIES)}")
    return policies


def needs_demonstrations(levels: Sequence[Level], policies: Sequence[str]) -> bool:
    """Return whether a policy needs recordings of the levels; the search begins with them."""
    searches = any(expert_of(level) == SEARCH for level in levels)
    needing = {*NEED_DEMONSTRATION, *(NEED_EXPERT if searches else ())}
    return not needing.isdisjoint(policies)


def _check_position(level: Level, policies: Sequence[str]) -> None:
    needing = [policy for policy in policies if policy in START_ON_PATH]
    if needing and not has_position(level):
        raise UserError(
            f"--policies {needing[0]} needs the player's position, but the data.json of"
            f" {level.game} has no variables x and y: add them, or give other policies"
        )


def _collect(
    pool: Executor[EpisodeToCollect, CollectedEpisode],
    options: Options,
    levels: Sequence[Level],
    policies: Sequence[str],
    stopped: Callable[[], bool],
) -> None:
    """Add episodes in the order of their indices until the dataset has enough frames.

    The workers play later episodes at the same time. Those that turn out not to be needed are
    discarded: the dataset does not depend on the number of workers, or on which was faster.
    """
    order = EpisodeOrder(options.out, options.frames)

    def missing() -> Iterator[EpisodeToCollect]:
        index = 0
        while not order.enough(index) and not stopped():
            if not order.has(index):
                yield episode_to_collect(index, levels, policies, options.seed)
            index += 1

    metrics = Metrics(options.out, order.frames)
    try:
        with ProgressBar("frames", options.frames, order.frames) as progress:
            for episode, collected in pool.run(missing()):
                for added in order.add(episode.index, collected):
                    metrics.log(order.frames, **added.metrics())
                    progress.update(order.frames, f"episode {added.stored.index}")
                if order.frames >= options.frames:
                    return
    finally:
        metrics.close()


def _finish(folder: Path) -> None:
    episodes = list_episodes(folder)
    frames = sum(episode.steps for episode in episodes)
    stored = sum(sum(episode.files.values()) for episode in episodes)
    size = stored / frames
    write_result(
        folder,
        COLLECT,
        [],
        frames=frames,
        episodes=len(episodes),
        bytes_per_frame=size,
        mean_return=float(np.mean([episode.episode_return for episode in episodes])),
    )
    print(f"{folder}: {len(episodes)} episodes, {frames} frames, {size:.0f} bytes per frame")


if __name__ == "__main__":
    command_line.run(main)
