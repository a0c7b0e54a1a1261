"""Solves built levels with the planner and writes a movie of each.

    python -m game.planning.solve game/integrations --game PangolinDash-Genesis --out movies

The plan uses the contest's buttons at 15 steps a second, without stickiness; the movie is played
under the contest's own scenario, and counts only if it reaches the end post there.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import stable_retro

from agent.command_line import option, parse, run
from agent.errors import UserError
from game.levels.levelset import Course, read_ways
from game.planning.emulator import DOWN, FRAME_SKIP, LEFT, RIGHT, B, Emulator, buttons
from game.planning.planner import Plan, plan

LIVES = 3  # that a level starts with


class SolveError(UserError):
    """A level can't be solved, or a play does not reach the end post."""


@dataclass(frozen=True)
class Options:
    """Plan a way through each level of a game and record it; 95 of 100 should be solved."""

    folder: Path = option("folder that holds the game's folder", positional=True)
    game: str = option("the game; left out, the only one in the folder", "")
    levels: str = option("names of levels, with commas; left out, all", "")
    out: str = option("folder for the movies; left out, none are written", "")
    seconds: float = option("processor time a level", 90.0)


@dataclass(frozen=True)
class Replay:
    """How a play ended, under the contest's scenario."""

    won: bool
    total: float
    frames: int
    x: int


def replay(emulator: Emulator, state: bytes, actions: Sequence[int]) -> Replay:
    """Play actions (one a step of the contest) from a level's state until the scenario is done."""
    env = emulator.env
    env.initial_state = state
    env.reset()
    total, done, frames = 0.0, False, 0
    for action in actions:
        env.em.set_button_mask(buttons(action), 0)
        for _ in range(FRAME_SKIP):
            if env.movie:
                for index, pressed in enumerate(buttons(action)):
                    env.movie.set_key(index, bool(pressed), 0)
                env.movie.step()
            env.em.step()
            env.data.update_ram()
            frames += 1
            total += env.data.current_reward()
            done = env.data.is_done()
            if done:
                break
        if done:
            break
    look = emulator.look()
    return Replay(bool(done and look.lives == LIVES), total, frames, look.x)


def record(emulator: Emulator, state: bytes, actions: Sequence[int], path: Path) -> Replay:
    """Play a plan under the contest's scenario and record it as a .bk2.

    Args:
        emulator: of the game; it is left where the play ended.
        state: what the level starts from.
        actions: one a step of the contest.
        path: the movie, written whole or not at all.

    Raises:
        SolveError: the play does not reach the end post.
    """
    temporary = path.with_name(f".{path.name}")
    emulator.env.initial_state = state
    emulator.env.record_movie(str(temporary))
    try:
        played = replay(emulator, state, actions)
    finally:
        emulator.env.stop_record()
    if not played.won:
        temporary.unlink()
        raise SolveError(f"{path.stem}: the play ends at x {played.x}, before the end post")
    os.replace(temporary, path)
    return played


def read_movie(path: Path) -> tuple[int, ...]:
    """The actions of a movie that `record` wrote, one a step of the contest.

    Raises:
        SolveError: it can't be read.
    """
    try:
        movie = stable_retro.Movie(str(path))
    except (RuntimeError, OSError) as error:
        raise SolveError(f"{path} is not a movie: {error}") from None
    movie.step()  # the frame of the reset
    actions, frame = [], 0
    while movie.step():
        if frame % FRAME_SKIP == 0:
            held = ((B, 0), (DOWN, 5), (LEFT, 6), (RIGHT, 7))
            actions.append(sum(bit for bit, key in held if movie.get_key(key, 0)))
        frame += 1
    return tuple(actions)


def find_game(folder: Path, name: str) -> Path:
    """The folder of a game, by name or because it is the only one.

    Raises:
        SolveError: there is none, or there are several.
    """
    games = sorted(path.parent.name for path in folder.glob("*/ways.json"))
    if name in games:
        return folder / name
    if name or len(games) != 1:
        known = ", ".join(games) or "none: build one with python -m game.build"
        wanted = f"no game {name!r}" if name else "name one game with --game"
        raise SolveError(f"{wanted}: {folder} holds {known}")
    return folder / games[0]


def choose(courses: dict[str, Course], names: str) -> list[str]:
    """The levels to be solved."""
    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(courses)
    for name in chosen:
        if name not in courses:
            raise SolveError(f"no level is called {name!r}: there are {', '.join(courses)}")
    return chosen


def solve(emulator: Emulator, state: bytes, course: Course, seconds: float) -> Plan:
    """Plan one level from its state."""
    emulator.start(state)
    return plan(emulator, course.start, course.points, seconds)


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(Options, argv, prog="python -m game.planning.solve")
    folder = find_game(options.folder, options.game)
    courses = read_ways(folder)
    names = choose(courses, options.levels)
    out = Path(options.out) if options.out else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    emulator = Emulator(options.folder, folder.name, names[0])
    solved, returns = 0, []
    for name in names:
        state = gzip.decompress((folder / f"{name}.state").read_bytes())
        found = solve(emulator, state, courses[name], options.seconds)
        outcome = "solved" if found.solved else f"not solved, {found.progress:.0%} of the way"
        if found.solved and out is not None:
            returns.append(record(emulator, state, found.actions, out / f"{name}.bk2").total)
            outcome += f", return {returns[-1]:.0f}"
        solved += found.solved
        print(
            f"{name:20} {outcome}, {len(found.actions) * FRAME_SKIP / 60:.0f} s of play,"
            f" {found.seconds:.1f} s of search",
            flush=True,
        )
    emulator.close()
    mean = f", mean return {sum(returns) / len(returns):.0f}" if returns else ""
    print(f"{solved} of {len(names)} levels solved{mean}")
    return 0 if solved == len(names) else 1


if __name__ == "__main__":
    run(main)
