"""The engine's objects on the real emulator: springs, platforms, enemies, rings, bubbles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from game.format import Cell, Kind, LevelData, Obj
from tests.helpers.game_world import FLOOR, Bench, flat, level

STAND = FLOOR - 15


def one(kind: Kind, x: int, arg: int = 0, arg2: int = 0, y: int = FLOOR) -> tuple[Obj, ...]:
    return (Obj(kind, x, y, arg, arg2),)


def over_a_pit(*objects: Obj) -> LevelData:
    cells = flat()
    cells[FLOOR // 16 :, 12:60] = Cell.EMPTY
    return level(cells, objects)


RINGS = tuple((140 + 16 * i, FLOOR - 16) for i in range(5))

LEVELS: dict[str, LevelData] = {
    "up0": level(objects=one(Kind.SPRING_UP, 200)),
    "up2": level(objects=one(Kind.SPRING_UP, 200, 2)),
    "right": level(objects=one(Kind.SPRING_RIGHT, 200, 2)),
    "left": level(objects=one(Kind.SPRING_LEFT, 400, 0)),
    "upright": level(objects=one(Kind.SPRING_UPRIGHT, 200, 1)),
    "upleft": level(objects=one(Kind.SPRING_UPLEFT, 400, 1)),
    "platform_h": over_a_pit(Obj(Kind.PLATFORM_H, 300, FLOOR, 10, 128)),
    "platform_v": level(objects=one(Kind.PLATFORM_V, 160, 6, 0, FLOOR - 64)),
    "platform_fall": over_a_pit(Obj(Kind.PLATFORM_FALL, 216, FLOOR)),
    "patroller": level(objects=one(Kind.PATROLLER, 260, 4)),
    "with_rings": level(objects=one(Kind.PATROLLER, 300, 0), rings=RINGS),
    "flyer": level(objects=one(Kind.FLYER, 200, 2, 4, FLOOR - 70)),
    "shooter": level(objects=one(Kind.SHOOTER, 300, 0, 10)),
    "hopper": level(objects=one(Kind.HOPPER, 260, 6)),
    "rings": level(rings=RINGS),
    "bubbles": level(objects=one(Kind.AIR, 130), water_y=FLOOR - 160),
}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.of(LEVELS) as made:
        yield made


def highest(bench: Bench, held: str, frames: int) -> int:
    """Hold buttons for some frames; return the smallest y, in pixels."""
    least = bench["y"]
    for _ in range(frames):
        bench.hold(held)
        least = min(least, bench["y"])
    return least


@pytest.mark.parametrize(("name", "height"), [("up0", 220), ("up2", 430)])
def test_springs_throw_up(bench: Bench, name: str, height: int) -> None:
    bench.begin(name).until("RIGHT", lambda b: b["y_speed"] < -2000)
    assert STAND - highest(bench, "", 100) == pytest.approx(height, abs=12)


def test_springs_push_along_the_floor(bench: Bench) -> None:
    bench.begin("right").until("RIGHT", lambda b: b["ground_speed"] > 3000)
    assert bench["lock"] > 0
    bench.begin("left").until("RIGHT", lambda b: b["ground_speed"] < -1900)
    assert bench["lock"] > 0
    bench.hold("RIGHT", 10)
    assert bench["ground_speed"] < -1700


def test_diagonal_springs(bench: Bench) -> None:
    bench.begin("upright").until("RIGHT", lambda b: b["y_speed"] < -2500)
    assert bench["x_speed"] > 2200
    bench.begin("upleft").until("RIGHT", lambda b: b["y_speed"] < -2500)
    assert bench["x_speed"] < -2200


def test_a_moving_platform_carries(bench: Bench) -> None:
    bench.begin("platform_h")
    bench.until("RIGHT", lambda b: b["x"] > 150)
    bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
    while (bench["frame"] % 256) not in range(55, 60):
        bench.hold("")
    bench.hold("RIGHT B", 28)
    bench.until("B", lambda b: b["on_platform"] > 0 or b["dead"] == 1)
    assert bench["on_platform"] and bench["grounded"]
    bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
    left = bench["x"]
    bench.hold("", 70)
    assert bench["x"] > left + 40 and bench["on_platform"]
    bench.hold("B", 10)
    assert not bench["on_platform"]


def test_a_platform_lifts(bench: Bench) -> None:
    bench.begin("platform_v").hold("RIGHT", 40)
    bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
    while bench["x"] < 145:
        bench.hold("RIGHT", 2)
    bench.until("", lambda b: b["ground_speed"] == 0)
    while not bench["on_platform"]:
        bench.hold("B", 45)
        bench.until("", lambda b: b["grounded"] == 1)
        assert bench["frame"] < 900
    ys = []
    for _ in range(256):
        bench.hold("")
        assert bench["on_platform"]
        ys.append(bench["y"])
    assert max(ys) - min(ys) == pytest.approx(96, abs=2)


def test_a_falling_platform_falls(bench: Bench) -> None:
    bench.begin("platform_fall")
    bench.until("RIGHT", lambda b: b["x"] > 216)
    assert bench["on_platform"]
    bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
    bench.hold("", 10)
    assert bench["on_platform"] and bench["y"] == STAND
    bench.until("", lambda b: b["y"] > STAND + 60)
    bench.until("", lambda b: b["dead"] == 1)


@pytest.mark.parametrize("name", ["patroller", "hopper"])
def test_enemies_hurt_a_walking_player(bench: Bench, name: str) -> None:
    bench.begin(name).until("RIGHT", lambda b: b["dead"] == 1)
    assert bench["lives"] == 2 and bench.done


@pytest.mark.parametrize("name", ["patroller", "hopper", "shooter"])
def test_a_rolling_player_kills_enemies(bench: Bench, name: str) -> None:
    bench.begin(name).hold("DOWN", 4).hold("DOWN B", 4).hold("", 30)
    assert bench["score"] == 100 and not bench["dead"]


def test_a_jump_kills_a_flyer_and_bounces(bench: Bench) -> None:
    bench.begin("flyer").until("RIGHT", lambda b: b["x"] > 150)
    bench.hold("RIGHT B", 30)
    bench.until("", lambda b: b["grounded"] == 1)
    assert bench["score"] == 100 and not bench["dead"]


def test_shots_hurt(bench: Bench) -> None:
    bench.begin("shooter").hold("RIGHT", 40)
    bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
    bench.until("", lambda b: b["dead"] == 1, 300)
    assert bench["x"] < 260


def test_hurt_with_rings_scatters_them_and_some_can_be_caught(bench: Bench) -> None:
    bench.begin("with_rings").until("RIGHT", lambda b: b["invincible"] > 0)
    assert bench["rings"] == 0 and bench["lives"] == 3
    assert bench["x_speed"] < 0
    best = 0
    for held in ("RIGHT", "LEFT", "RIGHT", "LEFT"):
        for _ in range(30):
            bench.hold(held)
            best = max(best, bench["rings"])
    assert best >= 1


def test_rings_are_taken_once(bench: Bench) -> None:
    bench.begin("rings").hold("RIGHT", 90)
    assert bench["rings"] == 5 and bench["score"] == 50
    bench.hold("LEFT", 150)
    assert bench["rings"] == 5


def test_bubbles_refill_the_air(bench: Bench) -> None:
    bench.begin("bubbles").hold("RIGHT", 30)
    bench.until("LEFT", lambda b: b["ground_speed"] <= 0)
    seen = [bench["air"]]
    for _ in range(500):
        bench.hold("")
        seen.append(bench["air"])
    assert any(after > before + 50 for before, after in zip(seen, seen[1:], strict=False))
