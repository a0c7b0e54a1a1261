"""The loop over episodes on a made-up environment: order of calls, budget, candidates, learning."""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agent import candidates as candidates_module
from agent.buttons import press
from agent.candidates import Candidates
from agent.explore.explorer import Retrace
from agent.gym_remote.messages import TimestepTimeoutError
from agent.journal import Journal
from agent.lock_in.first_above import FirstAbove
from agent.play.budget import play

FEATURES = 3
PARAMETERS = 4 * (FEATURES + 1)


class ScriptedEnv:
    """Episodes of three steps with the returns of a list; ends the run after the last of them."""

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
    """Stands in for V and M: constant features, a record of the calls."""

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


class RecordingEvolution:
    """Numbers its candidates: every parameter of the n-th candidate drawn is n."""

    def __init__(self, population: int) -> None:
        self.n_parameters = PARAMETERS
        self.population = population
        self.told: list[tuple[list[float], list[float]]] = []
        self._drawn = 0

    def ask(self) -> np.ndarray:
        numbers = np.arange(self._drawn, self._drawn + self.population, dtype=np.float64)
        self._drawn += self.population
        return np.repeat(numbers[:, None], PARAMETERS, axis=1)

    def tell(self, candidates: np.ndarray, returns: np.ndarray) -> None:
        self.told.append((candidates[:, 0].tolist(), list(returns)))


def run(returns: list[float], folder: Path, learn: bool = True, threshold: float = 2000) -> Any:
    env = ScriptedEnv(returns)
    evolution = RecordingEvolution(population=2)
    candidates = Candidates(evolution, learn)  # type: ignore[arg-type]
    with pytest.raises(TimestepTimeoutError):
        play(env, ScriptedModel(env.calls), candidates, FirstAbove(threshold), Journal(folder))  # type: ignore[arg-type]
    lines = (folder / "journal.jsonl").read_text().splitlines() if returns else []
    return SimpleNamespace(
        env=env, told=evolution.told, entries=[json.loads(line) for line in lines]
    )


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


