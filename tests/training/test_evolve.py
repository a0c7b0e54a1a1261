"""Evolving on the real emulator: fair rollouts, records, and going on bit for bit."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.evolution import Evolution
from agent.world_model.controller import Controller, n_parameters
from agent.world_model.packed_model import EVOLUTION_ARRAYS
from arena.environment.levels import Level, select
from arena.evaluation.run_folder import RunFolderError
from tests.helpers.datasets import write_trained
from tests.helpers.small_models import TINY
from training import evolve
from training.runs.resume import TrainingError
from training.search.features import feature_sizes, logit_scale
from training.search.history import HALL_OF_FAME, read_hall_of_fame
from training.search.imitation import read_imitation
from training.search.rollouts import (
    EARLY_STOP_STEPS,
    Rollout,
    RolloutRequest,
    open_world_model,
    play,
)
from training.search.search import BEST_MEAN, Search, SearchSettings

BEST = Path(BEST_MEAN) / EVOLUTION_ARRAYS


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


def test_a_run_leaves_what_it_promises(finished: Path) -> None:
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


def test_interrupted_and_continued_equals_uninterrupted(
    trained: Path, finished: Path, tmp_path: Path
) -> None:
    run(trained, tmp_path, "--generations", "1", "--workers", "1")
    assert (tmp_path / EVOLUTION_ARRAYS).read_bytes() != (finished / EVOLUTION_ARRAYS).read_bytes()
    run(trained, tmp_path, "--workers", "1")
    assert (tmp_path / EVOLUTION_ARRAYS).read_bytes() == (finished / EVOLUTION_ARRAYS).read_bytes()
    ours, theirs = (json.loads((f / "result.json").read_text()) for f in (tmp_path, finished))
    for name in ("hall_of_fame", "levels", "generations"):
        assert ours[name] == theirs[name]


def test_the_noise_of_a_weight_is_measured_by_its_feature(finished: Path) -> None:
    networks = finished / evolve.NETWORKS
    sizes = feature_sizes(open_world_model(networks), select("airstriker"), seed=1)
    n_features = Evolution.load(finished).n_parameters // 4 - 1
    assert sizes.shape == (n_features,) and sizes.max() > 0
    again = feature_sizes(open_world_model(networks), select("airstriker"), seed=1)
    np.testing.assert_array_equal(sizes, again)
    scaling = np.load(finished / EVOLUTION_ARRAYS)["scaling"]
    np.testing.assert_allclose(scaling, logit_scale(sizes), rtol=0.1)  # hardly learnt on yet


def test_the_scale_moves_every_logit_by_one() -> None:
    sizes = np.array([5.0, 0.2, 130.0, 3.0])
    scale = logit_scale(sizes)
    assert scale.shape == (n_parameters(4),)
    noise = np.random.default_rng(1).standard_normal((2000, len(scale))) * scale
    logits = [Controller(row).logits(sizes.astype(np.float32)) for row in noise]
    deviations = np.std(logits, axis=0)
    # the second feature is taken for 1.3, a hundredth of the largest
    np.testing.assert_allclose(deviations, np.sqrt((4 + (0.2 / 1.3) ** 2) / 5), rtol=0.06)


class FakePool:
    """Plays by a function in this process; remembers the tasks."""

    def __init__(self, score: Callable[[RolloutRequest], float]) -> None:
        self.score = score
        self.tasks: list[RolloutRequest] = []

    def run(self, tasks: list[RolloutRequest]) -> list[tuple[RolloutRequest, Rollout]]:
        self.tasks += tasks
        return [(task, Rollout(self.score(task), 10)) for task in reversed(tasks)]


def search(folder: Path, levels: list[Level], **changes: Any) -> Search:
    return Search(folder, SearchSettings(**changes), levels, n_features=5)


def test_all_candidates_of_a_generation_play_the_same_episodes(tmp_path: Path) -> None:
    levels = [Level("Game", f"State{number}") for number in range(6)]
    pool = FakePool(lambda task: 0.0)
    trial = search(
        tmp_path, levels, population=5, episodes=3, levels_per_generation=2, mean_every=100
    )
    generations = []
    for _ in range(8):
        pool.tasks.clear()
        trial.run_generation(pool)  # type: ignore[arg-type]
        of_each = [
            [(task.level.name, task.seed) for task in pool.tasks if task.candidate == candidate]
            for candidate in range(5)
        ]
        assert len(of_each[0]) == 6 and all(played == of_each[0] for played in of_each)
        generations.append(of_each[0])
    assert len({level for played in generations for level, _ in played}) == 6
    assert len({seed for played in generations for _, seed in played}) == 3 * len(generations)


def test_a_curriculum_opens_the_next_level_once_one_is_beaten(tmp_path: Path) -> None:
    """The best candidate's mean on the newest level counts, over its episodes."""
    levels = [Level("Game", f"State{number}") for number in range(4)]
    worth = {level.name: 0.0 for level in levels}
    lucky: dict[str, float] = {}

    def score(task: RolloutRequest) -> float:
        return worth[task.level.name] + (lucky.get(task.level.name, 0.0) if task.seed % 2 else 0.0)

    changes: dict[str, Any] = {"population": 4, "levels_per_generation": 3, "mean_every": 100}
    pool = FakePool(score)
    trial = search(tmp_path, levels, curriculum=500.0, **changes)

    def generation() -> list[str]:
        values = trial.run_generation(pool)  # type: ignore[arg-type]
        assert values["levels_opened"] == max(int(name[-1]) for name in values["levels"]) + 1
        return [name[-1] for name in values["levels"]]

    assert [generation(), generation()] == [["0"], ["0"]]
    worth["Game:State0"] = 500.0
    assert [generation(), generation()] == [["0"], ["1", "0"]]
    lucky["Game:State1"] = 900.0  # the mean of two episodes, one of them lucky at best, or both
    worth["Game:State1"] = -500.0
    assert [generation(), generation()] == [["1", "0"], ["1", "0"]]
    trial.save()
    trial = search(tmp_path, levels, curriculum=500.0, **changes)
    worth["Game:State1"] = worth["Game:State2"] = worth["Game:State3"] = 600.0
    lucky.clear()
    assert generation() == ["1", "0"]
    assert [sorted(generation()), generation()[0]] == [["0", "1", "2"], "3"]
    assert trial.history.levels_opened == 4  # there is no other to open
    others = {name for _ in range(10) for name in generation()[1:]}
    assert others == {"0", "1", "2"}


