"""The planner on the real emulator, and what it does without one."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.levels import read_folder
from game import build, play
from game.cartridge import integration, rom
from game.levels.draft import Draft, finish
from game.planning import solve
from game.planning.emulator import DOWN, LEFT, RIGHT, B, Emulator, Look, buttons
from game.planning.planner import Way, macros, plan
from game.segments import SEGMENTS
from game.segments.canvas import PASS, Canvas, Waypoint
from tests.helpers import plain_art

STILL = Look(100, 85, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3)
ROOT = Path(solve.__file__).parents[2]
GAME = "PlannerTest-Genesis"


def short(name: str, *segments: str) -> Draft:
    """A level of some segments."""
    canvas = Canvas(random.Random(name), 0.5)
    canvas.flat(14)
    for segment in segments:
        canvas.begin(segment)
        SEGMENTS[segment].draw(canvas)
        canvas.passed()
    canvas.flat(22)
    return finish(
        canvas, zone=0, act=1, name=name, end_column=canvas.column - 12, roof=False, water_row=None
    )


def impossible() -> Draft:
    """A level with a wall that nothing climbs."""
    canvas = Canvas(random.Random(1), 0.5)
    canvas.flat(14)
    canvas.step(20)
    canvas.flat(30)
    return finish(
        canvas, zone=0, act=1, name="Wall", end_column=canvas.column - 12, roof=False,
        water_row=None,
    )  # fmt: skip


@dataclass
class World:
    folder: Path
    drafts: dict[str, Draft]
    emulator: Emulator

    def state(self, name: str) -> bytes:
        return gzip.decompress((self.folder / GAME / f"{name}.state").read_bytes())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("planner")
    drafts = {
        "Back": short("Back", "pit", "overhang"),
        "Loop": short("Loop", "loop", "ball_tunnel"),
        "Wall": impossible(),
    }
    levels = [draft.level for draft in drafts.values()]
    data = rom.pack(levels, [plain_art.zone(water=True)], plain_art.shared())
    integration.write(folder / GAME, data, list(drafts))
    emulator = Emulator(folder, GAME, "Back")
    yield World(folder, drafts, emulator)
    emulator.close()


@pytest.mark.parametrize("name", ["Back", "Loop"])
def test_a_short_level_is_solved_and_its_movie_reaches_the_end_post(
    world: World, tmp_path: Path, name: str
) -> None:
    draft, state = world.drafts[name], world.state(name)
    world.emulator.start(state)
    found = plan(world.emulator, draft.level.start, draft.way, 90, 60_000)
    assert found.solved and found.frames < 60_000
    movie = tmp_path / f"{name}.bk2"
    played = solve.record(world.emulator, state, found.actions, movie)
    assert played.won and 9_000 < played.total < 10_000
    assert solve.read_movie(movie) == found.actions[: len(solve.read_movie(movie))]
    again = solve.replay(world.emulator, state, solve.read_movie(movie))
    assert again == played


def test_the_planner_is_deterministic(world: World) -> None:
    draft = world.drafts["Back"]
    plans = []
    for _ in range(2):
        world.emulator.start(world.state("Back"))
        plans.append(plan(world.emulator, draft.level.start, draft.way, 90, 60_000))
    assert (plans[0].actions, plans[0].frames) == (plans[1].actions, plans[1].frames)


def test_a_level_that_cannot_be_solved_is_given_up(world: World, tmp_path: Path) -> None:
    draft, state = world.drafts["Wall"], world.state("Wall")
    world.emulator.start(state)
    found = plan(world.emulator, draft.level.start, draft.way, 90, 4_000)
    assert not found.solved and found.progress < 0.9 and found.frames < 5_000
    with pytest.raises(solve.SolveError, match="before the end post"):
        solve.record(world.emulator, state, found.actions, tmp_path / "wall.bk2")
    assert not list(tmp_path.iterdir())


def test_a_saved_state_brings_everything_back(world: World) -> None:
    emulator = world.emulator
    emulator.start(world.state("Back"))
    for _ in range(20):
        emulator.step(RIGHT)
    saved = emulator.save()
    once = [emulator.step(RIGHT | B) for _ in range(20)]
    emulator.load(saved)
    assert [emulator.step(RIGHT | B) for _ in range(20)] == once
    assert once[0].x < once[-1].x


def test_a_way_measures_progress_and_passes_waypoints() -> None:
    way = Way((0, 100), [Waypoint(100, 100), Waypoint(60, 20, 10, 10, land=True)])
    assert way.length == 100 + 120
    assert way.progress(0, STILL._replace(x=40, y=100)) == 40
    assert way.progress(0, STILL._replace(x=40, y=130)) == 10  # below the way: behind
    assert way.advance(0, STILL._replace(x=100, y=100)) == 1
    assert way.advance(0, STILL._replace(x=100, y=100 + 33)) == 0
    flying = STILL._replace(x=60, y=20, grounded=0)
    assert way.advance(1, flying) == 1 and way.advance(1, flying._replace(grounded=1)) == 2
    assert way.progress(2, STILL) == way.length


def test_macro_actions_let_the_jump_button_go_before_they_press_it_again() -> None:
    for macro in macros(STILL, True, 1, (1, 0)):
        first = next((i for i, action in enumerate(macro) if action & B), None)
        assert first is None or not macro[0] & B


def test_a_dash_turns_around_first_and_needs_to_stand() -> None:
    def dashes(look: Look, facing: int) -> list[tuple[int, ...]]:
        return [m for m in macros(look, False, facing, (-1, 0)) if DOWN | B in m]

    assert [macro[0] for macro in dashes(STILL, 1)] == [LEFT]
    assert [macro[0] for macro in dashes(STILL, -1)] == [DOWN]
    assert not dashes(STILL._replace(ground_speed=900), -1)


def test_actions_are_the_contests_buttons() -> None:
    assert buttons(B | RIGHT).tolist() == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert buttons(DOWN | LEFT).tolist() == [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert Waypoint(1, 2).reach_x == PASS


@pytest.mark.parametrize(
    ("held", "action"),
    [({"LEFT"}, LEFT), ({"LEFT", "RIGHT", "Z"}, B), ({"X", "DOWN"}, B | DOWN), (set(), 0)],
)
def test_keys_become_buttons(held: set[str], action: int) -> None:
    pressed: Callable[[str], bool] = held.__contains__
    assert play.pressed(pressed) == action


class FakeWindow:
    """Holds RIGHT for some frames and then ESC."""

    def __init__(self, frames: int) -> None:
        self.frames, self.open, self.shown = frames, True, 0

    def held(self, name: str) -> bool:
        return name == "RIGHT" if self.shown < self.frames else name == "ESCAPE"

    def show(self, frame: object) -> None:
        self.shown += 1


def test_a_persons_play_moves_the_player(world: World) -> None:
    look = world.emulator.start(world.state("Back"))
    window = FakeWindow(30)
    (gained,) = play.play(world.emulator, window, 0)
    assert gained > 0
    assert window.shown == 30 and world.emulator.look().x > look.x + 20


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nowhere"], "nowhere holds none: build one"),
        (["game/integrations", "--game", "Sonic"], "no game 'Sonic'"),
    ],
)
def test_wrong_arguments_of_solve_are_one_line(argv: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        solve.main(argv)


def test_a_movie_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.bk2"
    path.write_bytes(b"no movie")
    with pytest.raises(UserError, match=r"x\.bk2 is not a movie"):
        solve.read_movie(path)


@pytest.mark.slow
def test_a_build_gives_the_same_bytes_twice_and_a_level_list(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        command = [sys.executable, "-m", "game.build", "--seed", "77", "--levels", "2"]
        command += ["--zones", "Meadow,Skyline", "--difficulty", "0.1", "--out", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, timeout=280)
    files = sorted(p.relative_to(folders[0]) for p in folders[0].rglob("*") if p.is_file())
    assert len(files) == 2 + 2 + 9  # states, movies, and the rest of the integration
    for path in files:
        if path.suffix != ".bk2":  # a zip file: it holds the time
            assert (folders[0] / path).read_bytes() == (folders[1] / path).read_bytes(), path
        else:
            plays = [solve.read_movie(folder / path) for folder in folders]
            assert plays[0] == plays[1]
    (levels,) = read_folder(folders[0]).values()
    assert [level.state for level in levels] == ["MeadowZone.Act1", "SkylineZone.Act1"]
    for level in levels:
        check_available(level)


def test_an_unknown_level_is_one_line() -> None:
    with pytest.raises(UserError, match="no shipped level is called 'MeadowZone.Act99'"):
        play.main(["MeadowZone.Act99"])
    assert build.MOST_LEVELS == 60