def test_the_journal_tells_where_the_seconds_went(
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


def test_a_full_population_is_told_back(tmp_path: Path) -> None:
    told = run([1.0, 2.0, 3.0, 4.0, 5.0], tmp_path).told
    assert told == [([0.0, 1.0], [1.0, 2.0]), ([2.0, 3.0], [3.0, 4.0])]


def test_no_learning_tells_nothing(tmp_path: Path) -> None:
    assert run([1.0, 2.0, 3.0, 4.0, 5.0], tmp_path, learn=False).told == []


def test_a_folder_that_cannot_be_written_does_not_stop_the_play(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    journal = Journal(tmp_path / "file" / "out")
    env = ScriptedEnv([1.0])
    candidates = Candidates(RecordingEvolution(2))  # type: ignore[arg-type]
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
    candidates = Candidates(RecordingEvolution(2))  # type: ignore[arg-type]
    with pytest.raises(TimestepTimeoutError):
        play(env, ScriptedModel(env.calls), candidates, FirstAbove(2000), journal)  # type: ignore[arg-type]
    printed = capsys.readouterr().err
    assert printed.count("event=journal_ends") == 1
    assert printed.count("event=episode ") == 2


def test_past_candidates_are_forgotten_worst_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates_module, "CANDIDATES_KEPT", 2)
    candidates = Candidates(RecordingEvolution(2))  # type: ignore[arg-type]
    for index, episode_return in enumerate([9.0, 1.0, 8.0, 2.0, 3.0, 4.0]):
        candidates.controller(index)
        candidates.finished(index, episode_return)
    assert sorted(candidates._kept) == [0, 2, 4, 5]
    features = np.ones(FEATURES, np.float32)
    assert candidates.controller(2).act(features).tolist() == [1, 1, 1, 1]
    assert candidates.controller(0).act(features).tolist() == [0, 0, 0, 0]


class RewardedEnv(ScriptedEnv):
    """One episode of the rewards of a list; then the run ends."""

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


def play_rewards(rewards: list[float], folder: Path, switch_after_steps: int) -> Any:
    env, evolution = RewardedEnv(rewards), RecordingEvolution(population=3)
    model = ScriptedModel(env.calls)
    candidates = Candidates(evolution)  # type: ignore[arg-type]
    with pytest.raises(TimestepTimeoutError):
        play(env, model, candidates, FirstAbove(5), Journal(folder), switch_after_steps)  # type: ignore[arg-type]
    (line,) = (folder / "journal.jsonl").read_text().splitlines()
    return SimpleNamespace(env=env, candidates=candidates, entry=json.loads(line))


def test_a_hopeless_episode_goes_to_other_candidates_without_a_reset(tmp_path: Path) -> None:
    played = play_rewards([1, 0, -1, 9, 0, 0, 0, 0], tmp_path, switch_after_steps=2)
    assert played.env.calls.count("model_reset") == 1  # nor does the memory forget
    assert played.entry["switches"] == [
        {"step": 3, "candidate": 1, "episode_return": 0.0},
        {"step": 6, "candidate": 2, "episode_return": 9.0},
    ]  # the last step is no time to switch any more
    assert played.entry["candidate"] == 0 and played.entry["episode_return"] == 9.0
    # Candidate 0 presses nothing, as all its parameters are 0; the others press everything.
    assert played.env.pressed == [0, 0, 0, 1, 1, 1, 1, 1]


def test_a_relieved_candidate_is_credited_with_its_own_return_only(tmp_path: Path) -> None:
    played = play_rewards([1, 0, 0, 9], tmp_path, switch_after_steps=2)
    assert played.entry["episode_return"] == 10.0
    assert played.candidates._returns == {0: [1.0]}  # 10 would have locked it in, and been told


def test_without_the_setting_nobody_is_relieved(tmp_path: Path) -> None:
    entry = play_rewards([1, 0, 0, 0, 0, 9], tmp_path, 0).entry
    assert "switches" not in entry and "returned_to" not in entry


def test_a_memory_of_the_level_plays_where_it_knows_and_the_journal_says_how_far(
    tmp_path: Path,
) -> None:
    class Guide(Retrace):
        """Presses RIGHT in the first step, and leaves the rest to the candidate."""

        def action(self, place: float, latent: np.ndarray) -> np.ndarray | None:
            assert latent.tolist() == [1.0, 1.0]  # z of the features
            super().action(place, latent)
            return press("RIGHT") if len(self._play.places) == 1 else None

    env, evolution = RewardedEnv([1, 0, 9]), RecordingEvolution(population=3)
    candidates, guide = Candidates(evolution), Guide()  # type: ignore[arg-type]
    journal = Journal(tmp_path)
    with pytest.raises(TimestepTimeoutError):
        play(env, ScriptedModel(env.calls), candidates, FirstAbove(5), journal, retrace=guide)  # type: ignore[arg-type]
    entry = json.loads((tmp_path / "journal.jsonl").read_text())
    assert env.pressed == [1, 0, 0]  # candidate 0 presses nothing
    assert [action.tolist() for action in guide._play.actions] == [[0, 0, 0, 1], [0] * 4, [0] * 4]
    assert entry["returned_to"] == 0.0 and entry["episode_return"] == 10.0
    assert guide._safe == deque([10.0])  # it was told how that ended


def test_leaders_play_first_and_are_never_told(tmp_path: Path) -> None:
    env, evolution = ScriptedEnv([1.0, 2.0, 3.0, 4.0, 5.0]), RecordingEvolution(population=2)
    leaders = [("mean", np.full(PARAMETERS, 7.0)), ("hall_of_fame", np.full(PARAMETERS, 8.0))]
    candidates = Candidates(evolution, leaders=leaders)  # type: ignore[arg-type]
    with pytest.raises(TimestepTimeoutError):
        play(env, ScriptedModel(env.calls), candidates, FirstAbove(9), Journal(tmp_path))  # type: ignore[arg-type]
    entries = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert [entry.get("origin") for entry in entries] == ["mean", "hall_of_fame", None, None, None]
    assert [entry["candidate"] for entry in entries] == [0, 1, 2, 3, 4]
    assert evolution.told == [([0.0, 1.0], [3.0, 4.0])]


def test_others_take_turns_and_the_generation_is_drawn_for_them() -> None:
    evolution = RecordingEvolution(population=3)
    candidates = Candidates(evolution, leaders=[("mean", np.ones(PARAMETERS))])  # type: ignore[arg-type]
    turns = candidates.taking_turns(0)
    assert [next(turns)[0] for _ in range(5)] == [0, 1, 2, 3, 1]
    candidates.finished(0, 1.0)
    for index, following in ((1, [1, 2, 3, 2]), (2, [2, 3, 1, 3]), (3, [3, 1, 2, 1])):
        turns = candidates.taking_turns(index)
        assert [next(turns)[0] for _ in range(4)] == following
        candidates.finished(index, 1.0)
    turns = candidates.taking_turns(4)  # of the next generation
    assert [next(turns)[0] for _ in range(4)] == [4, 5, 6, 5]
    assert evolution.told == [([0.0, 1.0, 2.0], [1.0, 1.0, 1.0])]
