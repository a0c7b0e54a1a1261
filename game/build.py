"""Draws levels from a seed and makes a ROM, an integration and a level list of them.

    python -m game.build --seed 7 --levels 11 --out fresh
    python local_eval.py --levels fresh ...

Every level is solved by the planner before it is written; one that is not is drawn again. Nothing
depends on the clock: the same arguments give the same bytes.
"""

from __future__ import annotations

import difflib
import gzip
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.command_line import option, parse, run
from agent.errors import UserError
from game import art
from game.cartridge import integration, rom
from game.format import ZONES
from game.levels.draft import Draft, DraftError
from game.levels.grammar import generate
from game.levels.levelset import Course, write_list, write_ways
from game.planning.emulator import Emulator
from game.planning.planner import Plan, plan
from game.planning.solve import SolveError, record

MOST_LEVELS = 60  # what fits into a ROM of one megabyte
SOLVE_FRAMES = 240_000  # emulator frames the planner may use: about 90 s on one core
ATTEMPTS = 40
KNOWN_ZONES = ZONES[:6]  # the seventh is the test set's own


class BuildError(UserError):
    """Levels that can't be built as asked."""


@dataclass(frozen=True)
class Options:
    """Draw fresh levels, prove that each can be finished, and write them as a game of their own."""

    out: str = option("folder for the game, its level list and the planner's movies")
    seed: int = option("which levels: the same seed gives the same bytes", 1)
    levels: int = option(f"how many, 1 to {MOST_LEVELS}", 11)
    zones: str = option("zones to draw from in turn, with commas", ",".join(KNOWN_ZONES))
    difficulty: str = option("0 (gentle) to 1 (hard), or a range as 0.2-0.8", "0.2-0.8")
    game: str = option("the game's name", "PangolinDashFresh-Genesis")


@dataclass(frozen=True)
class Spec:
    """A level to be drawn."""

    zone: str
    act: int
    seed: int
    difficulty: float

    @property
    def name(self) -> str:
        return f"{self.zone}Zone.Act{self.act}"


@dataclass(frozen=True, eq=False)
class Built:
    """A level that was drawn and solved."""

    spec: Spec
    draft: Draft
    attempt: int

    @property
    def course(self) -> Course:
        drawn = (self.spec.seed, self.spec.difficulty, self.attempt)
        return Course(self.draft.level.start, self.draft.way, drawn)


def specs(options: Options) -> list[Spec]:
    """The levels that the options ask for.

    Raises:
        BuildError: a number, a zone or a difficulty that can't work.
    """
    zones = [zone.strip() for zone in options.zones.split(",") if zone.strip()]
    for zone in zones:
        if zone not in ZONES:
            near = difflib.get_close_matches(zone.title(), ZONES, 1, 0.4) or [", ".join(ZONES)]
            raise BuildError(f"no zone is called {zone!r}: did you mean {near[0]}?")
    if not zones:
        raise BuildError(f"no zone is named: give some of {','.join(ZONES)}")
    if not 1 <= options.levels <= MOST_LEVELS:
        raise BuildError(f"--levels is {options.levels}: a ROM holds 1 to {MOST_LEVELS}")
    if not 0 <= options.seed < 1 << 63:
        raise BuildError(f"--seed is {options.seed}: give a number from 0 to {(1 << 63) - 1}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*-Genesis", options.game):
        raise BuildError(f"--game is {options.game!r}: give letters and digits, then -Genesis")
    easy, hard = _range(options.difficulty)
    chosen = []
    for index in range(options.levels):
        share = index / max(options.levels - 1, 1)
        difficulty = round(easy + (hard - easy) * share, 3)
        zone, act = zones[index % len(zones)], index // len(zones) + 1
        chosen.append(Spec(zone, act, options.seed, difficulty))
    return chosen


def _range(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"([0-9.]+)(?:-([0-9.]+))?", text)
    try:
        easy = float(match[1]) if match else -1.0
        hard = float(match[2] or match[1]) if match else -1.0
    except ValueError:
        easy = hard = -1.0
    if not 0 <= easy <= hard <= 1:
        raise BuildError(f"--difficulty is {text!r}: give 0 to 1, or a range as 0.2-0.8")
    return easy, hard


def draw(spec: Spec, attempt: int) -> tuple[Draft, int]:
    """Draw a level; one that breaks a limit is drawn again.

    Returns:
        The draft and the number of the attempt that gave it.

    Raises:
        BuildError: no attempt was any good.
    """
    for number in range(attempt, ATTEMPTS):
        try:
            return generate(spec.zone, spec.act, spec.seed, spec.difficulty, number), number
        except DraftError as error:
            reason = error
    raise BuildError(f"{spec.name} can't be drawn with seed {spec.seed}: {reason}; try another")


