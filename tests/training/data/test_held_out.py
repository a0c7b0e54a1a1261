"""No stage trains on a level of a validation or test set."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from agent.command_line import run
from agent.errors import USER_ERROR_EXIT_CODE
from arena.environment.held_out import HELD_OUT_ENDINGS
from arena.environment.levels import level_sets, select
from tests.helpers.datasets import write_trained
from training import collect, evolve, train_memory, train_vision
from training.data.dataset import create_dataset
from training.data.episode_writer import EpisodeWriter
from training.runs.resume import TrainingError


@pytest.mark.parametrize("game", ["pangolin", "sonic"])
def test_training_and_evaluation_sets_share_no_level(game: str) -> None:
    sets = {name: levels for name, levels in level_sets().items() if name.startswith(f"{game}-")}
    assert f"{game}-train" in sets and len(sets) >= 3
    for one, other in combinations(sets, 2):
        ours, theirs = ({level.name for level in sets[name]} for name in (one, other))
        assert not ours & theirs, (one, other)
    assert all(name.endswith(HELD_OUT_ENDINGS) for name in sets if name != f"{game}-train")


@pytest.mark.parametrize("name", ["pangolin-validation", "pangolin-test", "sonic-validation"])
def test_collect_and_evolve_refuse_an_evaluation_set(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    with pytest.raises(SystemExit) as end:
        run(lambda: collect.main(["--out", str(out), "--levels", name]))
    error = capsys.readouterr().err
    assert end.value.code == USER_ERROR_EXIT_CODE
    assert error.count("\n") == 1 and f"belongs to {name}" in error and "--held-out" in error
    stages = ["--vision", str(tmp_path), "--memory", str(tmp_path)]
    with pytest.raises(TrainingError, match=f"belongs to {name}"):
        evolve.main([*stages, "--out", str(out), "--levels", f"pangolin-train,{name}"])
    assert not out.exists()


def test_held_out_data_can_be_collected_but_not_trained_on(tmp_path: Path) -> None:
    level = select("pangolin-validation")[0].name
    arguments = ["--levels", level, "--frames", "2", "--max-steps", "2", "--workers", "1"]
    assert collect.main(["--out", str(tmp_path / "data"), *arguments, "--held-out"]) == 0
    data = tmp_path / "mixed"
    create_dataset(data)
    for index, name in enumerate([level, "Square:Start"]):
        writer = EpisodeWriter(data, index)
        writer.append(np.zeros((224, 320, 3), np.uint8), np.zeros(4, np.uint8), 0.0, True)
        writer.commit(level=name, policy="random", seed=1)
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match="belongs to pangolin-validation"):
        train_vision.main(["--data", str(data), "--out", str(out)])
    vision, _ = write_trained(tmp_path / "trained")
    with pytest.raises(TrainingError, match="belongs to pangolin-validation"):
        train_memory.main(["--data", str(data), "--vision", str(vision), "--out", str(out)])
    assert not out.exists()
