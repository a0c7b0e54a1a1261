"""Measures the size of Pangolin Dash, and its speed compared with stable-retro's Airstriker.

The speed of the native engine, on which the planner tries its steps, is compared with the emulator.

    python -m benchmarks.speed.game_speed

Each level has its own process, and all of them step short blocks in turn, so that other work on
the machine slows all of them. Results are medians of the ratios within each round.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import stable_retro

from agent.command_line import option, parse, run
from agent.command_line.ranges import COUNT
from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.levels import Level, register_integration, select
from arena.environment.roms import ROM_FILE
from baselines.simple_agents import run_and_jump
from benchmarks.measured import write_measured
from game.native.engine import NativeEngine
from game.planning.console import RIGHT, B
from game.planning.emulator import Emulator

AIRSTRIKER = "airstriker"
LEVELS = (
    "PangolinDash-Genesis:MeadowZone.Act3,PangolinDash-Genesis:CanyonZone.Act3,"
    "PangolinDash-Genesis:CavernZone.Act3,PangolinDash-Genesis:GlacierZone.Act3,"
    "PangolinDash-Genesis:FoundryZone.Act3,PangolinDash-Genesis:LagoonZone.Act4,"
    "PangolinDashFinal-Genesis:SkylineZone.Act1"
)
NATIVE_LEVEL = "PangolinDash-Genesis:FoundryZone.Act3"
EMULATOR_STEPS, NATIVE_STEPS = 200, 20_000  # contest steps of a round: four frames each
RUNNING = (RIGHT,) * 6 + (RIGHT | B,) * 4
WARM_UP = 200  # steps before the first round
RATIO_AT_LEAST, RESET_AT_MOST, BYTES_AT_MOST = 1.0, 2.0, 3_000_000


@dataclass(frozen=True)
class Options:
    """Measure env.step and env.reset in process, compared with Airstriker, and the games' sizes."""

    levels: str = option("levels, as in local_eval.py; by default one level of every zone", "")
    steps: int = option("env.step calls of each level in a round", 1000, within=COUNT)
    rounds: int = option("number of rounds; each steps every level once", 15, within=COUNT)
    resets: int = option("env.reset calls of each level in a round", 20, within=COUNT)
    out: Path = option("file of the results", Path("results/game_speed.json"))


@dataclass(frozen=True)
class Block:
    """Seconds of one level in one round: all of its steps together, and each of its resets."""

    steps: float
    resets: list[float]


