"""The movement of the player on the real emulator: running, jumping, slopes, rolling, dashing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from game.format import Cell, LevelData, Picture
from tests.helpers.game_world import FLOOR, Bench, flat, level

STAND = FLOOR - 15
ROW = FLOOR // 16


def hill(kind: str, steps: int) -> Picture:
    """Return a flat floor, a rising slope from column 60 and a plateau."""
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
    """Return a flat floor with a half-pipe from column 30."""
    cells = flat(rows=50)
    for step in range(6):
        row = ROW + step
        cells[row, 30 + step : 60 - step] = 0
        cells[row, 30 + step] = Cell.S45_DOWN
        cells[row, 59 - step] = Cell.S45_UP
    return cells


def tunnel() -> Picture:
    """Return a floor with a tunnel 24 pixels high, from column 30 to 39."""
    cells = flat()
    cells[ROW - 12 : ROW - 2, 30:40] = Cell.SOLID
    cells[ROW - 2, 30:40] = Cell.HALF_CEIL
    return cells


def stacked() -> Picture:
    """Return a floor with a one-way floor above it."""
    cells = flat()
    cells[ROW - 5, 20:60] = Cell.ONEWAY
    return cells


LEVELS: dict[str, LevelData] = {
    "flat": level(flat(400)),
    "steep": level(hill("45", 10)),
    "middle": level(hill("22", 6)),
    "gentle": level(hill("14", 4)),
    "half_pipe": level(half_pipe()),
    "tunnel": level(tunnel()),
    "stacked": level(stacked()),
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


def test_braking_is_stronger_than_friction(bench: Bench) -> None:
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


def test_a_half_pipe_throws_the_player_out_of_its_far_side(bench: Bench) -> None:
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
