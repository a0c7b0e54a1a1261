"""The loop over episodes on a fake environment: order of calls, journal, candidates, explorer."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agent.buttons import press
from agent.evolution import candidates as candidates_module
from agent.evolution.candidates import Candidates
from agent.explore.explorer import Explorer
from agent.gym_remote.messages import TimestepTimeoutError
from agent.journal import Journal
from agent.lock_in.best_of import BestOf
from agent.lock_in.first_above import FirstAbove
from agent.play.budget import play

FEATURES = 3
PARAMETERS = 4 * (FEATURES + 1)


class ScriptedEnv:
    """Plays episodes of three steps with the given returns, then ends the run."""

    def __init__(self, returns: list[float]) -> None:
        self.calls: list[str] = []
        self._returns = iter(returns)
        self._left = 0

    def reset(self) -> np.ndarray:
        assert self._left == 0, "reset in mid-episode"
        self.calls.append("reset")
        self._left = 3
        try:
            self._return = next(self._returns)
        except StopIteration:
            raise TimestepTimeoutError(None) from None
        return np.zeros((224, 320, 3), np.uint8)

    def send_action(self, buttons: np.ndarray) -> None:
        assert self._left > 0, "step after done"
        assert buttons.shape == (12,)
        self.calls.append("send")

    def receive(self) -> tuple[np.ndarray, float, bool]:
        self.calls.append("receive")
        self._left -= 1
        done = self._left == 0
        return np.zeros((224, 320, 3), np.uint8), self._return if done else 0.0, done


class ScriptedModel:
    """Replaces V and M: constant features, and a record of the calls."""

    latent = 2

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def reset(self) -> None:
        self.calls.append("model_reset")

    def observe(self, frame: np.ndarray) -> np.ndarray:
        self.calls.append("observe")
        return np.ones(FEATURES, np.float32)

    def remember(self, action: np.ndarray) -> None:
        self.calls.append("remember")


class NumberedEvolution:
    """Numbers its candidates: every parameter of the n-th candidate drawn is n."""

    def __init__(self, population: int) -> None:
        self.n_parameters = PARAMETERS
        self.population = population
        self.drawn = 0

    def ask(self) -> np.ndarray:
        numbers = np.arange(self.drawn, self.drawn + self.population, dtype=np.float64)
        self.drawn += self.population
        return np.repeat(numbers[:, None], PARAMETERS, axis=1)


def run(returns: list[float], folder: Path, threshold: float = 2000, **more: Any) -> Any:
    env = ScriptedEnv(returns)
    candidates = Candidates(NumberedEvolution(population=2), **more)  # type: ignore[arg-type]
    with pytest.raises(TimestepTimeoutError):
        play(env, ScriptedModel(env.calls), candidates, FirstAbove(threshold), Journal(folder))  # type: ignore[arg-type]
    lines = (folder / "journal.jsonl").read_text().splitlines() if returns else []
    return SimpleNamespace(env=env, entries=[json.loads(line) for line in lines])


def test_the_memory_steps_between_sending_and_receiving(tmp_path: Path) -> None:
    calls = run([1.0], tmp_path).env.calls
    assert calls[:2] == ["reset", "model_reset"]
    assert calls[2:-1] == ["observe", "send", "remember", "receive"] * 3


def test_locks_onto_the_first_above_and_journals_it(tmp_path: Path) -> None:
    entries = run([5.0, 2001.0, 0.0, 7.0], tmp_path).entries
    assert [entry["candidate"] for entry in entries] == [0, 1, 1, 1]
    assert [entry["locked"] for entry in entries] == [False, False, True, True]
    assert [entry["episode_return"] for entry in entries] == [5.0, 2001.0, 0.0, 7.0]
    assert [entry["timesteps"] for entry in entries] == [4, 8, 12, 16]
    assert all(entry["length"] == 3 and entry["steps_per_second"] > 0 for entry in entries)


def test_the_journal_contains_the_seconds_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(call: Any, seconds: float) -> Any:
        def delayed(self: Any, *arguments: Any) -> Any:
            time.sleep(seconds)
            return call(self, *arguments)

        return delayed

    monkeypatch.setattr(ScriptedModel, "observe", slowly(ScriptedModel.observe, 0.02))
    monkeypatch.setattr(ScriptedModel, "remember", slowly(ScriptedModel.remember, 0.01))
    monkeypatch.setattr(ScriptedEnv, "receive", slowly(ScriptedEnv.receive, 0.03))
    (entry,) = run([1.0], tmp_path).entries
    seconds = entry["seconds"]
    assert seconds["vision"] >= 0.06 and seconds["memory"] >= 0.03 and seconds["waiting"] >= 0.09
    assert 0 <= seconds["controller"]
    assert sum(seconds.values()) <= entry["length"] / entry["steps_per_second"] + 1e-5


def test_a_folder_that_cannot_be_written_does_not_stop_the_play(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    journal = Journal(tmp_path / "file" / "out")
    env = ScriptedEnv([1.0])
    candidates = Candidates(NumberedEvolution(2))  # type: ignore[arg-type]
    with pytest.raises(TimestepTimeoutError):
        play(env, ScriptedModel(env.calls), candidates, FirstAbove(2000), journal)  # type: ignore[arg-type]
    printed = capsys.readouterr().err
    assert "event=no_journal" in printed
    assert "event=episode episode=0 candidate=0 episode_return=1" in printed


def test_a_disk_that_fills_up_ends_the_journal_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "journal.jsonl").symlink_to("/dev/full")
    journal = Journal(tmp_path)
    env = ScriptedEnv([1.0, 2.0])
    candidates = Candidates(NumberedEvolution(2))  # type: ignore[arg-type]
    with pytest.raises(TimestepTimeoutError):
        play(env, ScriptedModel(env.calls), candidates, FirstAbove(2000), journal)  # type: ignore[arg-type]
    printed = capsys.readouterr().err
    assert printed.count("event=journal_ends") == 1
    assert printed.count("event=episode ") == 2


def played(candidates: Candidates, index: int) -> int:
    """Return 0 for candidate 0 of `NumberedEvolution`, which presses nothing, and 1 for others."""
    action = candidates.controller(index).act(np.ones(FEATURES, np.float32))
    return int(action[0])


def test_candidates_are_drawn_population_by_population(tmp_path: Path) -> None:
    evolution = NumberedEvolution(population=2)
    candidates = Candidates(evolution)  # type: ignore[arg-type]
    drawn = []
    for index in range(5):
        candidates.controller(index)
        candidates.finished(index, 1.0)
        drawn.append(evolution.drawn)
    assert drawn == [2, 2, 4, 4, 6]
    assert run([1.0] * 5, tmp_path).entries[-1]["candidate"] == 4


def test_past_candidates_with_the_lowest_returns_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates_module, "CANDIDATES_KEPT", 2)
    candidates = Candidates(NumberedEvolution(2))  # type: ignore[arg-type]
    for index, episode_return in enumerate([9.0, 1.0, 8.0, 2.0, 3.0, 4.0]):
        candidates.controller(index)
        candidates.finished(index, episode_return)
    assert [played(candidates, index) for index in (0, 2, 4, 5)] == [0, 1, 1, 1]
    for dropped in (1, 3):
        with pytest.raises(AssertionError, match="dropped"):
            candidates.controller(dropped)


def test_a_rule_can_return_to_a_candidate_of_a_past_population(tmp_path: Path) -> None:
    env = ScriptedEnv([1.0, 9.0, 2.0, 3.0, 4.0, 5.0])
    candidates = Candidates(NumberedEvolution(population=2))  # type: ignore[arg-type]
    with pytest.raises(TimestepTimeoutError):
        play(env, ScriptedModel(env.calls), candidates, BestOf(5), Journal(tmp_path))  # type: ignore[arg-type]
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["candidate"] for line in lines] == [0, 1, 2, 3, 4, 1]


class RewardedEnv(ScriptedEnv):
    """Plays one episode with the given rewards, then ends the run."""

    def __init__(self, rewards: list[float]) -> None:
        super().__init__([0.0])
        self._rewards = rewards
        self.pressed: list[int] = []

    def reset(self) -> np.ndarray:
        frame = super().reset()
        self._left = len(self._rewards)
        return frame

    def send_action(self, buttons: np.ndarray) -> None:
        super().send_action(buttons)
        self.pressed.append(int(buttons.any()))

    def receive(self) -> tuple[np.ndarray, float, bool]:
        frame, _, done = super().receive()
        return frame, self._rewards[len(self._rewards) - self._left - 1], done


def test_the_explorer_chooses_first_and_records_what_was_pressed(tmp_path: Path) -> None:
    class RightFirst(Explorer):
        """Presses RIGHT in the first step, and leaves the others to the candidate."""

        def __init__(self) -> None:
            super().__init__()
            self.records: list[Any] = []

        def action(self, progress: float, latent: np.ndarray) -> np.ndarray | None:
            assert latent.tolist() == [1.0, 1.0]  # z of the features
            super().action(progress, latent)
            return None if self.records else press("RIGHT")

        def pressed(self, action: np.ndarray) -> None:
            super().pressed(action)
            self.records.append(action.tolist())

        def finished(self, episode_return: float) -> None:
            super().finished(episode_return)
            self.records.append(episode_return)

    env = RewardedEnv([1, 0, 9])
    candidates, explorer = Candidates(NumberedEvolution(population=3)), RightFirst()  # type: ignore[arg-type]
    model, journal = ScriptedModel(env.calls), Journal(tmp_path)
    with pytest.raises(TimestepTimeoutError):
        play(env, model, candidates, FirstAbove(5), journal, explorer)  # type: ignore[arg-type]
    entry = json.loads((tmp_path / "journal.jsonl").read_text())
    assert env.pressed == [1, 0, 0]  # candidate 0 presses nothing
    assert explorer.records == [[0, 0, 0, 1], [0] * 4, [0] * 4, 10.0]
    assert entry["returned_to"] == 0.0 and entry["episode_return"] == 10.0


def test_without_an_explorer_the_journal_does_not_mention_one(tmp_path: Path) -> None:
    (entry,) = run([1.0], tmp_path).entries
    assert "returned_to" not in entry and "origin" not in entry


def test_initial_candidates_play_before_the_draws(tmp_path: Path) -> None:
    initial = [("mean", np.full(PARAMETERS, 7.0)), ("hall_of_fame", np.full(PARAMETERS, 8.0))]
    entries = run([1.0, 2.0, 3.0, 4.0, 5.0], tmp_path, initial=initial).entries
    assert [entry.get("origin") for entry in entries] == ["mean", "hall_of_fame", None, None, None]
    assert [entry["candidate"] for entry in entries] == [0, 1, 2, 3, 4]
