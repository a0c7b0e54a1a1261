"""Measures controllers from starts inside the levels, without explorer and lock-in.

    python -m benchmarks.scores.inside_starts --levels fresh --demonstrations fresh/movies
    python -m benchmarks.scores.inside_starts --players pretrained,runs/pangolin/pretrained,planner
    python -m benchmarks.scores.inside_starts --show   prints the table and updates the documents

Whole episodes repeat the first death or the first wall of each level, and many of them are needed
to tell two controllers apart. Here, all players start at the same steps of each level's
demonstration, with the same sticky actions, and play for twenty seconds. M first sees the steps
before the start. Use it on freshly built levels while a model is developed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from agent import command_line
from agent.buttons import from_genesis, to_genesis
from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES
from agent.errors import UserError
from agent.evolution.cma_es import Evolution
from agent.world_model.controller import Controller
from agent.world_model.packed_model import load
from agent.world_model.world_model import WorldModel, load_world_model
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import Level, select
from arena.evaluation.score import FULL_PROGRESS_RETURN, bootstrap_difference, bootstrap_interval
from arena.progress_bar import ProgressBar
from arena.workers.pool import Pool
from benchmarks.measured import show_measured, write_measured
from benchmarks.tables import markdown_table
from game.planning.emulator import buttons
from training.experts.demonstrations import (
    Demonstration,
    find_demonstration,
    read_demonstration,
    read_folders,
)
from training.experts.simulator import action_number
from training.experts.sticky_play import PLANNER, planner_for

TABLE = "inside starts"  # its name in the documents
WARM_UP = 60  # steps before a start that M sees
STUCK_POINTS = 50.0  # points below which a play counts as stuck, if it did not end
FIRST_SEED = 1_700_000_000  # of the sticky actions
DIED, FINISHED, STUCK, GOES_ON = "died", "finished", "stuck", "goes on"


@dataclass(frozen=True)
class Options:
    """Measure controllers from starts inside the levels."""

    extra: ClassVar[str] = "train"

    levels: str = option(LEVELS_HELP, "pangolin-train")
    demonstrations: str = option("folders of recordings, separated by commas", "game/movies")
    players: str = option(
        "folders of packed models, separated by commas, of which the mean of C's distribution"
        " plays; planner is the planner of Pangolin Dash",
        "pretrained",
    )
    starts: int = option("starts in each level", 14, within=COUNT)
    steps: int = option("steps of each play", 300, within=COUNT)
    workers: int = option("number of processes, each with one emulator", 2, within=PROCESSES)
    out: Path = option("file of the results", Path("results/inside_starts.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


@dataclass(frozen=True)
class InsideTask:
    """A start to play from.

    Attributes:
        player: folder of a packed model, or PLANNER.
        level: the level.
        demonstration: its recording.
        start: the step of the recording at which the player begins.
        seed: random seed of the sticky actions.
        steps: most steps of the play.
    """

    player: str
    level: Level
    demonstration: Demonstration
    start: int
    seed: int
    steps: int


@dataclass(frozen=True)
class InsidePlay:
    """What a player reached from a start.

    Attributes:
        gain: sum of the rewards, in points.
        ended: one of DIED, FINISHED, STUCK and GOES_ON.
    """

    player: str
    level: str
    start: int
    seed: int
    gain: float
    ended: str


class InsidePlayer:
    """Plays from starts in a worker process."""

    def __init__(self) -> None:
        """Start without a model."""
        self._models: dict[str, tuple[WorldModel, Controller]] = {}

    def __call__(self, task: InsideTask) -> InsidePlay:
        """Replay the recording up to the start, then let the player play."""
        env = ContestEnv(task.level, seed=task.seed)
        try:
            frame, model = env.reset(task.demonstration.state), None
            if task.player != PLANNER:
                model = self._model(task.player)
                model[0].reset()
            before = 0.0
            for step in range(task.start):
                if model is not None and step >= task.start - WARM_UP:
                    model[0].observe(frame)
                    model[0].remember(task.demonstration.action(step))
                frame, reward, _, _ = env.play_frames(task.demonstration.buttons(step))
                before += reward
            play = _play_model(*model) if model else _play_planner(env, task.seed)
            gain = _play(env, frame, play, task.steps)
            ended = _ended(env.terminated, gain, before + gain)
        finally:
            env.close()
        return InsidePlay(
            task.player, task.level.name, task.start, task.seed, round(gain, 2), ended
        )

    def _model(self, folder: str) -> tuple[WorldModel, Controller]:
        if folder not in self._models:
            path = Path(folder)
            controller = Controller(Evolution.load(path).mean.astype(np.float32))
            self._models[folder] = load_world_model(load(path)), controller
        return self._models[folder]


Choose = Callable[[Any], Any]  # the action, uint8 (4,), on a frame, uint8 (224, 320, 3)
Observe = Callable[[Any, Any], None]  # follows a step: the action, and the game's variables


def _play_model(world_model: WorldModel, controller: Controller) -> tuple[Choose, Observe]:
    return (
        lambda frame: controller.act(world_model.observe(frame)),
        lambda action, variables: world_model.remember(action),
    )


def _play_planner(env: ContestEnv, seed: int) -> tuple[Choose, Observe]:
    planner = planner_for(env)
    planner.start(seed)
    return (
        lambda frame: from_genesis(buttons(planner.choose())),
        lambda action, variables: planner.observe(action_number(action)),
    )


def _play(env: ContestEnv, frame: Any, play: tuple[Choose, Observe], steps: int) -> float:
    """Play some steps, and return the sum of the rewards."""
    choose, observe = play
    gain = 0.0
    for _ in range(steps):
        action = choose(frame)
        frame, reward, done, variables = env.step(to_genesis(action))
        gain += reward
        if done:
            break
        observe(action, variables)
    return gain


def _ended(terminated: bool, gain: float, progress: float) -> str:
    if terminated:
        return FINISHED if progress >= FULL_PROGRESS_RETURN else DIED
    return STUCK if gain < STUCK_POINTS else GOES_ON


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the JSON, print the table."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.scores.inside_starts")
    if options.show:
        show_measured(options.out, TABLE, table)
        return
    players = [part.strip() for part in options.players.split(",") if part.strip()]
    if not players:
        raise UserError(
            f"--players {options.players!r} names none: give a folder, such as pretrained"
        )
    for player in players:
        if player != PLANNER:
            load(Path(player))
    levels = select(options.levels)
    folders = read_folders(options.demonstrations)
    for level in levels:
        check_available(level)
    tasks = tasks_of(levels, folders, players, options)
    plays: dict[int, InsidePlay] = {}
    numbers = {id(task): number for number, task in enumerate(tasks)}
    with Pool(InsidePlayer, options.workers) as pool, ProgressBar("plays", len(tasks)) as progress:
        for task, play in pool.run(tasks):
            plays[numbers[id(task)]] = play
            progress.update(len(plays))
    ordered = [dataclasses.asdict(plays[number]) for number in sorted(plays)]
    result = {"steps": options.steps, "plays": ordered}
    write_measured(options.out, result)
    print(table(result))


def tasks_of(
    levels: Sequence[Level], folders: Sequence[Path], players: Sequence[str], options: Options
) -> list[InsideTask]:
    """Return the tasks: starts at equal distances in each recording, the same for all players."""
    tasks: list[InsideTask] = []
    for level in levels:
        demonstration = read_demonstration(find_demonstration(folders, level))
        for number in range(options.starts):
            start = number * demonstration.steps // options.starts
            seed = FIRST_SEED + len(tasks) // len(players)
            tasks += [
                InsideTask(player, level, demonstration, start, seed, options.steps)
                for player in players
            ]
    return tasks


def table(result: Mapping[str, Any]) -> str:
    """Return Markdown: a row for each player; differences are to the first one."""
    plays = [InsidePlay(**row) for row in result["plays"]]
    players = list(dict.fromkeys(one.player for one in plays))
    head = ["player", "plays", "gain", "difference", "died", "difference", "stuck", "finished"]
    first = [one for one in plays if one.player == players[0]]
    rows = [_row([one for one in plays if one.player == player], first) for player in players]
    return markdown_table(head, rows)


def _row(plays: Sequence[InsidePlay], first: Sequence[InsidePlay]) -> list[str]:
    gains = _by_level(plays, lambda one: one.gain)
    deaths = _by_level(plays, lambda one: 100.0 * (one.ended == DIED))
    shares = {end: sum(one.ended == end for one in plays) / len(plays) for end in (STUCK, FINISHED)}
    compared = plays[0].player != first[0].player
    return [
        f"`{plays[0].player}`",
        str(len(plays)),
        _mean(gains, ",.0f"),
        _difference(_by_level(first, lambda one: one.gain), gains, ",.0f") if compared else "",
        _mean(deaths, ".0f") + " %",
        _difference(_by_level(first, lambda one: 100.0 * (one.ended == DIED)), deaths, ".0f")
        if compared
        else "",
        f"{shares[STUCK]:.0%}",
        f"{shares[FINISHED]:.0%}",
    ]


def _by_level(
    plays: Sequence[InsidePlay], value: Callable[[InsidePlay], float]
) -> list[list[float]]:
    levels = dict.fromkeys(one.level for one in plays)
    return [[value(one) for one in plays if one.level == level] for level in levels]


def _mean(values: Sequence[Sequence[float]], form: str) -> str:
    mean, interval = np.mean([np.mean(row) for row in values]), bootstrap_interval(values)
    return f"{mean:{form}}" + (
        f" ({interval[0]:{form}} to {interval[1]:{form}})" if interval else ""
    )


def _difference(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], form: str
) -> str:
    mean = np.mean([np.mean(row) for row in second]) - np.mean([np.mean(row) for row in first])
    interval = bootstrap_difference(first, second)
    around = f" ({interval[0]:+{form}} to {interval[1]:+{form}})" if interval else ""
    return f"{mean:+{form}}{around}"


if __name__ == "__main__":
    command_line.run(main)
