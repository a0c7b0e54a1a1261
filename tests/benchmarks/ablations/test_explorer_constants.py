"""The explorer's constants: which plays are made, and the effects that are fitted to them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.errors import UserError
from agent.explore.settings import DEFAULT_SETTINGS, ExplorerSettings
from arena.environment.levels import select
from benchmarks.ablations import explorer_constants
from benchmarks.ablations.explorer_constants import CONSTANTS, DrawnPlay, constants, drawn, effects
from benchmarks.ablations.explorer_play import BudgetPlayer, BudgetTask
from tests.helpers.contest_plays import packed
from tests.helpers.fake_pool import FakePool

LEVELS = "PangolinDash-Genesis:MeadowZone.Act1,PangolinDash-Genesis:CanyonZone.Act1"
PARTS = {"most_points", "highest_mean_speed", "end_points", "held_buttons"}  # not measured


def plays(number: int) -> list[DrawnPlay]:
    """Plays whose score depends on the level and on two constants, with some noise."""
    random = np.random.default_rng(1)
    made = []
    for seed in range(number):
        for level, base in (("a", 1000.0), ("b", 3000.0)):
            higher = drawn(level, seed)
            score = base + 400 * higher[0] - 250 * higher[2] + random.normal(0, 50)
            made.append(DrawnPlay(level, seed, higher, (score - 10, score + 10)))
    return made


def test_every_constant_has_a_lower_and_a_higher_value_around_its_default() -> None:
    assert set(CONSTANTS) | PARTS == set(ExplorerSettings.__dataclass_fields__)
    for name, (lower, higher) in CONSTANTS.items():
        default = getattr(DEFAULT_SETTINGS, name)
        assert lower <= default <= higher and lower != higher, name
    ExplorerSettings(**constants(drawn("a", 1)))


def test_the_fit_finds_the_effects_and_their_intervals() -> None:
    found = {name: (effect, half) for name, effect, half in effects(plays(60))}
    first, _, third = list(CONSTANTS)[:3]
    assert abs(found[first][0] - 400) < found[first][1] * 1.5
    assert abs(found[third][0] + 250) < found[third][1] * 1.5
    others = [pair for name, pair in found.items() if name not in (first, third)]
    inside = sum(abs(effect) <= half for effect, half in others)
    assert inside >= len(others) - 4  # one in twenty lies outside by chance
    assert all(10 < half < 40 for _, half in found.values())


def test_too_few_plays_have_no_effects() -> None:
    assert effects(plays(10)) == []
    assert "too few" in explorer_constants.table(plays(10))


def test_the_same_command_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = FakePool(lambda task: [float(task.seed), 10.0])
    monkeypatch.setattr(explorer_constants, "Pool", pool)
    out, model = tmp_path / "constants.json", packed(tmp_path / "model")
    fixed = ["--levels", LEVELS, "--out", str(out), "--pretrained", str(model)]
    pool.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        explorer_constants.main([*fixed, "--seeds", "2"])
    pool.stop_after = 10**9
    explorer_constants.main([*fixed, "--seeds", "40"])
    played = [(task.level.name, task.seed) for task in pool.played]
    assert len(played) == len(set(played)) == 80
    task = pool.played[-1]
    assert task.constants == constants(drawn(task.level.name, task.seed))
    rows = json.loads(out.read_text())["rows"]
    assert len(rows) == 80 and rows[0]["returns"] == [1.0, 10.0]
    assert "80 plays on 2 levels" in capsys.readouterr().out
    with pytest.raises(UserError, match="budget_steps"):
        explorer_constants.main([*fixed, "--steps", "5"])


def test_held_out_levels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="validation"):
        explorer_constants.main(["--levels", "pangolin-validation", "--out", str(tmp_path / "x")])


def test_a_budget_in_process_has_the_returns_of_the_same_budget_through_the_socket() -> None:
    rows = json.loads(Path("results/play_settings.json").read_text())["rows"]
    row = next(
        row
        for row in rows
        if row["agent"] == "World Models (ours)" and len(row["returns"]) > 10 and row["seed"] == 1
    )
    steps = 3000
    played = BudgetPlayer(Path("pretrained"), steps)(BudgetTask(select(row["level"])[0], 1, {}))
    assert played and [round(value, 2) for value in played] == row["returns"][: len(played)]
