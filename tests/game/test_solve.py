"""The planner, with the real emulator and without it."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.levels import read_folder
from game import play, solve
from game.cartridge import integration, rom
from game.levels.finish import GeneratedLevel
from game.planning import movies
from game.planning.console import DOWN, LEFT, RIGHT, B, PlayerState
from game.planning.emulator import Emulator, buttons
from game.planning.macro_actions import macro_actions
from game.planning.planner import Search, plan
from game.planning.route_progress import RouteProgress
from game.segments.canvas import PASS, Canvas, Waypoint
from tests.helpers import plain_art
from tests.helpers.segment_levels import finished, segment_level

STILL = PlayerState(100, 85, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3)
ROOT = Path(solve.__file__).parents[1]
GAME = "PlannerTest-Genesis"
SHIPPED = ["--game", "PangolinDash-Genesis"]


def impossible() -> GeneratedLevel:
    """Generate a level with a wall too high for the player."""
    canvas = Canvas(random.Random(1), 0.5)
    canvas.flat(14)
    canvas.step(20)
    canvas.flat(30)
    return finished(canvas, "Wall")


@dataclass
class World:
    folder: Path
    generated_levels: dict[str, GeneratedLevel]
    emulator: Emulator

    def state(self, name: str) -> bytes:
        return gzip.decompress((self.folder / GAME / f"{name}.state").read_bytes())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("planner")
    generated_levels = {
        "Back": segment_level("Back", "pit", "overhang", seed="Back"),
        "Loop": segment_level("Loop", "loop", "ball_tunnel", seed="Loop"),
        "Wall": impossible(),
    }
    levels = [generated.level for generated in generated_levels.values()]
    data = rom.pack(levels, [plain_art.zone(water=True)], plain_art.shared())
    integration.write(folder / GAME, data, list(generated_levels))
    emulator = Emulator(folder, GAME, "Back")
    yield World(folder, generated_levels, emulator)
    emulator.close()


@pytest.mark.parametrize("name", ["Back", "Loop"])
def test_a_short_level_is_solved_and_its_movie_reaches_the_end_post(
    world: World, tmp_path: Path, name: str
) -> None:
    generated, state = world.generated_levels[name], world.state(name)
    world.emulator.start(state)
    found = plan(world.emulator, generated.level.start, generated.waypoints, 90, 60_000)
    assert found.solved and found.frames < 60_000
    movie = tmp_path / f"{name}.bk2"
    played = movies.record(world.emulator, state, found.actions, movie)
    assert played.won and 9_000 < played.total < 10_000
    assert movies.read_movie(movie) == found.actions[: len(movies.read_movie(movie))]
    again = movies.replay(world.emulator, state, movies.read_movie(movie))
    assert again == played


def test_the_planner_is_deterministic(world: World) -> None:
    generated = world.generated_levels["Back"]
    plans = []
    for _ in range(2):
        world.emulator.start(world.state("Back"))
        plans.append(plan(world.emulator, generated.level.start, generated.waypoints, 90, 60_000))
    assert (plans[0].actions, plans[0].frames) == (plans[1].actions, plans[1].frames)


def test_the_planner_gives_up_on_a_level_without_a_solution(world: World, tmp_path: Path) -> None:
    generated, state = world.generated_levels["Wall"], world.state("Wall")
    world.emulator.start(state)
    found = plan(world.emulator, generated.level.start, generated.waypoints, 90, 4_000)
    assert not found.solved and found.progress < 0.9 and found.frames < 5_000
    with pytest.raises(movies.ReplayError, match="before the end post"):
        movies.record(world.emulator, state, found.actions, tmp_path / "wall.bk2")
    assert not list(tmp_path.iterdir())


def test_a_saved_state_restores_everything(world: World) -> None:
    emulator = world.emulator
    emulator.start(world.state("Back"))
    for _ in range(20):
        emulator.step(RIGHT)
    saved = emulator.save()
    once = [emulator.step(RIGHT | B) for _ in range(20)]
    emulator.load(saved)
    assert [emulator.step(RIGHT | B) for _ in range(20)] == once
    assert once[0].x < once[-1].x


def test_a_late_action_takes_effect_from_the_second_frame(world: World) -> None:
    emulator = world.emulator
    player = emulator.start(world.state("Back"))
    saved = emulator.save()
    late = emulator.step(RIGHT, first=0)
    emulator.load(saved)
    emulator.env.em.set_button_mask(buttons(0), 0)
    emulator.env.em.step()
    emulator.env.em.set_button_mask(buttons(RIGHT), 0)
    for _ in range(3):
        emulator.env.em.step()
    assert emulator.player_state() == late
    emulator.load(saved)
    timely = emulator.step(RIGHT)
    assert player.x_speed == 0 and late.x_speed * 4 == timely.x_speed * 3 > 0


def test_a_search_ahead_ends_where_the_player_stands(world: World) -> None:
    generated = world.generated_levels["Back"]
    route = RouteProgress(generated.level.start, generated.waypoints)
    for late in (None, lambda: True):
        player = world.emulator.start(world.state("Back"))
        begin = route.progress(0, player)
        actions, reaches = Search(world.emulator, route, 0, 0, late).run_ahead(4_000, 20)
        player, stage, previous = world.emulator.start(world.state("Back")), 0, 0
        for action in actions:
            changed = late is not None and action != previous
            player = world.emulator.step(action, previous if changed else None)
            stage, previous = route.advance(stage, player), action
        assert len(actions) >= 20 and player.grounded and not player.dead
        assert route.progress(stage, player) == reaches > begin + 150
    assert Search(world.emulator, route).run_ahead(0, 20)[0] == ()  # no frame for a search


def test_the_stage_is_found_from_the_position() -> None:
    route = RouteProgress((0, 100), [Waypoint(100, 100), Waypoint(100, 20), Waypoint(200, 20)])
    stages = {(-5, 100): 0, (50, 110): 0, (98, 60): 1, (150, 0): 2, (300, 20): 2, (100, 100): 0}
    found = {place: route.nearest_stage(STILL._replace(x=place[0], y=place[1])) for place in stages}
    assert found == stages


def test_route_progress_measures_progress_and_passes_waypoints() -> None:
    route = RouteProgress((0, 100), [Waypoint(100, 100), Waypoint(60, 20, 10, 10, land=True)])
    assert route.length == 100 + 120
    assert route.progress(0, STILL._replace(x=40, y=100)) == 40
    assert route.progress(0, STILL._replace(x=40, y=130)) == 10  # below the route: behind
    assert route.advance(0, STILL._replace(x=100, y=100)) == 1
    assert route.advance(0, STILL._replace(x=100, y=100 + 33)) == 0
    flying = STILL._replace(x=60, y=20, grounded=0)
    assert route.advance(1, flying) == 1 and route.advance(1, flying._replace(grounded=1)) == 2
    assert route.progress(2, STILL) == route.length


def test_macro_actions_release_the_jump_button_before_they_press_it_again() -> None:
    for macro in macro_actions(STILL, True, 1, (1, 0)):
        first = next((i for i, action in enumerate(macro) if action & B), None)
        assert first is None or not macro[0] & B


def test_a_dash_turns_the_player_first_and_needs_a_standing_player() -> None:
    def dashes(player: PlayerState, facing: int) -> list[tuple[int, ...]]:
        return [m for m in macro_actions(player, False, facing, (-1, 0)) if DOWN | B in m]

    assert [macro[0] for macro in dashes(STILL, 1)] == [LEFT]
    assert [macro[0] for macro in dashes(STILL, -1)] == [DOWN]
    assert not dashes(STILL._replace(ground_speed=900), -1)


def test_actions_use_the_buttons_of_the_contest() -> None:
    assert buttons(B | RIGHT).tolist() == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert buttons(DOWN | LEFT).tolist() == [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert Waypoint(1, 2).reach_x == PASS


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nowhere"], "nowhere contains no game: build one"),
        (["game/integrations", "--game", "Sonic"], "no game is called 'Sonic'"),
        (
            ["game/integrations", *SHIPPED, "--out", "game/movies/PangolinDash-Genesis"],
            "game/movies/PangolinDash-Genesis contains .* already: give another folder",
        ),
    ],
)
def test_wrong_arguments_of_solve_give_one_line(argv: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        solve.main(argv)


def test_the_error_names_a_file_that_is_not_a_movie(tmp_path: Path) -> None:
    path = tmp_path / "x.bk2"
    path.write_bytes(b"no movie")
    with pytest.raises(UserError, match=r"x\.bk2 is not a movie"):
        movies.read_movie(path)


def test_a_build_gives_the_same_bytes_twice_and_a_level_list(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        command = [sys.executable, "-m", "game.build", "--seed", "77", "--levels", "2"]
        command += ["--zones", "Meadow,Skyline", "--difficulty", "0.1", "--out", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, timeout=280)
    files = sorted(p.relative_to(folders[0]) for p in folders[0].rglob("*") if p.is_file())
    assert len(files) == 2 + 2 + 10  # states, movies, the other files of the game, and build.json
    for path in files:
        if path.suffix != ".bk2":  # a zip file, which contains a time stamp
            assert (folders[0] / path).read_bytes() == (folders[1] / path).read_bytes(), path
        else:
            plays = [movies.read_movie(folder / path) for folder in folders]
            assert plays[0] == plays[1]
    (levels,) = read_folder(folders[0]).values()
    assert [level.state for level in levels] == ["MeadowZone.Act1", "SkylineZone.Act1"]
    for level in levels:
        check_available(level)


def test_an_unknown_level_gives_one_line() -> None:
    with pytest.raises(UserError, match="called 'MeadowZone.Act99': did you mean MeadowZone.Act"):
        play.main(["MeadowZone.Act99"])


def test_levels_of_a_game_are_named_as_in_every_command() -> None:
    known = ["MeadowZone.Act1", "MeadowZone.Act2", "CavernZone.Act1"]
    assert solve.select_levels(GAME, known, "") == known
    names = "cavernzone.act1, PlannerTest:MeadowZone.Act2"
    assert solve.select_levels(GAME, known, names) == known[:0:-1]
    with pytest.raises(UserError, match="'CavernZone.Act7': did you mean CavernZone.Act1"):
        solve.select_levels(GAME, known, "CavernZone.Act7")