def build(
    folder: Path,
    game: str,
    chosen: Sequence[Spec],
    movies: Path,
    known: Mapping[str, tuple[int, tuple[int, ...]]] | None = None,
) -> list[Built]:
    """Draw, solve, pack and record levels; returns them in the order of `chosen`.

    Args:
        folder: gets the game's folder.
        game: its name.
        chosen: the levels, in their order in the ROM.
        movies: gets a .bk2 a level.
        known: level -> (attempt, actions) of an earlier build; tried before the planner is.

    Raises:
        BuildError: a level that none of many attempts made solvable.
    """
    plays = {name: actions for name, (_, actions) in (known or {}).items()}
    drafts = [draw(spec, (known or {}).get(spec.name, (0, ()))[0]) for spec in chosen]
    movies.mkdir(parents=True, exist_ok=True)
    unsolved = True
    while unsolved:  # a level that was drawn again changes the ROM: then all are played again
        _write(folder / game, [draft for draft, _ in drafts])
        emulator = Emulator(folder, game, chosen[0].name)
        unsolved = False
        for index, spec in enumerate(chosen):
            state, movie = read_state(folder / game, spec.name), movies / f"{spec.name}.bk2"
            if _still_wins(emulator, state, plays.get(spec.name, ()), movie):
                continue
            found = _solve(emulator, state, drafts[index][0])
            print(_report(spec, drafts[index], found), flush=True)
            if found.solved:
                plays[spec.name] = found.actions
                record(emulator, state, found.actions, movie)
            else:
                unsolved = True
                drafts[index] = draw(spec, drafts[index][1] + 1)
        emulator.close()
    built = [Built(spec, *drawn) for spec, drawn in zip(chosen, drafts, strict=True)]
    for stray in set(movies.glob("*.bk2")) - {movies / f"{spec.name}.bk2" for spec in chosen}:
        stray.unlink()
    write_ways(folder / game, {item.spec.name: item.course for item in built})
    return built


def _write(folder: Path, drafts: Iterable[Draft]) -> None:
    levels = [draft.level for draft in drafts]
    data = rom.pack(levels, art.zones(), art.shared())
    integration.write(folder, data, [level.name for level in levels])


def _solve(emulator: Emulator, state: bytes, draft: Draft) -> Plan:
    emulator.start(state)
    return plan(emulator, draft.level.start, draft.way, float("inf"), SOLVE_FRAMES)


def read_state(folder: Path, name: str) -> bytes:
    """A level's saved state, unpacked."""
    return gzip.decompress((folder / f"{name}.state").read_bytes())


def _still_wins(emulator: Emulator, state: bytes, actions: Sequence[int], movie: Path) -> bool:
    """Whether a known play reaches the end post in this ROM; then its movie is written."""
    if not actions:
        return False
    try:
        record(emulator, state, actions, movie)
    except SolveError:
        return False
    return True


def _report(spec: Spec, drawn: tuple[Draft, int], found: Plan) -> str:
    columns = drawn[0].level.cells.shape[1]
    outcome = "solved" if found.solved else f"given up at {found.progress:.0%} of the way, redrawn"
    return (
        f"{spec.name:20} difficulty {spec.difficulty:.2f} attempt {drawn[1]} {columns} columns:"
        f" {outcome}, {len(found.actions) * 4 / 60:.0f} s of play,"
        f" {found.frames} frames searched in {found.seconds:.0f} s"
    )


def _fresh_folder(path: Path) -> Path:
    """An empty folder, or one that an earlier build filled and this one may replace."""
    if path.exists() and not path.is_dir():
        raise BuildError(f"--out {path} is not a folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(f"--out {path} can't be made: {error.strerror}") from None
    if any(path.iterdir()) and not (path / "levels.json").is_file():
        raise BuildError(f"--out {path} holds other things: give an empty or a new folder")
    return path


def _clear(folder: Path) -> None:
    """Remove what an earlier build wrote beside its game, which is written over."""
    (folder / "levels.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "movies", ignore_errors=True)


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(Options, argv, prog="python -m game.build")
    chosen = specs(options)
    folder = _fresh_folder(Path(options.out))
    _clear(folder)
    built = build(folder, options.game, chosen, folder / "movies")
    about = f"seed {options.seed}, difficulty {options.difficulty}"
    write_list(folder, {"fresh": (about, options.game, [item.spec.name for item in built])})
    print(f"{len(built)} levels in {folder}: python local_eval.py --levels {folder}")
    return 0


if __name__ == "__main__":
    run(main)