class LevelProcess:
    """A level in its own process: the emulator allows one level for each process."""

    def __init__(self, level: Level) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(level, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def block(self, steps: int, resets: int) -> Block:
        """Step and reset the level in its process; return the times.

        Raises:
            UserError: the process ended.
        """
        try:
            self._connection.send((steps, resets))
            return Block(*self._connection.recv())
        except (EOFError, OSError):
            raise UserError("the process of a level ended: its error is above") from None

    def close(self) -> None:
        self._connection.close()
        self._process.join()


def _serve(level: Level, connection: Connection) -> None:
    """Answer requests for blocks until the other end is closed."""
    env = stable_retro.make(
        level.game,
        level.state,
        scenario=level.scenario,
        inttype=register_integration(level),
        use_restricted_actions=stable_retro.Actions.ALL,
        render_mode="rgb_array",
    )
    env.reset()
    actions = list(islice(run_and_jump(np.random.default_rng(1)), 4096))
    _steps(env, actions, WARM_UP)
    try:
        while True:
            steps, resets = connection.recv()
            connection.send((_steps(env, actions, steps), [_reset(env) for _ in range(resets)]))
    except EOFError:
        env.close()


def _steps(env: Any, actions: Sequence[np.ndarray], count: int) -> float:
    """Return the seconds of env.step; resets at the end of an episode are not measured."""
    seconds, began = 0.0, time.perf_counter()
    for index in range(count):
        _, _, done, cut, _ = env.step(actions[index % len(actions)])
        if done or cut:
            seconds += time.perf_counter() - began
            env.reset()
            began = time.perf_counter()
    return seconds + time.perf_counter() - began


def _reset(env: Any) -> float:
    began = time.perf_counter()
    env.reset()
    return time.perf_counter() - began


def measure(levels: Sequence[Level], options: Options) -> list[dict[str, Block]]:
    """Return the blocks of every round by level; each round begins with another level."""
    with ExitStack() as stack:
        runners = {}
        for level in levels:
            runners[level.name] = LevelProcess(level)
            stack.callback(runners[level.name].close)
        names, rounds = list(runners), []
        for number in range(options.rounds):
            first = number % len(names)
            order = names[first:] + names[:first]
            rounds.append(
                {name: runners[name].block(options.steps, options.resets) for name in order}
            )
    return rounds


def measure_native(rounds: int) -> list[tuple[float, float]]:
    """Return the seconds per step on the emulator and on the native engine, for each round."""
    (level,) = select(NATIVE_LEVEL)
    assert level.integration is not None
    emulator = Emulator(level.integration, level.game, level.state)
    try:
        engine = NativeEngine.of(emulator.env, level.integration / level.game / ROM_FILE)
        return [
            (_seconds_a_step(emulator, EMULATOR_STEPS), _seconds_a_step(engine, NATIVE_STEPS))
            for _ in range(rounds)
        ]
    finally:
        emulator.close()


def _seconds_a_step(console: Emulator | NativeEngine, steps: int) -> float:
    """Step in runs of 100 from the level's start, so that both play the same."""
    seconds = 0.0
    for _ in range(steps // 100):
        console.reset()
        began = time.perf_counter()
        for step in range(100):
            console.step(RUNNING[step % len(RUNNING)])
        seconds += time.perf_counter() - began
        assert not console.player_state().dead, "the native engine would skip the other steps"
    return seconds / steps


def native_summary(rounds: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return the medians over the rounds of `measure_native`."""
    return {
        "level": NATIVE_LEVEL,
        "emulator_steps_per_second": round(statistics.median(1 / slow for slow, _ in rounds)),
        "native_steps_per_second": round(statistics.median(1 / fast for _, fast in rounds)),
        "ratio": round(statistics.median(slow / fast for slow, fast in rounds)),
    }


def summary(rounds: Sequence[dict[str, Block]], steps: int, reference: str) -> dict[str, Any]:
    """Return the medians over the rounds.

    Args:
        rounds: result of `measure`.
        steps: env.step calls of a block.
        reference: level that the others are compared with.
    """
    levels = {
        name: {
            "steps_per_second": round(statistics.median(steps / r[name].steps for r in rounds), 1),
            "ratio": round(
                statistics.median(r[reference].steps / r[name].steps for r in rounds), 3
            ),
            "reset_milliseconds": round(
                1000 * statistics.median(t for r in rounds for t in r[name].resets), 3
            ),
        }
        for name in rounds[0]
    }
    ours = [row for name, row in levels.items() if name != reference]
    return {
        "levels": levels,
        "median_ratio": statistics.median(row["ratio"] for row in ours),
        "lowest_ratio": min(row["ratio"] for row in ours),
        "reset_milliseconds": statistics.median(row["reset_milliseconds"] for row in ours),
    }


def sizes(levels: Sequence[Level]) -> dict[str, int]:
    """Return the bytes of the ROMs and of all states of these levels' games, and their sum."""
    folders = {level.integration / level.game for level in levels if level.integration}
    roms = {
        f"{folder.name}/rom.md": (folder / "rom.md").stat().st_size for folder in sorted(folders)
    }
    states = sum(path.stat().st_size for folder in folders for path in folder.glob("*.state"))
    return {**roms, "states": states, "together": sum(roms.values()) + states}


def report(result: dict[str, Any]) -> str:
    """Return the result as text."""
    lines = [f"{'level':44} {'steps/s':>8} {'ratio':>6} {'reset ms':>8}"]
    for name, row in result["levels"].items():
        figures = f"{row['steps_per_second']:8.0f} {row['ratio']:6.2f}"
        lines.append(f"{name:44} {figures} {row['reset_milliseconds']:8.2f}")
    lines += [
        f"ratio: median {result['median_ratio']:.2f}, lowest {result['lowest_ratio']:.2f}"
        f" (target: {RATIO_AT_LEAST:.0f})",
        f"reset: median {result['reset_milliseconds']:.2f} ms (target: under {RESET_AT_MOST:.0f})",
        f"ROMs and states: {result['bytes']['together'] / 1e6:.2f} MB"
        f" (target: under {BYTES_AT_MOST / 1e6:.0f})",
    ]
    native = result["native"]
    lines.append(
        f"native engine: {native['native_steps_per_second']:,} steps/s, {native['ratio']} times the"
        f" emulator's {native['emulator_steps_per_second']:,}"
    )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.speed.game_speed")
    ours, reference = select(options.levels or LEVELS), select(AIRSTRIKER)[0]
    ours = [level for level in ours if level != reference]
    if not ours:
        raise UserError(f"--levels has only {reference.name}, the reference: give another level")
    for level in (*ours, reference):
        check_available(level)
    rounds = measure([reference, *ours], options)
    result = {
        "command": {"steps": options.steps, "rounds": options.rounds, "resets": options.resets},
        "machine": {"cpus": os.cpu_count(), "processor": platform.machine()},
        **summary(rounds, options.steps, reference.name),
        "native": native_summary(measure_native(options.rounds)),
        "bytes": sizes(ours),
        "targets": {
            "median_ratio_at_least": RATIO_AT_LEAST,
            "reset_milliseconds_under": RESET_AT_MOST,
            "bytes_under": BYTES_AT_MOST,
        },
        "ratios_by_round": [
            {name: round(one[reference.name].steps / one[name].steps, 3) for name in sorted(one)}
            for one in rounds
        ],
    }
    write_measured(options.out, result)
    print(report(result))
    return 0


if __name__ == "__main__":
    run(main)