def generation_without_times(trial: Search, pool: FakePool) -> dict[str, Any]:
    values = trial.run_generation(pool)  # type: ignore[arg-type]
    return {
        name: value
        for name, value in values.items()
        if name not in ("seconds", "steps_per_second") and not name.startswith("record/")
    }


def test_validation_levels_are_measured_and_change_nothing_else(tmp_path: Path) -> None:
    levels, kept = [Level("Game", "State")], [Level("Game", "Kept"), Level("Game", "Apart")]
    plain, measured = tmp_path / "plain", tmp_path / "measured"
    trials = []
    for folder, validation in ((plain, []), (measured, kept)):
        folder.mkdir()
        settings = SearchSettings(mean_every=2)
        trials.append(Search(folder, settings, levels, 5, validation=validation))
    pool = FakePool(lambda task: -1.0 if task.level in kept else float(task.parameters.sum()))
    lines = [[generation_without_times(trial, pool) for _ in range(4)] for trial in trials]
    assert [line.pop("return_of_mean_validation", None) for line in lines[1]] == [None, -1.0] * 2
    assert lines[0] == lines[1]
    assert trials[0].history.best_mean == trials[1].history.best_mean
    np.testing.assert_array_equal(trials[0].evolution.ask(), trials[1].evolution.ask())
    assert {task.level.name for task in pool.tasks} == {"Game:State", "Game:Kept", "Game:Apart"}


