"""The level generator: it is deterministic, and its levels keep the rules of the geometry."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest

from game import build, shipped
from game.format import CELL, MAX_CELLS, MAX_ROWS, ZONES, Cell, Kind
from game.levels.finish import GeneratedLevel, GeometryError
from game.levels.grammar import GRAMMARS, generate
from game.levels.limits import check_limits
from game.levels.preview import draw_preview
from game.levels.routes import Route, RouteFileError, read_routes, write_routes
from game.segments import SEGMENTS
from game.segments.canvas import PASS, Canvas, Waypoint
from tests.helpers.segment_levels import finished, segment_level

LEVELS = [(zone, act) for zone in ZONES for act in (1, 5, 8)]
JUMP_ROWS = 6
JUMP_COLUMNS = 21
SPRING_ROWS = 27
SPRING_COLUMNS = 45


@pytest.fixture(scope="module")
def levels() -> list[GeneratedLevel]:
    return [generated_level(zone, act) for zone, act in LEVELS]


def generated_level(zone: str, act: int, seed: int = 5) -> GeneratedLevel:
    return build.generate_valid(build.LevelSpec(zone, act, seed, act / 10), 0)[0]


def alone(name: str, difficulty: float, number: int) -> GeneratedLevel:
    """Generate a level of one segment between two flats."""
    return segment_level(name, name, seed=f"{name} {number}", difficulty=difficulty)


def test_the_same_arguments_give_the_same_level() -> None:
    first, second = generated_level("Cavern", 3), generated_level("Cavern", 3)
    assert np.array_equal(first.level.cells, second.level.cells)
    assert (first.level.objects, first.level.rings) == (second.level.objects, second.level.rings)
    assert first.waypoints == second.waypoints


@pytest.mark.parametrize("other", [("Cavern", 3, 6, 0), ("Cavern", 4, 5, 0), ("Cavern", 3, 5, 1)])
def test_seed_act_and_attempt_each_give_another_level(other: tuple[str, int, int, int]) -> None:
    zone, act, seed, attempt = other
    base = generate("Cavern", 3, 5, 0.5, 0).level.cells
    changed = generate(zone, act, seed, 0.5, attempt).level.cells
    assert base.shape != changed.shape or not np.array_equal(base, changed)


def test_a_generated_level_does_not_depend_on_what_was_generated_before() -> None:
    random.seed(1)
    first = generated_level("Meadow", 2)
    generated_level("Skyline", 1)
    random.seed(99)
    assert np.array_equal(first.level.cells, generated_level("Meadow", 2).level.cells)


def test_every_level_keeps_the_limits_of_the_engine(levels: list[GeneratedLevel]) -> None:
    for generated in levels:
        check_limits(generated.level)
        rows, columns = generated.level.cells.shape
        assert rows <= MAX_ROWS and rows * columns <= MAX_CELLS
        assert 800 <= columns <= 1100


def test_a_preview_shows_the_level_and_its_route(levels: list[GeneratedLevel]) -> None:
    generated = levels[0]
    rows, columns = generated.level.cells.shape
    plain = draw_preview(generated.level)
    assert plain.shape == (rows * CELL, columns * CELL, 3) and plain.dtype == np.uint8
    assert not np.array_equal(plain, draw_preview(generated.level, generated.waypoints))


def test_segments_meet_on_free_floor_of_the_same_height(
    levels: list[GeneratedLevel],
) -> None:
    for generated in levels:
        cells = generated.level.cells
        for seam in generated.seams:
            here, before = cells[seam.row, seam.column], cells[seam.row, seam.column - 1]
            assert here not in (Cell.EMPTY, Cell.BACK), (generated.level.name, seam)
            assert not cells[seam.row - 2 : seam.row, seam.column].any(), (
                generated.level.name,
                seam,
            )
            assert before not in (Cell.EMPTY, Cell.BACK), (generated.level.name, seam)


def test_loops_have_free_space_ground_and_a_run_up(levels: list[GeneratedLevel]) -> None:
    loops = 0
    for generated in levels:
        cells = generated.level.cells
        for thing in generated.level.objects:
            if thing.kind != Kind.LOOP:
                continue
            loops += 1
            column, row = thing.x // CELL, thing.y // CELL
            assert (cells[row, column - 16 : column + 6] != Cell.EMPTY).all()
            assert not cells[row - 9 : row, column - 5 : column + 5].any()
    assert loops > 5


def test_the_route_climbs_no_higher_than_jumps_and_springs_carry(
    levels: list[GeneratedLevel],
) -> None:
    for generated in levels:
        rising = {Kind.PLATFORM_V} | {k for k in Kind if k.name.startswith("SPRING")}
        carriers = [o.x for o in generated.level.objects if o.kind in rising]
        start = Waypoint(generated.level.start[0], generated.level.start[1] - 15)
        for here, there in itertools.pairwise([start, *generated.waypoints]):
            rise = (here.y - there.y) / CELL
            if there.reach_x == PASS or rise <= JUMP_ROWS:
                continue  # ground or a jump leads there
            low, high = sorted((here.x, there.x))
            helped = any(low - 160 <= x <= high + 160 for x in carriers)
            assert helped and rise <= SPRING_ROWS, (generated.level.name, here, there)


def test_every_level_leads_back_or_up_somewhere(levels: list[GeneratedLevel]) -> None:
    for generated in levels:
        back = [seam.name for seam in generated.seams if SEGMENTS[seam.name].backtracks]
        assert len(back) >= 2, generated.level.name


def demands(route: Route) -> set[str]:
    """Return whether a route leads left, and whether it rises higher than a jump."""
    found = set()
    start = Waypoint(route.start[0], route.start[1] - 15)
    for here, there in itertools.pairwise([start, *route.waypoints]):
        if here.x - there.x >= 2 * CELL:
            found.add("left")
        if there.reach_x != PASS and here.y - there.y > JUMP_ROWS * CELL:
            found.add("up")
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_in_each_zone_a_route_leads_left_and_in_most_levels_left_or_up(zone: str) -> None:
    """Only waypoints without PASS force the player to go there."""
    shipped_levels = {
        name: route
        for game in shipped.level_specs()
        for name, route in read_routes(shipped.INTEGRATIONS / game).items()
        if name.startswith(f"{zone}Zone.")
    }
    found = {name: demands(route) for name, route in shipped_levels.items()}
    assert "left" in set.union(*found.values())
    assert sum(bool(kinds) for kinds in found.values()) >= len(found) // 2, found


def test_a_level_opens_with_segments_that_running_right_passes(
    levels: list[GeneratedLevel],
) -> None:
    for generated in levels:
        zone = ZONES[generated.level.zone]
        assert generated.seams[0].name in GRAMMARS[zone].opening
        assert all(SEGMENTS[seam.name].open for seam in generated.seams[:2])


def test_every_segment_is_used_by_a_zone() -> None:
    used = {name for g in GRAMMARS.values() for name in (*g.opening, *g.middle, *g.backtracking)}
    assert used == set(SEGMENTS)


@pytest.mark.parametrize("name", sorted(SEGMENTS))
@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_a_segment_keeps_to_its_bounds(name: str, difficulty: float) -> None:
    segment = SEGMENTS[name]
    for number in range(5):
        generated = alone(name, difficulty, number)
        check_limits(generated.level)
        first, end = generated.seams
        climbed = first.row - end.row
        assert -segment.falls <= climbed <= segment.climbs, climbed
        ground = generated.level.cells[end.row, end.column - 2 : end.column]
        assert not (set(ground.tolist()) & {Cell.EMPTY, Cell.SPIKE_UP, Cell.HAZARD})


def test_no_pit_is_too_wide_to_cross(levels: list[GeneratedLevel]) -> None:
    """A pit is a series of columns without anything to stand on."""
    for generated in levels:
        carried = [o.x // CELL for o in generated.level.objects if o.kind.name.startswith("P")]
        empty = ~(generated.level.cells != Cell.EMPTY).any(axis=0)
        if GRAMMARS[ZONES[generated.level.zone]].roof:
            empty = generated.level.cells[-1] == Cell.EMPTY
            carried += list(np.flatnonzero((generated.level.cells == Cell.ONEWAY).any(axis=0)))
            carried += list(np.flatnonzero((generated.level.cells == Cell.CRUMBLE).any(axis=0)))
        for column in carried:
            empty[max(column - 1, 0) : column + 2] = False
        edges = np.flatnonzero(np.diff(np.pad(empty.astype(int), 1)))
        widest = max((edges[1::2] - edges[::2]).tolist(), default=0)
        assert widest <= 28, (generated.level.name, widest)


def test_a_loop_without_free_space_is_refused() -> None:
    canvas = Canvas(random.Random(1), 0.5)
    canvas.flat(40)
    canvas.add_loop(20, 0)
    canvas.fill(18, -4, 2, 2)
    with pytest.raises(GeometryError, match="the loop at column 20 has no free space"):
        finished(canvas, "x")


def test_written_routes_are_read_back(tmp_path: Path) -> None:
    route = Route((8, 16), (Waypoint(5, 6), Waypoint(7, 8, 9, 10, land=True)), (1, 0.5, 2))
    write_routes(tmp_path, {"MeadowZone.Act1": route})
    assert read_routes(tmp_path) == {"MeadowZone.Act1": route}


@pytest.mark.parametrize("content", ["", "{", '{"format_version": 2}', '{"format_version": 1}'])
def test_the_error_names_a_damaged_file_of_routes(tmp_path: Path, content: str) -> None:
    (tmp_path / "routes.json").write_text(content)
    with pytest.raises(RouteFileError, match=r"routes\.json"):
        read_routes(tmp_path)
