"""The terrain on the real emulator: ice, belts, pits, walls, water, loops, spikes, the end post."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from game.format import Cell, Kind, LevelData, Obj, Picture
from tests.helpers.game_world import FLOOR, Bench, flat, level

STAND = FLOOR - 15
ROW = FLOOR // 16


def filled(number: int, columns: slice, top: int = ROW, rows: int = 1) -> Picture:
    """Return a flat floor with some cells of one kind."""
    cells = flat()
    cells[top : top + rows, columns] = number
    return cells


def pit() -> Picture:
    cells = flat()
    cells[ROW:, 20:40] = 0
    return cells


def tower() -> Picture:
    """Return a floor with a wall of 12 cells, too high to jump on."""
    cells = flat()
    cells[ROW - 12 : ROW, 30:32] = Cell.SOLID
    return cells


LEVELS: dict[str, LevelData] = {
    "flat": level(flat(400)),
    "ice": level(filled(Cell.ICE, slice(0, 200))),
    "belt": level(filled(Cell.CONVEYOR_R, slice(0, 200))),
    "belt_left": level(filled(Cell.CONVEYOR_L, slice(0, 200))),
    "pit": level(pit()),
    "tower": level(tower()),
    "breakable": level(filled(Cell.BREAKABLE, slice(40, 42), ROW - 6, 6)),
    "crumble": level(filled(Cell.CRUMBLE, slice(5, 12), ROW - 4), start_x=130),
    "water": level(flat(), water_y=FLOOR - 160),
    "loop": level(flat(), (Obj(Kind.LOOP, 1280, FLOOR),)),
    "spikes": level(filled(Cell.SPIKE_UP, slice(20, 60), ROW - 1), rings=((200, FLOOR - 16),)),
    "spike_wall": level(filled(Cell.SPIKE_LEFT, slice(20, 21), ROW - 3, 3)),
    "spike_ceiling": level(filled(Cell.SPIKE_DOWN, slice(0, 40), ROW - 5)),
    "lava": level(filled(Cell.HAZARD, slice(20, 22))),
    "timed": level(flat(), time_limit=2),
}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.of(LEVELS) as made:
        yield made


def test_ice_is_slow_to_start_and_to_stop(bench: Bench) -> None:
    bench.begin("ice").hold("RIGHT", 60)
    assert bench["ground_speed"] < 450
    bench.hold("RIGHT", 200)
    assert bench.until("", lambda b: b["ground_speed"] == 0, 900) > 400


def test_belts_carry_the_player(bench: Bench) -> None:
    bench.begin("belt").hold("", 60)
    assert 188 <= bench["x"] <= 200
    bench.begin("belt_left").hold("", 20)
    assert 62 <= bench["x"] <= 68


def test_a_pit_costs_a_life_and_ends_the_episode(bench: Bench) -> None:
    bench.begin("pit")
    bench.until("RIGHT", lambda b: b["dead"] == 1)
    assert bench["lives"] == 2 and bench.done


def test_a_pit_can_be_jumped(bench: Bench) -> None:
    bench.begin("pit").hold("RIGHT", 60)
    bench.until("RIGHT", lambda b: b["x"] > 305)
    bench.hold("RIGHT B", 63)
    assert bench["grounded"] and bench["x"] > 640


def test_a_tower_and_the_left_border_stop_the_player(bench: Bench) -> None:
    bench.begin("tower").hold("RIGHT", 150)
    assert 465 <= bench["x"] <= 470 and bench["ground_speed"] < 100
    bench.hold("RIGHT B", 120)
    assert bench["x"] < 480
    bench.hold("LEFT", 300)
    assert 9 <= bench["x"] <= 11


def test_walls_break_only_before_a_fast_ball(bench: Bench) -> None:
    bench.begin("breakable").hold("RIGHT", 200)
    assert bench["x"] < 640
    bench.begin("breakable").hold("RIGHT", 100)
    bench.until("DOWN", lambda b: b["x"] > 690)
    assert bench["rolling"]


def test_crumbling_floor_holds_then_falls_then_returns(bench: Bench) -> None:
    bench.begin("crumble").hold("B", 40)
    bench.until("", lambda b: b["grounded"] == 1)
    assert bench["y"] == STAND - 64
    bench.hold("", 20)
    assert bench["grounded"]
    bench.until("", lambda b: b["y"] == STAND)
    bench.hold("LEFT", 60).hold("", 320)
    bench.hold("RIGHT", 36)
    bench.until("", lambda b: b["ground_speed"] == 0)
    bench.hold("B", 40)
    bench.until("", lambda b: b["grounded"] == 1)
    assert bench["y"] == STAND - 64


def test_water_slows_and_drowns(bench: Bench) -> None:
    bench.begin("water").hold("RIGHT", 150)
    assert bench["underwater"] and bench["ground_speed"] == 750
    bench.hold("B", 1)
    highest = bench["y"]
    for _ in range(60):
        bench.hold("B")
        highest = min(highest, bench["y"])
    assert 70 < STAND + 4 - highest < 90
    bench.until("", lambda b: b["dead"] == 1, 1200)
    assert bench["air"] == 0


def test_loop_passes_at_speed(bench: Bench) -> None:
    bench.begin("loop").until("RIGHT", lambda b: b["in_loop"] == 1)
    highest = STAND
    while bench["in_loop"]:
        bench.hold("RIGHT")
        highest = min(highest, bench["y"])
    assert highest < FLOOR - 128 + 20
    bench.hold("RIGHT", 60)
    assert bench["x"] > 1400 and not bench["in_loop"]


def slow_loop(bench: Bench, speed: int) -> int:
    """Run into the loop at about `speed`; return the speed at its entry."""
    bench.begin("loop").until("RIGHT", lambda b: b["x"] > 1000)
    while bench["x"] < 1272:
        bench.hold("RIGHT" if bench["ground_speed"] < speed else "")
    return bench["ground_speed"]


def test_a_loop_rejects_a_slow_player(bench: Bench) -> None:
    assert slow_loop(bench, 900) < 1100
    for _ in range(200):
        bench.hold("")
        assert bench["x"] < 1280 + 64
    assert bench["x"] < 1280


def test_a_loop_cannot_be_jumped_through(bench: Bench) -> None:
    bench.begin("loop").until("RIGHT", lambda b: b["x"] > 1190)
    bench.hold("RIGHT B", 15)
    seen = []
    for _ in range(60):
        bench.hold("RIGHT B")
        seen.append(bench["in_loop"])
    assert any(seen)


def test_a_loop_does_not_stop_a_player_who_runs_left(bench: Bench) -> None:
    bench.begin("loop").until("RIGHT", lambda b: b["x"] > 1500)
    for _ in range(200):
        bench.hold("LEFT")
        assert not bench["in_loop"]
    assert bench["x"] < 1200


def test_spikes_scatter_the_rings_and_then_kill(bench: Bench) -> None:
    bench.begin("spikes").until("RIGHT", lambda b: b["rings"] == 1)
    bench.until("RIGHT", lambda b: b["x"] > 290)
    bench.until("RIGHT B", lambda b: b["invincible"] > 0)
    assert bench["rings"] == 0 and bench["lives"] == 3
    bench.until("RIGHT B", lambda b: b["dead"] == 1, 900)
    assert bench["lives"] == 2


@pytest.mark.parametrize(("name", "held"), [("spike_wall", "RIGHT"), ("lava", "RIGHT")])
def test_other_spikes_kill(bench: Bench, name: str, held: str) -> None:
    bench.begin(name).until(held, lambda b: b["dead"] == 1)


def test_spikes_overhead_kill_a_jump(bench: Bench) -> None:
    bench.begin("spike_ceiling").hold("RIGHT", 100)
    assert not bench["dead"]
    bench.until("B", lambda b: b["dead"] == 1, 60)


def test_reaching_the_post_wins_with_the_whole_reward(bench: Bench) -> None:
    bench.begin("flat").until("RIGHT", lambda b: b["won"] == 1, 1200)
    assert bench.done and bench["x"] >= bench["level_end_x"]
    frames = bench["frame"] - 4
    assert bench.reward == pytest.approx(9000 + 1000 * (1 - frames / 18000), abs=5)


def test_time_limit_kills(bench: Bench) -> None:
    frames = bench.begin("timed").until("", lambda b: b["dead"] == 1)
    assert 110 <= frames <= 120


def test_the_same_actions_give_the_same_frames(bench: Bench) -> None:
    random = np.random.default_rng(5)
    script = [" ".join(random.choice(["B", "DOWN", "LEFT", "RIGHT"], 2)) for _ in range(60)]
    pictures = []
    for _ in range(2):
        bench.begin("loop")
        for held in script:
            bench.hold(held, 4)
        pictures.append((bench.picture.tobytes(), bench.env.get_ram().tobytes()))
    assert pictures[0] == pictures[1]


def test_an_action_changes_the_ram_in_its_own_frame(bench: Bench) -> None:
    bench.begin("flat").hold("B")
    assert bench["y_speed"] < 0
