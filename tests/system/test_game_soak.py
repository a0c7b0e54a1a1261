"""Random buttons in all shipped levels: no exception, no lost frame, the player stays inside."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import game
from tests.helpers.game_world import Bench

INTEGRATIONS = Path(game.__file__).parent / "integrations"
FRAMES_PER_LEVEL = 2100  # more than 100,000 frames for all 59 levels
HOLDS = ("RIGHT", "RIGHT B", "DOWN", "DOWN B", "LEFT", "LEFT B", "UP START A", "RIGHT LEFT", "")
ODDS = (0.3, 0.25, 0.1, 0.1, 0.08, 0.07, 0.02, 0.03, 0.05)


def soak(bench: Bench, frames: int, random: np.random.Generator) -> tuple[int, int]:
    """Play a level; return the highest CPU load in lines and the number of restarts."""
    load, starts, played = 0, 0, 0
    while played < frames:
        before = bench["frame"]
        hold = str(random.choice(HOLDS, p=ODDS))
        if random.random() < 0.2:  # any combination of buttons
            hold = " ".join(np.array(["B", "A", "C", "UP", "DOWN", "LEFT", "RIGHT", "X"])[
                random.random(8) < 0.5
            ])  # fmt: skip
        length = int(random.integers(1, 40))
        bench.hold(hold, length)
        played += length
        load = max(load, bench["load"])
        assert 0 < bench["x"] < bench["level_width"], bench.all()
        assert bench["y"] < bench["level_height"] + 500, bench.all()
        assert bench["frame"] > before, bench.all()
        if random.random() < 0.05:
            bench.poke("rings", 30)
        if bench.done:
            bench.env.reset()
            bench.done = False
            starts += 1
    return load, starts


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PangolinDash-Genesis", "PangolinDashFinal-Genesis"])
def test_soak_of_the_shipped_levels(name: str) -> None:
    random = np.random.default_rng(2018)
    loads = {}
    with Bench(INTEGRATIONS / name) as bench:
        for path in sorted((INTEGRATIONS / name).glob("*.state")):
            bench.env.initial_state = gzip.decompress(path.read_bytes())
            bench.env.reset()
            bench.done = False
            loads[path.stem], _ = soak(bench, FRAMES_PER_LEVEL, random)
    # A line is 488 of the 128,000 cycles of a frame; the logic has 224 lines before vertical blank.
    assert max(loads.values()) < 215, loads
