"""Generates levels from a random seed and writes them as a game: ROM, states, level list, movies.

    python -m game.build --seed 7 --levels 11 --out fresh
    python local_eval.py run --levels fresh

The planner solves every level; a level that it cannot solve is generated again. Nothing depends on
the clock: the same arguments give the same bytes.
"""

from __future__ import annotations

import dataclasses
import difflib
import gzip
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.command_line import option, parse, run
from agent.errors import UserError
from arena.environment.roms import ROM_FILE
from game import art
from game.build_folder import MOVIES, is_built, writing_game
from game.cartridge import integration, rom
from game.cartridge.integration import write_level_list
from game.format import ZONES
from game.levels.finish import GeneratedLevel, GeometryError
from game.levels.grammar import generate
from game.levels.routes import Route, write_routes
from game.native.engine import NativeEngine
from game.planning.emulator import Emulator
from game.planning.movies import ReplayError, record
from game.planning.planner import SearchResult, plan

MAX_LEVELS = 60  # the most that fit into a ROM of one megabyte
SOLVE_FRAMES = 240_000  # frames of a search: about a second on one core
MAX_ATTEMPTS = 40
DEFAULT_ZONES = ZONES[:6]  # the seventh zone is reserved for the test levels


class BuildError(UserError):
    """The levels cannot be built with these options."""


@dataclass(frozen=True)
class Options:
    """Generate levels, solve each with the planner, and write them as a new game."""

    out: str = option("folder for the game, its level list and the movies of the solutions")
    seed: int = option("random seed of the levels", 1, within=(0, 2**63 - 1))
    levels: int = option(f"number of levels, 1 to {MAX_LEVELS}", 11, within=(1, MAX_LEVELS))
    zones: str = option(
        "zones of the levels, separated by commas and used in turn", ",".join(DEFAULT_ZONES)
    )
    difficulty: str = option(
        "difficulty from 0 (gentle) to 1 (hard), or a range such as 0.2-0.8", "0.2-0.8"
    )
    game: str = option("name of the game", "PangolinDashFresh-Genesis")
    replace: bool = option("replace the game that --out contains", False)


@dataclass(frozen=True)
class LevelSpec:
    """A level to generate: its zone, act, random seed and difficulty 0-1."""

    zone: str
    act: int
    seed: int
    difficulty: float

    @property
    def name(self) -> str:
        """Name of the level's state."""
        return f"{self.zone}Zone.Act{self.act}"


@dataclass(frozen=True, eq=False)
class BuiltLevel:
    """A level that was generated and solved, and the number of the attempt that succeeded."""

    spec: LevelSpec
    generated: GeneratedLevel
    attempt: int

    @property
    def route(self) -> Route:
        """The route of the level."""
        arguments = (self.spec.seed, self.spec.difficulty, self.attempt)
        return Route(self.generated.level.start, self.generated.waypoints, arguments)


def level_specs(options: Options) -> list[LevelSpec]:
    """List the levels to generate.

    Raises:
        BuildError: an option is invalid; the message says how to correct it.
    """
    zones = [zone.strip() for zone in options.zones.split(",") if zone.strip()]
    for zone in zones:
        if zone not in ZONES:
            near = difflib.get_close_matches(zone.title(), ZONES, 1, 0.4) or [", ".join(ZONES)]
            raise BuildError(f"no zone is called {zone!r}: did you mean {near[0]}?")
    if not zones:
        raise BuildError(f"--zones is empty: give some of {','.join(ZONES)}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*-Genesis", options.game):
        raise BuildError(
            f"--game is {options.game!r}: give letters and digits, followed by -Genesis"
        )
    easy, hard = _range(options.difficulty)
    chosen = []
    for index in range(options.levels):
        share = index / max(options.levels - 1, 1)
        difficulty = round(easy + (hard - easy) * share, 3)
        zone, act = zones[index % len(zones)], index // len(zones) + 1
        chosen.append(LevelSpec(zone, act, options.seed, difficulty))
    return chosen


def _range(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"([0-9.]+)(?:-([0-9.]+))?", text)
    try:
        easy = float(match[1]) if match else -1.0
        hard = float(match[2] or match[1]) if match else -1.0
    except ValueError:
        easy = hard = -1.0
    if not 0 <= easy <= hard <= 1:
        raise BuildError(
            f"--difficulty is {text!r}: give a number from 0 to 1, or a range such as 0.2-0.8"
        )
    return easy, hard


def generate_valid(spec: LevelSpec, attempt: int) -> tuple[GeneratedLevel, int]:
    """Generate a level; raise the number of the attempt until the level keeps all limits.

    Args:
        spec: the level.
        attempt: number of the first attempt.

    Returns:
        The level and the number of its attempt.

    Raises:
        BuildError: no attempt up to MAX_ATTEMPTS gave a valid level.
    """
    for number in range(attempt, MAX_ATTEMPTS):
        try:
            return generate(spec.zone, spec.act, spec.seed, spec.difficulty, number), number
        except GeometryError as error:
            reason = error
    raise BuildError(
        f"{spec.name} can't be generated with seed {spec.seed}: {reason}; use another --seed"
    )


