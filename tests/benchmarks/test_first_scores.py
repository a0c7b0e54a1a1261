"""The scores' file: every player on the same seeds, reproducible, tied to its model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.errors import UserError
from agent.files import sha256
from agent.world_model.packed_model import EVOLUTION_ARRAYS
from benchmarks.scores import first_scores
from tests.helpers.small_models import TINY, write_random_pretrained


def test_scores_are_raw_and_reproducible(tmp_path: Path) -> None:
    pretrained = write_random_pretrained(tmp_path / "pretrained", spec=TINY)
    found = []
    for name, workers in (("a.json", "1"), ("b.json", "2")):
        out = tmp_path / name
        places = ["--pretrained", str(pretrained), "--out", str(out), "--workers", workers]
        assert first_scores.main([*places, "--episodes", "2", "--max-steps", "120"]) == 0
        found.append(json.loads(out.read_text()))
    first, second = found
    assert first["returns"] == second["returns"]
    assert first["evolution_sha256"] == sha256(pretrained / EVOLUTION_ARRAYS)
    assert set(first["players"]) == set(first_scores.PLAYERS)
    for name, player in first["players"].items():
        episodes = first["returns"][name]["Airstriker-Genesis-v0:Level1"]
        assert len(episodes) == player["episodes"] == 2
        returns = [episode["episode_return"] for episode in episodes]
        assert player["mean"] == pytest.approx(np.mean(returns))
        low, high = player["interval"]
        assert low <= player["mean"] <= high
    assert first["players"]["random, B DOWN LEFT RIGHT"]["highest"] > 0


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="1 episodes: give 2 or more"):
        first_scores.main(["--episodes", "1"])
    pretrained = write_random_pretrained(tmp_path / "pretrained", spec=TINY)
    nowhere = str(tmp_path / "none/scores.json")
    with pytest.raises(UserError, match="none can't be written"):
        first_scores.main(["--pretrained", str(pretrained), "--out", nowhere])
