"""The contest on this machine: `python -m arena serve|roms|levels`.

The commands import what they need themselves: --help does not wait for the emulator's libraries.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from agent import command_line
from agent.command_line import option
from agent.errors import UserError

USAGE = """\
python -m arena COMMAND ...

  serve GAME LEVEL   a contest environment for any gym_remote agent (serve --help)
  roms [import DIR]  which games are there, which are missing; import your own ROM files
  levels [LEVELS]    the level sets by name, or the levels that SET|GAME:STATE|DIR,... names
"""


@dataclass(frozen=True)
class ServeOptions:
    """Serve one level to one agent: a contest environment behind the socket DIR/sock."""

    game: str = option("stable-retro's name of the game", positional=True)
    level: str = option("the saved state that episodes start from", positional=True)
    socket_dir: Path = option(
        "folder for the socket `sock` and the observation `ob`; made where it is missing",
        Path("tmp/sock"),
    )
    levels_dir: Path | None = option(
        "folder with the levels.json of a game of one's own (default: stable-retro's games)", None
    )
    seed: int | None = option("of the sticky actions (default: a random one)", None)
    timestep_limit: int | None = option("budget of steps and resets together", None)
    wall_clock_limit: float | None = option(
        "seconds from the moment that agents can connect to the end of the run", None
    )
    connect_limit: float | None = option("seconds to wait for the agent", None)
    monitor_dir: Path | None = option("folder for monitor.csv and log.csv", None)
    movies: Path | None = option("folder for a .bk2 movie of every episode", None)


def serve(argv: list[str]) -> int:
    """Serve a level; print how the run ended on the last line."""
    from arena.environment.levels import select
    from arena.server import serve, session

    options = command_line.parse(ServeOptions, argv, prog="python -m arena serve")
    name = f"{options.game}:{options.level}"
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
    if result.reason in session.FAILURES:
        raise UserError(result.detail or "no agent connected in time")
    return 0


def levels(argv: list[str]) -> int:
    """List the level sets, or the levels that a list names."""
    from arena.environment.levels import describe_levels, describe_sets, select

    if len(argv) > 1:
        raise UserError(f"one list of levels is expected, not {len(argv)}: join them with commas")
    print(describe_levels(select(argv[0])) if argv else describe_sets())
    return 0


def roms(argv: list[str]) -> int:
    """Say which games are there, or import some."""
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
        raise UserError(f"{name!r} is no command: use serve, roms or levels (see --help)")
    return commands[name](rest)


if __name__ == "__main__":
    command_line.run(main)