def build(
    folder: Path,
    game: str,
    chosen: Sequence[LevelSpec],
    movies: Path,
    known: Mapping[str, tuple[int, tuple[int, ...]]] | None = None,
) -> list[BuiltLevel]:
    """Generate, solve, pack and record levels.

    Args:
        folder: folder in which the game's folder is created.
        game: name of the game.
        chosen: the levels, in their order in the ROM.
        movies: folder for one .bk2 movie of each level.
        known: level -> (attempt, actions) of an earlier build, tried before the planner.

    Returns:
        The levels, in the order of `chosen`.

    Raises:
        BuildError: no attempt gave a level that the planner can solve.
    """
    known = known or {}
    plays = {name: actions for name, (_, actions) in known.items()}
    levels = [generate_valid(spec, known.get(spec.name, (0, ()))[0]) for spec in chosen]
    movies.mkdir(parents=True, exist_ok=True)
    while True:
        _write(folder / game, [generated for generated, _ in levels])
        unsolved = _record_solutions(folder / game, chosen, levels, plays, movies)
        if not unsolved:
            break
        for index in unsolved:  # this changes the ROM, so all levels are played again
            levels[index] = generate_valid(chosen[index], levels[index][1] + 1)
    built = [BuiltLevel(spec, *level) for spec, level in zip(chosen, levels, strict=True)]
    for stray in set(movies.glob("*.bk2")) - {movies / f"{spec.name}.bk2" for spec in chosen}:
        stray.unlink()
    write_routes(folder / game, {item.spec.name: item.route for item in built})
    return built


def _write(folder: Path, levels: Iterable[GeneratedLevel]) -> None:
    data = [generated.level for generated in levels]
    packed = rom.pack(data, art.draw_zones(), art.draw_shared())
    integration.write(folder, packed, [level.name for level in data])


def _record_solutions(
    folder: Path,
    chosen: Sequence[LevelSpec],
    levels: Sequence[tuple[GeneratedLevel, int]],
    plays: dict[str, tuple[int, ...]],
    movies: Path,
) -> list[int]:
    """Write a movie of each level; return the indices of the levels that were not solved.

    New solutions are added to `plays`.
    """
    emulator = Emulator(folder.parent, folder.name, chosen[0].name)
    unsolved = []
    for index, spec in enumerate(chosen):
        state, movie = read_state(folder, spec.name), movies / f"{spec.name}.bk2"
        if _still_wins(emulator, state, plays.get(spec.name, ()), movie):
            continue
        generated, attempt = levels[index]
        emulator.start(state)
        engine = NativeEngine.of(emulator.env, folder / ROM_FILE)
        found = plan(engine, generated.level.start, generated.waypoints, float("inf"), SOLVE_FRAMES)
        print(_report(spec, generated, attempt, found), flush=True)
        if found.solved:
            plays[spec.name] = found.actions
            record(emulator, state, found.actions, movie)
        else:
            unsolved.append(index)
    emulator.close()
    return unsolved


def read_state(folder: Path, name: str) -> bytes:
    """Read and decompress the state of a level."""
    return gzip.decompress((folder / f"{name}.state").read_bytes())


def _still_wins(emulator: Emulator, state: bytes, actions: Sequence[int], movie: Path) -> bool:
    """Return whether known actions reach the end post in this ROM; if so, write their movie."""
    if not actions:
        return False
    try:
        record(emulator, state, actions, movie)
    except ReplayError:
        return False
    return True


def _report(spec: LevelSpec, generated: GeneratedLevel, attempt: int, found: SearchResult) -> str:
    columns = generated.level.cells.shape[1]
    failed = f"not solved ({found.progress:.0%} of the route), generating another"
    outcome = "solved" if found.solved else failed
    return (
        f"{spec.name:20} difficulty {spec.difficulty:.2f} attempt {attempt} {columns} columns:"
        f" {outcome}, {found.play_seconds:.0f} s of play,"
        f" {found.frames} frames searched in {found.seconds:.0f} s"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Build the game."""
    options = parse(Options, argv, prog="python -m game.build")
    chosen, folder = level_specs(options), Path(options.out)
    settings = dataclasses.asdict(options)
    del settings["out"], settings["replace"]
    count = f"{len(chosen)} levels in {folder}"
    if is_built(folder, settings, options.replace):
        print(f"{count}, built earlier with the same options: nothing to do")
        return 0
    with writing_game(folder, settings) as building:
        build(building, options.game, chosen, building / MOVIES)
        about = f"seed {options.seed}, difficulty {options.difficulty}"
        levels = [spec.name for spec in chosen]
        write_level_list(building, {"fresh": (about, options.game, levels)})
    print(f"{count}: python local_eval.py run --levels {shlex.quote(str(folder))}")
    return 0


if __name__ == "__main__":
    run(main)
