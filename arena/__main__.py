"""Runs the contest's environment on this machine: `python -m arena serve|roms|levels`.

Each command imports its modules itself, so that --help does not load the emulator.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from agent.option_checks import COUNT, SECONDS, SEED

USAGE = """\
python -m arena COMMAND ...

  serve GAME STATE   serve a level to any gym_remote agent (see serve --help)
  roms [import DIR]  list the games that are present or missing, or import your own ROM files
  levels [LEVELS]    list the level sets, or the levels that SET|GAME:STATE|DIR,... names
"""


@dataclass(frozen=True)
class ServeOptions:
    """Serve one level to one agent on the socket DIR/sock, under the contest's rules."""

    game: str = option("stable-retro's name of the game", positional=True)
    state: str = option("saved state that episodes start from", positional=True)
    socket_dir: Path = option(
        "folder of the socket `sock` and the observation `ob`; created if it does not exist",
        Path("tmp/sock"),
    )
    levels_dir: Path | None = option(
        "folder with the levels.json of your own game (default: stable-retro's games)", None
    )
    seed: int | None = option(
        "random seed of the sticky actions (default: a random one)", None, within=(0, SEED[1])
    )
    timestep_limit: int | None = option(
        "budget in timesteps, resets included (default: no limit)", None, within=COUNT
    )
    wall_clock_limit: float | None = option(
        "time limit in seconds, from the moment that agents can connect (default: no limit)",
        None,
        within=SECONDS,
    )
    connect_limit: float | None = option(
        "time limit in seconds for the agent to connect (default: no limit)", None, within=SECONDS
    )
    monitor_dir: Path | None = option("folder for monitor.csv and log.csv", None)
    movies: Path | None = option("folder for a .bk2 movie of every episode", None)


def serve(argv: list[str]) -> int:
    """Serve a level; the last line printed says how the session ended."""
    from arena.environment.levels import Level, select
    from arena.server import serve, session_result

    options = command_line.parse(ServeOptions, argv, prog="python -m arena serve")
    name = Level(options.game, options.state).name
    level = select(f"{options.levels_dir}:{name}" if options.levels_dir else name)[0]
    print(f"event=serve level={level.name} socket={options.socket_dir / 'sock'}", file=sys.stderr)
    result = serve.serve(
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


def levels(argv: list[str]) -> int:
    """List the level sets, or the levels that the argument names."""
    from arena.environment.availability import describe_levels, describe_sets
    from arena.environment.levels import select

    if len(argv) > 1:
        raise UserError(f"{len(argv)} lists of levels are given: join them with commas")
    print(describe_levels(select(argv[0])) if argv else describe_sets())
    return 0


def roms(argv: list[str]) -> int:
    """List the ROMs that are present or missing, or import ROM files."""
    import arena.environment.roms

    return arena.environment.roms.main(argv)


def main() -> int:
    """Run the command that the first argument names."""
    commands = {"serve": serve, "roms": roms, "levels": levels}
    name, *rest = sys.argv[1:] or [""]
    if name in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if name not in commands:
        raise UserError(f"{name!r} is not a command: use serve, roms or levels (see --help)")
    return commands[name](rest)


if __name__ == "__main__":
    command_line.run(main)
