"""The settings that differ are named in one line, as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from arena.environment.levels import Level
from arena.evaluation.differences import differences

A, B, C = (Level("Game", name).to_json() for name in "ABC")


@pytest.mark.parametrize(
    ("there", "now", "line"),
    [
        ({"seed": 1, "levels": [A]}, {"seed": 1, "levels": [A]}, ""),
        ({"seed": 1, "steps": 2}, {"seed": 3, "steps": 4}, "seed: 1 -> 3; steps: 2 -> 4"),
        ({"agent": {"seed": None, "explore": True}}, {"agent": {"seed": 5, "explore": False}},
         "agent.seed: none -> 5; agent.explore: yes -> no"),
        ({"levels": [A, B]}, {"levels": [A, C]}, "levels: Game:B -> Game:C"),
        ({"levels": [A, B]}, {"levels": [A]}, "levels: Game:B -> none"),
        ({"levels": [A, B]}, {"levels": [B, A]}, "levels: Game:A, Game:B -> Game:B, Game:A"),
        ({"agent": {"kind": "local", "rule": "x"}}, {"agent": {"kind": "image", "image": "y"}},
         "agent.kind: local -> image"),
        ({"rule": "x"}, {"image": "y"}, "image: none -> y; rule: x -> none"),
        (dict.fromkeys("abcdefg", 1), dict.fromkeys("abcdefg", 2),
         "a: 1 -> 2; b: 1 -> 2; c: 1 -> 2; d: 1 -> 2; e: 1 -> 2; and 2 more"),
    ],
)  # fmt: skip
def test_settings_that_differ_are_named(there: Any, now: Any, line: str) -> None:
    assert differences(there, now) == line


def test_long_values_are_shortened() -> None:
    levels = [Level("Game", str(number)).to_json() for number in range(300)]
    line = differences({"levels": levels, "data": "x" * 5000}, {"levels": [], "data": ""})
    assert len(line) < 250 and "\n" not in line
