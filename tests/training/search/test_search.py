"""The search for controllers on synthetic returns: levels, curriculum, history and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.evolution.cma_es import Evolution
from arena.environment.levels import Level
from training.search.history import HALL_OF_FAME
from training.search.rollouts import Rollout, RolloutRequest
from training.search.search import BEST_MEAN, Search, SearchSettings


class ScoringPool:
    """Scores tasks with a function in this process, and records the tasks."""

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
    pool = ScoringPool(lambda task: 0.0)
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
    """The criterion is the best candidate's mean return over its episodes on the newest level."""
    levels = [Level("Game", f"State{number}") for number in range(4)]
    worth = {level.name: 0.0 for level in levels}
    lucky: dict[str, float] = {}

    def score(task: RolloutRequest) -> float:
        return worth[task.level.name] + (lucky.get(task.level.name, 0.0) if task.seed % 2 else 0.0)

    changes: dict[str, Any] = {"population": 4, "levels_per_generation": 3, "mean_every": 100}
    pool = ScoringPool(score)
    trial = search(tmp_path, levels, curriculum=500.0, **changes)

    def generation() -> list[str]:
        values = trial.run_generation(pool)  # type: ignore[arg-type]
        assert values["levels_opened"] == max(int(name[-1]) for name in values["levels"]) + 1
        return [name[-1] for name in values["levels"]]

    assert [generation(), generation()] == [["0"], ["0"]]
    worth["Game:State0"] = 500.0
    assert [generation(), generation()] == [["0"], ["1", "0"]]
    lucky["Game:State1"] = 900.0  # added in a lucky episode; the mean is over two episodes
    worth["Game:State1"] = -500.0
    assert [generation(), generation()] == [["1", "0"], ["1", "0"]]
    trial.save()
    trial = search(tmp_path, levels, curriculum=500.0, **changes)
    worth["Game:State1"] = worth["Game:State2"] = worth["Game:State3"] = 600.0
    lucky.clear()
    assert generation() == ["1", "0"]
    assert [sorted(generation()), generation()[0]] == [["0", "1", "2"], "3"]
    assert trial.history.levels_opened == 4  # there are no more levels
    others = {name for _ in range(10) for name in generation()[1:]}
    assert others == {"0", "1", "2"}


def generation_without_times(trial: Search, pool: ScoringPool) -> dict[str, Any]:
    values = trial.run_generation(pool)  # type: ignore[arg-type]
    return {
        name: value
        for name, value in values.items()
        if name not in ("seconds", "steps_per_second") and not name.startswith("record/")
    }


def test_validation_levels_do_not_change_the_search(tmp_path: Path) -> None:
    levels, kept = [Level("Game", "State")], [Level("Game", "Kept"), Level("Game", "Apart")]
    plain, measured = tmp_path / "plain", tmp_path / "measured"
    trials = []
    for folder, validation in ((plain, []), (measured, kept)):
        folder.mkdir()
        settings = SearchSettings(mean_every=2)
        trials.append(Search(folder, settings, levels, 5, validation=validation))
    pool = ScoringPool(lambda task: -1.0 if task.level in kept else float(task.parameters.sum()))
    lines = [[generation_without_times(trial, pool) for _ in range(4)] for trial in trials]
    assert [line.pop("return_of_mean_validation", None) for line in lines[1]] == [None, -1.0] * 2
    assert lines[0] == lines[1]
    assert trials[0].history.best_mean == trials[1].history.best_mean
    np.testing.assert_array_equal(trials[0].evolution.ask(), trials[1].evolution.ask())
    assert {task.level.name for task in pool.tasks} == {"Game:State", "Game:Kept", "Game:Apart"}


def test_the_search_improves_and_keeps_the_best(tmp_path: Path) -> None:
    pool = ScoringPool(lambda task: -float(np.square(task.parameters - 2).sum()))
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


def test_the_champion_is_the_best_when_measured_again(tmp_path: Path) -> None:
    """A candidate whose first return was lucky is no longer the champion."""
    pool = ScoringPool(lambda task: float(task.parameters[0]))
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