def test_a_level_can_not_be_for_training_and_validation(trained: Path, tmp_path: Path) -> None:
    level = "Airstriker-Genesis-v0:Level1"
    with pytest.raises(TrainingError, match=f"{level} is in --levels and in --validation"):
        run(trained, tmp_path / "run", "--validation", "airstriker")


def test_validation_levels_may_be_of_a_validation_set(trained: Path, tmp_path: Path) -> None:
    kept = "PangolinDash-Genesis:MeadowZone.Act3"
    assert run(trained, tmp_path / "run", "--validation", kept) == 0
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert isinstance(result["validation_return"], float)
    assert result["episodes"] == 2 * 4 + 2 + 2  # the mean plays one on each side
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").open()]
    assert lines[1]["return_of_mean_validation"] == result["validation_return"]
    with pytest.raises(TrainingError, match="belongs to pangolin-validation"):
        run(trained, tmp_path / "other", "--levels", kept)


def test_the_search_climbs_and_keeps_what_was_best(tmp_path: Path) -> None:
    pool = FakePool(lambda task: -float(np.square(task.parameters - 2).sum()))
    trial = search(tmp_path, [Level("Game", "State")], population=16, mean_every=1)
    first = trial.run_generation(pool)["return_of_mean"]  # type: ignore[arg-type]
    means = [trial.run_generation(pool)["return_of_mean"] for _ in range(60)]  # type: ignore[arg-type]
    assert max(means) > 0.3 * first and trial.history.best_mean is not None
    best = trial.history.best_mean
    assert best["mean_return"] == max(means)
    kept = Evolution.load(tmp_path / BEST_MEAN)
    assert kept.generation == best["generation"]
    assert -np.square(kept.mean.astype(np.float32) - 2).sum() == pytest.approx(max(means))
    hall_of_fame = [entry["mean_return"] for entry in trial.history.hall_of_fame]
    assert hall_of_fame == sorted(hall_of_fame, reverse=True) and len(hall_of_fame) == HALL_OF_FAME
    assert trial.history.levels["Game:State"] >= hall_of_fame[0]
    trial.save()
    again = search(tmp_path, [Level("Game", "State")], population=16)
    np.testing.assert_array_equal(again.evolution.ask(), trial.evolution.ask())
    assert again.history.values() == trial.history.values()
    np.testing.assert_array_equal(
        again.history.hall_of_fame_parameters, trial.history.hall_of_fame_parameters
    )


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


def test_the_champion_is_the_best_when_measured_again(tmp_path: Path) -> None:
    """A candidate whose first return was luck loses its place."""
    pool = FakePool(lambda task: float(task.parameters[0]))
    trial = search(tmp_path, [Level("Game", "State")], mean_every=100, episodes=1)
    for _ in range(3):
        trial.run_generation(pool)  # type: ignore[arg-type]
    before = [parameters[0] for parameters in trial.history.hall_of_fame_parameters]
    assert before == sorted(before, reverse=True)
    pool.score = lambda task: -float(task.parameters[0])
    trial.measure_hall_of_fame(pool)  # type: ignore[arg-type]
    assert [parameters[0] for parameters in trial.history.hall_of_fame_parameters] == before[::-1]
    measured = [entry["measured_return"] for entry in trial.history.hall_of_fame]
    assert measured == sorted(measured, reverse=True)


def test_a_search_can_start_at_the_controller_that_m_learned(trained: Path, tmp_path: Path) -> None:
    run(trained, tmp_path, "--imitate", "--sigma0", "1e-6", "--generations", "1")
    expected = read_imitation(trained / "memory", TINY)
    np.testing.assert_allclose(Evolution.load(tmp_path).mean, expected, atol=1e-4)
    assert np.abs(expected).max() > 0.01


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
    with pytest.raises(TrainingError, match="--episodes is 0"):
        run(trained, tmp_path / "new", "--episodes", "0")
