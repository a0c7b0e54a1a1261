"""Solves built levels with the planner and writes a movie of each solution.

    python -m game.solve game/integrations --game PangolinDash-Genesis --out movies

The planner uses the contest's buttons and steps, without sticky actions. The movie is played under
the contest's scenario, and counts only if it reaches the end post there.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.command_line import option, parse, run
from agent.command_line.ranges import SECONDS
from agent.errors import UserError
from arena.environment.level_names import find_level
from arena.environment.roms import ROM_FILE
from game.levels.routes import ROUTES_FILE, read_routes
from game.native.engine import NativeEngine
from game.planning.emulator import Emulator
from game.planning.movies import record
from game.planning.planner import plan


class SolveError(UserError):
    """The game or the level does not exist."""


@dataclass(frozen=True)
class Options:
    """Solve each level of a game with the planner and record the solutions."""

    folder: Path = option("folder that contains the game's folder", positional=True)
    game: str = option("name of the game; by default the only one in the folder", "")
    levels: str = option("names of the levels, separated by commas; by default all", "")
    out: str = option("folder for the movies; by default no movies are written", "")
    seconds: float = option("processor time for each level, in seconds", 90.0, within=SECONDS)


def find_game(folder: Path, name: str) -> Path:
    """Find the folder of a game, by name or because it is the only one.

    Raises:
        SolveError: the game does not exist, or a name is needed.
    """
    games = sorted(path.parent.name for path in folder.glob(f"*/{ROUTES_FILE}"))
    if name in games:
        return folder / name
    if not games:
        raise SolveError(f"{folder} contains no game: build one with python -m game.build")
    known = ", ".join(games)
    if name:
        raise SolveError(f"no game is called {name!r}: {folder} contains {known}")
    if len(games) > 1:
        raise SolveError(f"{folder} contains several games: choose one with --game: {known}")
    return folder / games[0]


def select_levels(game: str, known: Iterable[str], names: str) -> list[str]:
    """Return the levels of a game that are named in a list; all levels for an empty list.

    Args:
        game: name of the game.
        known: names of its levels' states.
        names: levels separated by commas, named as for `arena.environment.levels.select`.

    Raises:
        LevelError: a level does not exist.
    """
    levels = {f"{game}:{state}": state for state in known}
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    return [levels[find_level(name, levels)] for name in chosen] or list(levels.values())


def _make_folder(out: Path, names: Iterable[str]) -> None:
    """Create the folder of the movies.

    Raises:
        SolveError: it can't be created, or contains a movie of one of the levels already.
    """
    if existing := [name for name in names if (out / f"{name}.bk2").exists()]:
        raise SolveError(f"--out {out} contains {existing[0]}.bk2 already: give another folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SolveError(f"--out {out} can't be created: {error.strerror}") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Solve the levels; return 0 if all are solved."""
    options = parse(Options, argv, prog="python -m game.solve")
    folder = find_game(options.folder, options.game)
    routes = read_routes(folder)
    names = select_levels(folder.name, routes, options.levels)
    out = Path(options.out) if options.out else None
    if out is not None:
        _make_folder(out, names)
    emulator = Emulator(options.folder, folder.name, names[0])
    solved, returns = 0, []
    for name in names:
        state = gzip.decompress((folder / f"{name}.state").read_bytes())
        emulator.start(state)
        engine = NativeEngine.of(emulator.env, folder / ROM_FILE)
        found = plan(engine, routes[name].start, routes[name].waypoints, options.seconds)
        outcome = "solved" if found.solved else f"not solved, {found.progress:.0%} of the route"
        if found.solved and out is not None:
            returns.append(record(emulator, state, found.actions, out / f"{name}.bk2").total)
            outcome += f", return {returns[-1]:.0f}"
        solved += found.solved
        print(
            f"{name:20} {outcome}, {found.play_seconds:.0f} s of play,"
            f" {found.seconds:.1f} s of search",
            flush=True,
        )
    emulator.close()
    mean = f", mean return {sum(returns) / len(returns):.0f}" if returns else ""
    print(f"{solved} of {len(names)} levels solved{mean}")
    return 0 if solved == len(names) else 1


if __name__ == "__main__":
    run(main)
