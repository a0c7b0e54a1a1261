"""Runs the contest's environment on this machine: `python -m arena serve|roms|levels`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, SECONDS, SEED
from agent.command_line.subcommands import Command, choose
from agent.errors import UserError
from arena.environment import roms
from arena.environment.availability import describe_levels, describe_sets
from arena.environment.levels import select, select_one
from arena.server import session_result
from arena.server.monitor import MONITOR_FILE
from arena.server.serve import serve

PROG = "python -m arena"


@dataclass(frozen=True)
class ServeOptions:
    """Serve one level to one agent on the socket DIR/sock, under the contest's rules."""

    level: str = option("level, such as Airstriker-Genesis-v0:Level1", positional=True)
    socket_dir: Path = option(
        "folder of the socket `sock` and the observation `ob`; created if it does not exist",
        Path("tmp/sock"),
    )
    seed: int | None = option(
        "random seed of the sticky actions [a random one]", None, within=(0, SEED[1])
    )
    timestep_limit: int | None = option(
        "budget in timesteps, resets included [no limit]", None, within=COUNT
    )
    wall_clock_limit: float | None = option(
        "time limit in seconds, from the moment that agents can connect [no limit]",
        None,
        within=SECONDS,
    )
    connect_limit: float | None = option(
        "time limit in seconds for the agent to connect [no limit]", None, within=SECONDS
    )
    monitor_dir: Path | None = option("folder for monitor.csv and log.csv", None)
    movies: Path | None = option(
        "folder for a .bk2 movie of every episode; none is overwritten", None
    )


@dataclass(frozen=True)
class LevelsOptions:
    """List the level sets, or the levels that a set, a level or a folder names."""

    levels: str = option(
        "level set, level or folder; separate several by commas", "", positional=True
    )


def serve_level(options: ServeOptions) -> int:
    """Serve a level; the last line printed says how the session ended."""
    if options.monitor_dir is not None and (options.monitor_dir / MONITOR_FILE).exists():
        raise UserError(
            f"{options.monitor_dir} contains the {MONITOR_FILE} of another session: give another"
            " --monitor-dir"
        )
    level = select_one(options.level)
    print(f"event=serve level={level.name} socket={options.socket_dir / 'sock'}", file=sys.stderr)
    result = serve(
        level,
        options.socket_dir,
        seed=options.seed,
        timestep_limit=options.timestep_limit,
        wall_clock_seconds=options.wall_clock_limit,
        monitor_dir=options.monitor_dir,
        movies=options.movies,
        connect_seconds=options.connect_limit,
    )
    print(
        f"event=end reason={result.reason} timesteps={result.timesteps}"
        f" episodes={result.episodes} seconds={result.seconds:.2f}"
        f" emulator_seconds={result.emulator_seconds:.2f}",
        file=sys.stderr,
    )
    if result.reason in session_result.FAILURES:
        raise UserError(result.detail or "no agent connected in time")
    return 0


def list_levels(options: LevelsOptions) -> int:
    """List the level sets, or the levels that the argument names."""
    print(describe_levels(select(options.levels)) if options.levels else describe_sets())
    return 0


COMMANDS = {
    "serve": Command(ServeOptions, serve_level),
    "roms": Command(roms.RomsOptions, roms.list_or_import, ("games", "import")),
    "levels": Command(LevelsOptions, list_levels, ("sets",)),
}


def main() -> int:
    """Run the command that the first argument names."""
    return choose(COMMANDS, "The contest's environment on this machine.", prog=PROG)


if __name__ == "__main__":
    command_line.run(main)
