"""The levels that come with the project: which they are, and how they are built again.

    python -m game.shipped            builds both games, their movies and their level list
    python -m game.shipped --verify   plays every movie to its end post and writes nothing

Movies that are there already are tried before the planner is: after a change of art or engine
most plays still reach the end post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.command_line import option, parse, run
from agent.errors import UserError
from game.build import Spec, build, read_state
from game.format import ZONES
from game.levels.levelset import LevelSetError, read_ways, write_list
from game.planning.emulator import Emulator
from game.planning.solve import Replay, choose, read_movie, replay

INTEGRATIONS = Path(__file__).parent / "integrations"
MOVIES = Path(__file__).parent / "movies"
GAME = "PangolinDash-Genesis"
FINAL = "PangolinDashFinal-Genesis"
ACTS = 8
SEED = 2018  # the year of the contest
FINAL_SEED = 1106
FINAL_ZONES = (*ZONES[:6], "Foundry", "Canyon")
VALIDATION_ACTS = {zone: (3, 6) for zone in ZONES[:5]} | {ZONES[5]: (4,)}


class ShippedError(UserError):
    """The shipped levels are not whole."""


@dataclass(frozen=True)
class Options:
    """Build the levels that come with the project, or prove that they can be finished."""

    verify: bool = option("play every movie and write nothing", False)
    game: str = option("only this game", "", choices=["", GAME, FINAL])
    levels: str = option("only the movies of these levels, with commas", "")


def specs() -> dict[str, list[Spec]]:
    """Game -> its levels, in their order in the ROM."""
    known = [
        Spec(zone, act, SEED, round(0.12 + 0.08 * (act - 1), 3))
        for zone in ZONES[:6]
        for act in range(1, ACTS + 1)
    ]
    final = [
        Spec(zone, 1 + FINAL_ZONES[:index].count(zone), FINAL_SEED, round(0.75 + 0.03 * index, 3))
        for index, zone in enumerate(FINAL_ZONES)
    ]
    final += [Spec(ZONES[6], act, FINAL_SEED, round(0.3 + 0.2 * act, 3)) for act in (1, 2, 3)]
    return {GAME: known, FINAL: final}


def level_sets() -> dict[str, tuple[str, str, list[str]]]:
    """The sets: name -> (what it is, game, states)."""
    names = {game: [spec.name for spec in chosen] for game, chosen in specs().items()}
    validation = [f"{zone}Zone.Act{act}" for zone, acts in VALIDATION_ACTS.items() for act in acts]
    train = [name for name in names[GAME] if name not in validation]
    return {
        "pangolin-train": ("the 37 acts of Pangolin Dash to train on", GAME, train),
        "pangolin-validation": ("the 11 acts never trained on", GAME, validation),
        "pangolin-test": ("the 11 held-out levels, a zone of their own among them", FINAL,
                          names[FINAL]),
    }  # fmt: skip


def known_plays(game: str) -> dict[str, tuple[int, tuple[int, ...]]]:
    """The plays of an earlier build: level -> (attempt it was drawn with, actions)."""
    try:
        courses = read_ways(INTEGRATIONS / game)
    except LevelSetError:
        return {}
    plays = {}
    for name, course in courses.items():
        movie = MOVIES / game / f"{name}.bk2"
        if movie.is_file():
            plays[name] = (course.drawn[2], read_movie(movie))
    return plays


def verify(game: str, levels: str = "") -> list[Replay]:
    """Play the movies of a game (all, or of some levels).

    Raises:
        ShippedError: one does not win.
    """
    names = choose(read_ways(INTEGRATIONS / game), levels)
    emulator = Emulator(INTEGRATIONS, game, names[0])
    replays = []
    for name in names:
        state = read_state(INTEGRATIONS / game, name)
        played = replay(emulator, state, read_movie(MOVIES / game / f"{name}.bk2"))
        if not played.won:
            raise ShippedError(f"{game}:{name}: its movie ends at x {played.x}: build it again")
        replays.append(played)
    emulator.close()
    return replays


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(Options, argv, prog="python -m game.shipped")
    for game, chosen in specs().items():
        if options.game not in ("", game):
            continue
        if options.verify:
            replays = verify(game, options.levels)
            mean = sum(played.total for played in replays) / len(replays)
            print(f"{game}: {len(replays)} movies reach the end post, mean return {mean:.0f}")
        else:
            build(INTEGRATIONS, game, chosen, MOVIES / game, known_plays(game))
    if not options.verify:
        write_list(INTEGRATIONS, level_sets())
    return 0


if __name__ == "__main__":
    run(main)
