"""Evolution on the real emulator: results, resumed runs, and refused arguments."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import UserError
from agent.evolution.cma_es import Evolution
from agent.files import sha256
from agent.world_model.controller import Controller, n_parameters
from agent.world_model.packed_model import EVOLUTION_ARRAYS
from arena.environment.levels import select
from arena.evaluation.run_folder import RunFolderError
from tests.helpers.datasets import write_trained
from training import evolve
from training.runs.resume import TrainingError
from training.search.features import feature_sizes, logit_scale
from training.search.history import read_hall_of_fame
from training.search.imitation import read_imitation
from training.search.rollouts import (
    EARLY_STOP_STEPS,
    Rollout,
    open_world_model,
    play,
)
from training.search.search import Search


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    write_trained(folder)
    return folder


@pytest.fixture(scope="module")
def finished(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the debug preset, on two processes."""
    folder = tmp_path_factory.mktemp("evolve") / "run"
    assert run(trained, folder, "--workers", "2") == 0
    return folder


def run(trained: Path, folder: Path, *arguments: str) -> int:
    places = ["--vision", str(trained / "vision"), "--memory", str(trained / "memory")]
    return evolve.main(["--preset", "debug", *places, "--out", str(folder), *arguments])


def test_a_finished_run_has_all_its_files(finished: Path) -> None:
    result = json.loads((finished / "result.json").read_text())
    assert (result["stage"], result["generations"]) == ("evolve", 2)
    assert result["episodes"] == 2 * 4 + 1 + 2  # generations, the mean, the hall of fame
    assert result["steps"] == 11 * 40
    assert result["best_mean"]["generation"] == 2
    assert set(result["levels"]) == {"Airstriker-Genesis-v0:Level1"}
    names = {"generation", "candidate", "mean_return", "measured_return"}
    assert [set(entry) for entry in result["hall_of_fame"]] == [names] * 2
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").open()]
    assert [line["step"] for line in lines] == [1, 2]
    assert "return_of_mean" not in lines[0] and "return_of_mean" in lines[1]
    assert Evolution.load(finished).generation == 2


def test_a_resumed_run_equals_an_uninterrupted_one(
    trained: Path, finished: Path, tmp_path: Path
) -> None:
    run(trained, tmp_path, "--generations", "1", "--workers", "1")
    assert (tmp_path / EVOLUTION_ARRAYS).read_bytes() != (finished / EVOLUTION_ARRAYS).read_bytes()
    run(trained, tmp_path, "--workers", "1")
    assert (tmp_path / EVOLUTION_ARRAYS).read_bytes() == (finished / EVOLUTION_ARRAYS).read_bytes()
    ours, theirs = (json.loads((f / "result.json").read_text()) for f in (tmp_path, finished))
    for name in ("hall_of_fame", "levels", "generations"):
        assert ours[name] == theirs[name]


def test_the_deviation_of_a_weight_depends_on_the_size_of_its_feature(finished: Path) -> None:
    networks = finished / evolve.NETWORKS
    sizes = feature_sizes(open_world_model(networks), select("airstriker"), seed=1)
    n_features = Evolution.load(finished).n_parameters // 4 - 1
    assert sizes.shape == (n_features,) and sizes.max() > 0
    again = feature_sizes(open_world_model(networks), select("airstriker"), seed=1)
    np.testing.assert_array_equal(sizes, again)
    scaling = np.load(finished / EVOLUTION_ARRAYS)["scaling"]
    # CMA-ES has hardly adapted the deviations yet.
    np.testing.assert_allclose(scaling, logit_scale(sizes), rtol=0.1)


def test_the_scale_gives_every_logit_a_standard_deviation_of_1() -> None:
    sizes = np.array([5.0, 0.2, 130.0, 3.0])
    scale = logit_scale(sizes)
    assert scale.shape == (n_parameters(4),)
    noise = np.random.default_rng(1).standard_normal((2000, len(scale))) * scale
    logits = [Controller(row).logits(sizes.astype(np.float32)) for row in noise]
    deviations = np.std(logits, axis=0)
    # the size of the second feature is raised to 1.3, a hundredth of the largest
    np.testing.assert_allclose(deviations, np.sqrt((4 + (0.2 / 1.3) ** 2) / 5), rtol=0.06)


def test_a_level_can_not_be_for_training_and_validation(trained: Path, tmp_path: Path) -> None:
    level = "Airstriker-Genesis-v0:Level1"
    with pytest.raises(TrainingError, match=f"{level} is in --levels and in --validation"):
        run(trained, tmp_path / "run", "--validation", "airstriker")


def test_validation_levels_may_be_of_a_validation_set(trained: Path, tmp_path: Path) -> None:
    kept = "PangolinDash-Genesis:MeadowZone.Act3"
    assert run(trained, tmp_path / "run", "--validation", kept) == 0
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert isinstance(result["validation_return"], float)
    # The mean plays one training and one validation episode.
    assert result["episodes"] == 2 * 4 + 2 + 2
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").open()]
    assert lines[1]["return_of_mean_validation"] == result["validation_return"]
    with pytest.raises(TrainingError, match="belongs to pangolin-validation"):
        run(trained, tmp_path / "other", "--levels", kept)


