"""The engine's movement on the real emulator: each rule of the physics, measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from game.format import Cell, Kind, LevelData, Obj, Picture
from tests.helpers.game_world import FLOOR, Bench, flat, level

STAND = FLOOR - 15
ROW = FLOOR // 16


def hill(kind: str, steps: int) -> Picture:
    """A flat floor, a rising slope from column 60, a plateau."""
    cells = flat()
    width = {"45": 1, "22": 2, "14": 4}[kind]
    first = {"45": Cell.S45_UP, "22": Cell.S22_UP0, "14": Cell.S14_UP0}[kind]
    for step in range(steps):
        row, column = ROW - 1 - step, 60 + step * width
        for piece in range(width):
            cells[row, column + piece] = first + piece
        cells[row, column + width :] = Cell.SOLID
        cells[row + 1 : ROW, column : column + width] = Cell.SOLID
    return cells


def half_pipe() -> Picture:
    """Down at 45 degrees, flat, up again, from column 30."""
    cells = flat(rows=50)
    for step in range(6):
        row = ROW + step
        cells[row, 30 + step : 60 - step] = 0
        cells[row, 30 + step] = Cell.S45_DOWN
        cells[row, 59 - step] = Cell.S45_UP
    return cells


def tunnel() -> Picture:
    """24 pixels high from column 30 to 39: only a ball passes."""
    cells = flat()
    cells[ROW - 12 : ROW - 2, 30:40] = Cell.SOLID
    cells[ROW - 2, 30:40] = Cell.HALF_CEIL
    return cells


def stacked() -> Picture:
    """A high road over a low one, with a one-way floor between."""
    cells = flat()
    cells[ROW - 5, 20:60] = Cell.ONEWAY
    return cells


def filled(number: int, columns: slice, top: int = ROW, rows: int = 1) -> Picture:
    """The flat floor with some cells of one kind in it."""
    cells = flat()
    cells[top : top + rows, columns] = number
    return cells


def pit() -> Picture:
    cells = flat()
    cells[ROW:, 20:40] = 0
    return cells


def tower() -> Picture:
    """A wall of 12 cells: too high to jump."""
    cells = flat()
    cells[ROW - 12 : ROW, 30:32] = Cell.SOLID
    return cells


LEVELS: dict[str, LevelData] = {
    "flat": level(flat(400)),
    "steep": level(hill("45", 10)),
    "middle": level(hill("22", 6)),
    "gentle": level(hill("14", 4)),
    "half_pipe": level(half_pipe()),
    "tunnel": level(tunnel()),
    "stacked": level(stacked()),
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


def test_top_speed_is_reached_in_the_documented_time(bench: Bench) -> None:
    bench.begin("flat")
    frames = bench.until("RIGHT", lambda b: b["ground_speed"] >= 1500)
    assert 105 <= frames <= 110
    assert 300 < bench["x"] - 100 < 330
    bench.hold("RIGHT", 50)
    assert bench["ground_speed"] == 1500


def test_braking_is_harder_than_letting_go(bench: Bench) -> None:
    bench.begin("flat").hold("RIGHT", 120)
    coast = bench.until("", lambda b: b["ground_speed"] == 0)
    bench.begin("flat").hold("RIGHT", 120)
    brake = bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
    assert brake * 5 < coast


def test_full_jump_height_and_time(bench: Bench) -> None:
    bench.begin("flat").hold("B", 1)
    lowest, air = bench["y"], 0
    while not bench["grounded"]:
        bench.hold("B")
        lowest = min(lowest, bench["y"])
        air += 1
    assert 92 <= STAND + 4 - lowest <= 102
    assert 56 <= air <= 61


def test_a_released_jump_is_lower(bench: Bench) -> None:
    bench.begin("flat").hold("B", 4)
    lowest = bench["y"]
    for _ in range(60):
        bench.hold()
        lowest = min(lowest, bench["y"])
    assert 25 < STAND + 4 - lowest < 60


def test_a_held_button_jumps_once(bench: Bench) -> None:
    bench.begin("flat").hold("B", 70)
    assert bench["grounded"]
    bench.hold("B", 30)
    assert bench["grounded"]


def test_steep_hill_needs_a_run_up(bench: Bench) -> None:
    top = STAND - 160
    bench.begin("steep").until("RIGHT", lambda b: b["y"] <= top + 2)
    bench.begin("steep")
    bench.until("RIGHT", lambda b: b["x"] >= 900)
    bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
    highest = STAND
    for _ in range(300):
        bench.hold("RIGHT")
        highest = min(highest, bench["y"])
    assert highest > top + 80


def test_gentle_hills_can_be_walked_from_standing(bench: Bench) -> None:
    for name, x, height in (("middle", 930, 96), ("gentle", 930, 64)):
        bench.begin(name)
        bench.until("RIGHT", lambda b, x=x: b["x"] >= x)
        bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
        bench.until("RIGHT", lambda b, h=height: b["y"] <= STAND - h)


def test_standing_on_a_steep_slope_slides_down(bench: Bench) -> None:
    bench.begin("steep").until("RIGHT", lambda b: b["angle"] == 32 and b["y"] < STAND - 40)
    bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
    x = bench["x"]
    bench.hold("", 40)
    assert bench["x"] < x - 10


def test_rolling_down_is_faster_than_running_down(bench: Bench) -> None:
    speeds = []
    for held in ("RIGHT", "DOWN"):
        bench.begin("half_pipe").until("RIGHT", lambda b: b["x"] >= 478)
        fastest = 0
        for _ in range(40):
            bench.hold(held)
            fastest = max(fastest, bench["ground_speed"])
        speeds.append(fastest)
    assert speeds[1] > speeds[0] + 300


def test_half_pipe_throws_one_out_of_its_far_side(bench: Bench) -> None:
    bench.begin("half_pipe").until("RIGHT", lambda b: b["x"] > 60 * 16 + 40)
    assert bench["y"] <= STAND


def test_roll_keeps_speed_longer(bench: Bench) -> None:
    bench.begin("flat").hold("RIGHT", 120).hold("DOWN", 60)
    assert bench["rolling"] and bench["ground_speed"] > 1000
    bench.until("", lambda b: not b["rolling"])
    assert bench["y"] == STAND


def test_dash_speed_grows_with_presses(bench: Bench) -> None:
    speeds = []
    for presses in (1, 4):
        bench.begin("flat").hold("DOWN", 4)
        for _ in range(presses):
            bench.hold("DOWN B", 4).hold("DOWN", 4)
        assert bench["charge"] == presses
        bench.hold("")
        speeds.append(bench["ground_speed"])
        assert bench["rolling"]
    assert 2000 < speeds[0] <= 2048 and 2780 < speeds[1] <= 2816


def test_low_tunnel_lets_only_a_ball_through(bench: Bench) -> None:
    bench.begin("tunnel").hold("RIGHT", 300)
    assert bench["x"] < 480
    bench.begin("tunnel").hold("RIGHT", 90).hold("DOWN RIGHT", 10)
    bench.until("RIGHT", lambda b: b["x"] > 650)
    bench.until("", lambda b: b["y"] == STAND and not b["rolling"])


def test_a_ball_stuck_in_a_tunnel_can_creep_out(bench: Bench) -> None:
    bench.begin("tunnel").until("RIGHT", lambda b: b["x"] > 440)
    bench.until("DOWN LEFT", lambda b: abs(b["ground_speed"]) < 200)
    bench.until("RIGHT", lambda b: b["x"] > 650, 1200) if bench["rolling"] else None
    assert not bench["dead"]


def test_one_way_floor_is_jumped_through_and_stood_on(bench: Bench) -> None:
    bench.begin("stacked").hold("RIGHT", 100).hold("RIGHT B", 60)
    assert bench["grounded"] and bench["y"] == STAND - 80
    bench.begin("stacked").hold("RIGHT", 100)
    assert bench["y"] == STAND


def test_ice_is_slow_to_start_and_to_stop(bench: Bench) -> None:
    bench.begin("ice").hold("RIGHT", 60)
    assert bench["ground_speed"] < 450
    bench.hold("RIGHT", 200)
    assert bench.until("", lambda b: b["ground_speed"] == 0, 900) > 400


def test_belts_carry(bench: Bench) -> None:
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


def test_the_tower_stops_and_the_level_s_left_border_too(bench: Bench) -> None:
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
    """Enter the loop at about `speed`; the greatest x within 300 frames of holding RIGHT."""
    bench.begin("loop").until("RIGHT", lambda b: b["x"] > 1000)
    while bench["x"] < 1272:
        bench.hold("RIGHT" if bench["ground_speed"] < speed else "")
    return bench["ground_speed"]


def test_loop_rejects_the_slow(bench: Bench) -> None:
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


def test_a_loop_is_passed_freely_to_the_left(bench: Bench) -> None:
    bench.begin("loop").until("RIGHT", lambda b: b["x"] > 1500)
    for _ in range(200):
        bench.hold("LEFT")
        assert not bench["in_loop"]
    assert bench["x"] < 1200


def test_spikes_scatter_the_rings_then_kill(bench: Bench) -> None:
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
