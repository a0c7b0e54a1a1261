"""The level generator: the same seed draws the same level, and what it draws can be played."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.errors import UserError
from game import art, build, shipped
from game.build import BuildError, Options, specs
from game.format import CELL, MAX_CELLS, MAX_ROWS, ZONES, Cell, Kind
from game.levels import check
from game.levels.draft import Draft, DraftError, finish
from game.levels.grammar import GRAMMARS, generate
from game.levels.levelset import Course, LevelSetError, read_ways, write_ways
from game.planning.emulator import Emulator
from game.planning.planner import Plan
from game.segments import SEGMENTS
from game.segments.canvas import PASS, Canvas, Waypoint
from tests.helpers import plain_art

DRAWS = [(zone, act) for zone in ZONES for act in (1, 5, 8)]
JUMP_ROWS = 6
JUMP_COLUMNS = 21
SPRING_ROWS = 27
SPRING_COLUMNS = 45


@pytest.fixture(scope="module")
def drafts() -> list[Draft]:
    return [drawn(zone, act) for zone, act in DRAWS]


def drawn(zone: str, act: int, seed: int = 5) -> Draft:
    return build.draw(build.Spec(zone, act, seed, act / 10), 0)[0]


def alone(name: str, difficulty: float, number: int) -> Draft:
    """A level of one segment between two flats."""
    canvas = Canvas(random.Random(f"{name} {number}"), difficulty)
    canvas.flat(14)
    canvas.begin(name)
    SEGMENTS[name].draw(canvas)
    canvas.passed()
    canvas.begin("end")
    canvas.flat(22)
    return finish(
        canvas, zone=0, act=1, name=name, end_column=canvas.column - 12, roof=False, water_row=None
    )


def test_the_same_arguments_draw_the_same_level() -> None:
    first, second = drawn("Cavern", 3), drawn("Cavern", 3)
    assert np.array_equal(first.level.cells, second.level.cells)
    assert (first.level.objects, first.level.rings) == (second.level.objects, second.level.rings)
    assert first.way == second.way


@pytest.mark.parametrize("other", [("Cavern", 3, 6, 0), ("Cavern", 4, 5, 0), ("Cavern", 3, 5, 1)])
def test_seed_act_and_attempt_each_draw_another_level(other: tuple[str, int, int, int]) -> None:
    zone, act, seed, attempt = other
    base = generate("Cavern", 3, 5, 0.5, 0).level.cells
    changed = generate(zone, act, seed, 0.5, attempt).level.cells
    assert base.shape != changed.shape or not np.array_equal(base, changed)


def test_the_draft_of_a_level_does_not_depend_on_what_was_drawn_before() -> None:
    random.seed(1)
    first = drawn("Meadow", 2)
    drawn("Skyline", 1)
    random.seed(99)
    assert np.array_equal(first.level.cells, drawn("Meadow", 2).level.cells)


def test_every_draft_keeps_the_limits_of_the_engine(drafts: list[Draft]) -> None:
    for draft in drafts:
        check.check(draft.level)
        rows, columns = draft.level.cells.shape
        assert rows <= MAX_ROWS and rows * columns <= MAX_CELLS
        assert 800 <= columns <= 1100


def test_segments_meet_on_free_floor_of_the_same_height(drafts: list[Draft]) -> None:
    for draft in drafts:
        cells = draft.level.cells
        for seam in draft.seams:
            here, before = cells[seam.row, seam.column], cells[seam.row, seam.column - 1]
            assert here not in (Cell.EMPTY, Cell.BACK), (draft.level.name, seam)
            assert not cells[seam.row - 2 : seam.row, seam.column].any(), (draft.level.name, seam)
            assert before not in (Cell.EMPTY, Cell.BACK), (draft.level.name, seam)


def test_loops_have_room_ground_and_a_run_up(drafts: list[Draft]) -> None:
    loops = 0
    for draft in drafts:
        cells = draft.level.cells
        for thing in draft.level.objects:
            if thing.kind != Kind.LOOP:
                continue
            loops += 1
            column, row = thing.x // CELL, thing.y // CELL
            assert (cells[row, column - 16 : column + 6] != Cell.EMPTY).all()
            assert not cells[row - 9 : row, column - 5 : column + 5].any()
    assert loops > 5


def test_the_way_climbs_no_higher_than_jumps_and_springs_carry(drafts: list[Draft]) -> None:
    for draft in drafts:
        rising = {Kind.PLATFORM_V} | {k for k in Kind if k.name.startswith("SPRING")}
        carriers = [o.x for o in draft.level.objects if o.kind in rising]
        start = Waypoint(draft.level.start[0], draft.level.start[1] - 15)
        for here, there in itertools.pairwise([start, *draft.way]):
            rise = (here.y - there.y) / CELL
            if there.reach_x == PASS or rise <= JUMP_ROWS:
                continue  # ground leads there, or a jump
            low, high = sorted((here.x, there.x))
            helped = any(low - 160 <= x <= high + 160 for x in carriers)
            assert helped and rise <= SPRING_ROWS, (draft.level.name, here, there)


def test_every_level_leads_back_or_up_somewhere(drafts: list[Draft]) -> None:
    for draft in drafts:
        back = [seam.name for seam in draft.seams if SEGMENTS[seam.name].back]
        assert len(back) >= 2, draft.level.name


def needs(course: Course) -> set[str]:
    """Whether a way leads left somewhere, and whether it rises where no jump does, by segments."""
    found = set()
    start = Waypoint(course.start[0], course.start[1] - 15)
    for here, there in itertools.pairwise([start, *course.points]):
        if here.x - there.x >= 2 * CELL:
            found.add("left")
        if there.reach_x != PASS and here.y - there.y > JUMP_ROWS * CELL:
            found.add("up")
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_in_each_zone_the_way_leads_left_and_in_most_levels_left_or_up(zone: str) -> None:
    """A PASS waypoint may be met in passing; any other has to be reached before the way goes on."""
    shipped_levels = {
        name: course
        for game in shipped.specs()
        for name, course in read_ways(shipped.INTEGRATIONS / game).items()
        if name.startswith(f"{zone}Zone.")
    }
    found = {name: needs(course) for name, course in shipped_levels.items()}
    assert "left" in set.union(*found.values())
    assert sum(bool(kinds) for kinds in found.values()) >= len(found) // 2, found


def test_a_level_opens_with_ground_that_can_be_run_over(drafts: list[Draft]) -> None:
    for draft in drafts:
        zone = ZONES[draft.level.zone]
        assert draft.seams[0].name in GRAMMARS[zone].opening
        assert all(SEGMENTS[seam.name].free for seam in draft.seams[:2])


def test_every_segment_is_used_by_some_zone() -> None:
    used = {name for g in GRAMMARS.values() for name in (*g.opening, *g.middle, *g.back)}
    assert used == set(SEGMENTS)


@pytest.mark.parametrize("name", sorted(SEGMENTS))
@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_a_segment_keeps_to_its_bounds(name: str, difficulty: float) -> None:
    segment = SEGMENTS[name]
    for number in range(5):
        draft = alone(name, difficulty, number)
        check.check(draft.level)
        first, end = draft.seams
        climbed = first.row - end.row
        assert -segment.falls <= climbed <= segment.climbs, climbed
        ground = draft.level.cells[end.row, end.column - 2 : end.column]
        assert not (set(ground.tolist()) & {Cell.EMPTY, Cell.SPIKE_UP, Cell.HAZARD})


def test_no_pit_is_wider_than_what_carries_over_it(drafts: list[Draft]) -> None:
    """Columns in a row where there is nothing at all to stand on."""
    for draft in drafts:
        carried = [o.x // CELL for o in draft.level.objects if o.kind.name.startswith("P")]
        empty = ~(draft.level.cells != Cell.EMPTY).any(axis=0)
        if GRAMMARS[ZONES[draft.level.zone]].roof:
            empty = draft.level.cells[-1] == Cell.EMPTY
            carried += list(np.flatnonzero((draft.level.cells == Cell.ONEWAY).any(axis=0)))
            carried += list(np.flatnonzero((draft.level.cells == Cell.CRUMBLE).any(axis=0)))
        for column in carried:
            empty[max(column - 1, 0) : column + 2] = False
        edges = np.flatnonzero(np.diff(np.pad(empty.astype(int), 1)))
        widest = max((edges[1::2] - edges[::2]).tolist(), default=0)
        assert widest <= 28, (draft.level.name, widest)


def test_a_loop_without_room_is_refused() -> None:
    canvas = Canvas(random.Random(1), 0.5)
    canvas.flat(40)
    canvas.loop(20, 0)
    canvas.fill(18, -4, 2, 2)
    with pytest.raises(DraftError, match="the loop at column 20 has no room"):
        finish(canvas, zone=0, act=1, name="x", end_column=28, roof=False, water_row=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options("x", levels=0), "--levels is 0: a ROM holds 1 to 60"),
        (Options("x", levels=61), "--levels is 61"),
        (Options("x", seed=-1), "--seed is -1"),
        (Options("x", zones="Medow"), "no zone is called 'Medow': did you mean Meadow?"),
        (Options("x", zones=" ,"), "no zone is named"),
        (Options("x", difficulty="2"), "--difficulty is '2'"),
        (Options("x", difficulty="0.9-0.1"), "--difficulty is '0.9-0.1'"),
        (Options("x", difficulty="hard"), "--difficulty is 'hard'"),
        (Options("x", game="a/b"), "--game is 'a/b'"),
    ],
)
def test_what_cannot_work_is_one_line(options: Options, message: str) -> None:
    with pytest.raises(BuildError) as error:
        specs(options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_folder_with_other_things_is_not_filled(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds other things"):
        build.main(["--out", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_level_that_is_not_solved_is_drawn_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn_with: list[int] = []
    spec = build.Spec("Meadow", 1, 1, 0.3)

    def draw(spec: build.Spec, attempt: int) -> tuple[Draft, int]:
        drawn_with.append(attempt)
        draft = alone("plain", 0.3, attempt)
        return replace(draft, level=replace(draft.level, name=spec.name)), attempt

    def first_in_vain(emulator: Emulator, state: bytes, draft: Draft) -> Plan:
        found = solve(emulator, state, draft)
        return replace(found, solved=False) if drawn_with == [0] else found

    solve = build._solve
    monkeypatch.setattr(build, "draw", draw)
    monkeypatch.setattr(build, "_solve", first_in_vain)
    monkeypatch.setattr(art, "zones", lambda: [plain_art.zone(water=True)])
    monkeypatch.setattr(art, "shared", plain_art.shared)
    useless = {spec.name: (0, (0, 0, 0))}  # a play of an earlier build that wins no more
    built = build.build(tmp_path, "Redrawn-Genesis", [spec], tmp_path / "movies", useless)
    assert drawn_with == [0, 1] and [item.attempt for item in built] == [1]
    assert read_ways(tmp_path / "Redrawn-Genesis")[spec.name].drawn == (1, 0.3, 1)
    assert [path.name for path in (tmp_path / "movies").iterdir()] == ["MeadowZone.Act1.bk2"]


def test_levels_are_named_like_the_contests_and_spread_over_zones_and_difficulty() -> None:
    chosen = specs(Options("x", levels=5, zones="Meadow,Lagoon", difficulty="0.2-0.6"))
    assert [spec.name for spec in chosen] == [
        "MeadowZone.Act1",
        "LagoonZone.Act1",
        "MeadowZone.Act2",
        "LagoonZone.Act2",
        "MeadowZone.Act3",
    ]
    assert [spec.difficulty for spec in chosen] == [0.2, 0.3, 0.4, 0.5, 0.6]


def test_the_shipped_sets_have_the_contests_sizes_and_share_nothing() -> None:
    sets = shipped.level_sets()
    assert {name: len(states) for name, (_, _, states) in sets.items()} == {
        "pangolin-train": 37,
        "pangolin-validation": 11,
        "pangolin-test": 11,
    }
    train, validation = sets["pangolin-train"][2], sets["pangolin-validation"][2]
    assert not set(train) & set(validation)
    zones = {state.partition("Zone.")[0] for state in train}
    assert zones == {state.partition("Zone.")[0] for state in validation} == set(ZONES[:6])
    assert sum(state.startswith("Skyline") for state in sets["pangolin-test"][2]) == 3


def test_ways_survive_being_written(tmp_path: Path) -> None:
    course = Course((8, 16), (Waypoint(5, 6), Waypoint(7, 8, 9, 10, land=True)), (1, 0.5, 2))
    write_ways(tmp_path, {"MeadowZone.Act1": course})
    assert read_ways(tmp_path) == {"MeadowZone.Act1": course}


@pytest.mark.parametrize("content", ["", "{", '{"format_version": 2}', '{"format_version": 1}'])
def test_a_damaged_file_of_ways_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "ways.json").write_text(content)
    with pytest.raises(LevelSetError, match=r"ways\.json"):
        read_ways(tmp_path)
