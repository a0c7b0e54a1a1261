"""The search's gain: which controllers play, and the table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.errors import UserError
from agent.evolution.cma_es import Evolution
from agent.world_model.packed_model import NETWORKS, load
from benchmarks.scores import search_gain
from tests.helpers.contest_plays import packed
from tests.helpers.fake_pool import FakePool
from training.models.checkpoint import load_networks, save_networks
from training.models.untrained import random_networks
from training.search.rollouts import Rollout, RolloutRequest

SETS = ("PangolinDash-Genesis:MeadowZone.Act1", "PangolinDash-Genesis:CanyonZone.Act3")


def fake_rollout(task: RolloutRequest) -> Rollout:
    """The mean scores 5 more than the expert actions; the second level adds 100."""
    score = 5.0 * task.candidate + 100.0 * (task.level.name == SETS[1]) + task.seed % 10
    return Rollout(score, 10)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = packed(tmp_path / "model")
    save_networks(folder / NETWORKS, *random_networks(load(folder).spec))
    return folder


def test_both_controllers_play_the_same(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = FakePool(fake_rollout)
    monkeypatch.setattr(search_gain, "Pool", pool)
    out = tmp_path / "results" / "gain.json"
    fixed = ["--pretrained", str(model), "--out", str(out), "--sets", ",".join(SETS)]
    search_gain.main([*fixed, "--episodes", "2"])
    played = [
        [(task.level.name, task.seed) for task in pool.played if task.candidate == number]
        for number in (0, 1)
    ]
    assert played[0] == played[1] and len(set(played[0])) == 4
    expert, mean = (
        next(task.parameters for task in pool.played if task.candidate == number)
        for number in (0, 1)
    )
    spec, head = load(model).spec, load_networks(model / NETWORKS)[1].expert_action
    rows = expert[:-4].reshape(4, -1)
    seen = spec.latent + spec.hidden
    np.testing.assert_array_equal(rows[:, :seen], head.weight.detach().numpy())
    np.testing.assert_array_equal(expert[-4:], head.bias.detach().numpy())
    assert not rows[:, seen:].any() and rows.shape[1] == spec.n_features
    np.testing.assert_array_equal(mean, Evolution.load(model).mean.astype(np.float32))
    result = json.loads(out.read_text())
    assert result["returns"][SETS[1]][search_gain.CONTROLLERS[1]] == {SETS[1]: [105.0, 106.0]}
    shown = capsys.readouterr().out
    assert shown == search_gain.table(result) + "\n"
    rows_shown = [line.strip("| ").split(" | ") for line in shown.splitlines()[2:]]
    assert [row[0] for row in rows_shown] == [f"`{name}`, 1" for name in SETS]
    assert [row[3].split(" ")[0] for row in rows_shown] == ["+5", "+5"]
    assert rows_shown[0][1].startswith("0 (0 to 1)")


def test_mistakes_are_named(model: Path) -> None:
    with pytest.raises(UserError, match="--episodes is 0"):
        search_gain.main(["--pretrained", str(model), "--episodes", "0"])
    with pytest.raises(UserError, match="nowhere"):
        search_gain.main(["--pretrained", str(model), "--sets", "nowhere"])