def test_ctrl_c_ends_a_run_after_the_current_generation(
    trained: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_generation = Search.run_generation

    def interrupted(trial: Search, pool: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return run_generation(trial, pool)

    monkeypatch.setattr(Search, "run_generation", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(trained, tmp_path, "--workers", "1")
    assert (tmp_path / "checkpoints/00000001/DONE").exists()
    assert not (tmp_path / "result.json").exists()
    monkeypatch.undo()
    assert run(trained, tmp_path, "--workers", "1") == 0
    assert (tmp_path / EVOLUTION_ARRAYS).read_bytes() == (finished / EVOLUTION_ARRAYS).read_bytes()


def test_a_search_can_start_at_the_controller_that_m_learned(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "trained")
    out, path = tmp_path / "run", tmp_path / "trained/memory/result.json"
    imitate = ["--imitate", "--sigma0", "1e-6", "--generations", "1"]
    with pytest.raises(TrainingError, match="data without expert actions") as error:
        run(tmp_path / "trained", out, *imitate)
    assert "\n" not in str(error.value) and not out.exists()
    result = json.loads(path.read_text())
    result["held_out"]["expert_action_accuracy_held_out"] = 0.8
    path.write_text(json.dumps(result))
    run(tmp_path / "trained", out, *imitate)
    expected = read_imitation(tmp_path / "trained/memory")
    np.testing.assert_allclose(Evolution.load(out).mean, expected, atol=1e-4)
    assert np.abs(expected).max() > 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--memory", "{trained}/vision"], "is a run of 'train_vision'"),
        (["--memory", "nowhere"], "nowhere holds no finished run"),
        (["--vision", "{trained}/memory"], "is a run of 'train_memory'"),
        (["--ray-address", "auto"], "--ray-address"),
        (["--levels", "MeadowZone.Act99"], "Act99"),
        (["--validation", "airstriker"], "is in --levels and in --validation"),
    ],
)
def test_a_wrong_option_makes_no_folder(
    arguments: list[str], message: str, trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        run(trained, tmp_path / "a/run", *(text.format(trained=trained) for text in arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["vision", "memory"])
def test_damaged_weights_make_no_folder(name: str, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "trained")
    weights = tmp_path / "trained" / name / f"{name}.safetensors"
    weights.write_bytes(b"cut")
    for result in (tmp_path / "trained").glob("*/result.json"):  # damaged before it was hashed
        text = result.read_text().replace(sha256(trained / name / weights.name), sha256(weights))
        result.write_text(text)
    with pytest.raises(TrainingError, match="holds no weights"):
        run(tmp_path / "trained", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_hall_of_fame_of_another_model_is_refused(finished: Path) -> None:
    size = Evolution.load(finished).n_parameters
    hall_of_fame = read_hall_of_fame(finished, size)
    assert hall_of_fame.shape == (2, size) and hall_of_fame.dtype == np.float32
    with pytest.raises(TrainingError, match="controller has 7: run training.evolve"):
        read_hall_of_fame(finished, 7)


class Quiet:
    """An environment with one reward in the first step and none afterwards."""

    def __init__(self) -> None:
        self.steps = 0

    def reset(self) -> Any:
        return np.zeros((224, 320, 3), np.uint8)

    def step(self, buttons: Any) -> Any:
        self.steps += 1
        return self.reset(), float(self.steps == 1) * 600, self.steps == 1000, {}


class NoModel:
    def reset(self) -> None: ...

    def observe(self, frame: Any) -> Any:
        return np.zeros(3, np.float32)

    def remember(self, action: Any) -> None: ...


@pytest.mark.parametrize(
    ("threshold", "steps"), [(None, 1000), (1.0, EARLY_STOP_STEPS + 1), (2.5, EARLY_STOP_STEPS)]
)
def test_an_episode_without_reward_is_stopped_early(threshold: float | None, steps: int) -> None:
    act = lambda features: np.zeros(4, np.uint8)  # noqa: E731
    rollout = play(Quiet(), NoModel(), act, threshold)  # type: ignore[arg-type]
    assert rollout == Rollout(600.0, steps)


def test_networks_that_do_not_belong_together_are_refused(
    trained: Path, finished: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write_trained(other, seed=2)
    shutil.copytree(trained / "memory", tmp_path / "mixed/memory")
    shutil.copytree(other / "vision", tmp_path / "mixed/vision")
    with pytest.raises(TrainingError, match="was trained with another V"):
        run(tmp_path / "mixed", tmp_path / "run")
    shutil.copytree(finished, tmp_path / "copy")
    with pytest.raises(RunFolderError, match="another command"):
        run(other, tmp_path / "copy")
