"""Defines the levels that the project ships, builds them, and verifies them.

    python -m game.shipped            build both games, their movies and their level list
    python -m game.shipped --verify   play every movie to its end post and write nothing

A build tries the existing movies before the planner: after a change of the art or the engine, most
of them still reach the end post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.command_line import option, parse, run
from agent.errors import UserError
from game.build import LevelSpec, build, read_state
from game.cartridge.integration import write_level_list
from game.format import ZONES
from game.levels.routes import RouteFileError, read_routes
from game.planning.emulator import Emulator
from game.planning.movies import ReplayResult, read_movie, replay
from game.solve import select_levels

INTEGRATIONS = Path(__file__).parent / "integrations"
MOVIES = Path(__file__).parent / "movies"
GAME = "PangolinDash-Genesis"
FINAL_GAME = "PangolinDashFinal-Genesis"
ACTS = 8
SEED = 2018  # random seed: the year of the contest
FINAL_SEED = 1106
FINAL_ZONES = (*ZONES[:6], "Foundry", "Canyon")
VALIDATION_ACTS = {zone: (3, 6) for zone in ZONES[:5]} | {ZONES[5]: (4,)}


class ShippedError(UserError):
    """A shipped level cannot be finished by its movie."""


@dataclass(frozen=True)
class Options:
    """Build the shipped levels, or verify that they can be finished."""

    verify: bool = option("play every movie to its end post and write nothing", False)
    game: str = option(
        "name of the game to build or verify; by default both games",
        "",
        choices=["", GAME, FINAL_GAME],
    )
    levels: str = option("names of the levels to verify, separated by commas; by default all", "")


def level_specs() -> dict[str, list[LevelSpec]]:
    """Return the levels: game -> levels in their order in the ROM."""
    known = [
        LevelSpec(zone, act, SEED, round(0.12 + 0.08 * (act - 1), 3))
        for zone in ZONES[:6]
        for act in range(1, ACTS + 1)
    ]
    final = [
        LevelSpec(
            zone, 1 + FINAL_ZONES[:index].count(zone), FINAL_SEED, round(0.75 + 0.03 * index, 3)
        )
        for index, zone in enumerate(FINAL_ZONES)
    ]
    final += [LevelSpec(ZONES[6], act, FINAL_SEED, round(0.3 + 0.2 * act, 3)) for act in (1, 2, 3)]
    return {GAME: known, FINAL_GAME: final}


def level_sets() -> dict[str, tuple[str, str, list[str]]]:
    """Return the level sets: name -> (description, game, states)."""
    names = {game: [spec.name for spec in chosen] for game, chosen in level_specs().items()}
    validation = [f"{zone}Zone.Act{act}" for zone, acts in VALIDATION_ACTS.items() for act in acts]
    train = [name for name in names[GAME] if name not in validation]
    return {
        "pangolin-train": ("the 37 acts of Pangolin Dash to train on", GAME, train),
        "pangolin-validation": ("the 11 acts of Pangolin Dash for validation", GAME, validation),
        "pangolin-test": ("the 11 test levels, three of them in an extra zone", FINAL_GAME,
                          names[FINAL_GAME]),
    }  # fmt: skip


def known_plays(game: str) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Return the solutions of an earlier build: level -> (attempt of the generator, actions)."""
    try:
        routes = read_routes(INTEGRATIONS / game)
    except RouteFileError:
        return {}
    plays = {}
    for name, route in routes.items():
        movie = MOVIES / game / f"{name}.bk2"
        if movie.is_file():
            plays[name] = (route.generated_with[2], read_movie(movie))
    return plays


def verify(game: str, levels: str = "") -> list[ReplayResult]:
    """Play the movies of a game to their ends.

    Args:
        game: name of the game.
        levels: names of levels, separated by commas; all levels by default.

    Raises:
        ShippedError: a movie does not reach the end post.
    """
    names = select_levels(game, read_routes(INTEGRATIONS / game), levels)
    emulator = Emulator(INTEGRATIONS, game, names[0])
    replays = []
    for name in names:
        state = read_state(INTEGRATIONS / game, name)
        played = replay(emulator, state, read_movie(MOVIES / game / f"{name}.bk2"))
        if not played.won:
            raise ShippedError(
                f"{game}:{name}: its movie ends at x {played.x}, before the end post; run"
                " python -m game.shipped"
            )
        replays.append(played)
    emulator.close()
    return replays


def main(argv: Sequence[str] | None = None) -> int:
    """Build or verify the games."""
    options = parse(Options, argv, prog="python -m game.shipped")
    for game, chosen in level_specs().items():
        if options.game not in ("", game):
            continue
        if options.verify:
            replays = verify(game, options.levels)
            mean = sum(played.total for played in replays) / len(replays)
            print(f"{game}: {len(replays)} movies reach the end post, mean return {mean:.0f}")
        else:
            build(INTEGRATIONS, game, chosen, MOVIES / game, known_plays(game))
    if not options.verify:
        write_level_list(INTEGRATIONS, level_sets())
    return 0


if __name__ == "__main__":
    run(main)
