"""The players of the contest's scores: how episodes are counted, and what identifies agents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.explore.explorer import EXPLORER_VERSION
from agent.settings import PLAY_SETTINGS, Settings
from agent.world_model.packed_model import MEMORY, MODEL_CARD, load
from arena.environment.levels import Level
from benchmarks.identity import model_digest
from benchmarks.measured_tables import ROOT
from benchmarks.scores import contest_players, play_settings
from benchmarks.scores.baseline_plays import BASELINES, BaselineTask, play_budget
from benchmarks.scores.contest_players import (
    AGENTS,
    ORIGINAL_2018,
    OURS,
    SHIPPED,
    UNTRAINED,
    identities,
    our_agent,
    play_identity,
)
from benchmarks.scores.contest_plays import ContestPlays
from tests.helpers.contest_plays import JERK, packed


class FakeLevel:
    """A level whose episodes have three steps, with the rewards 1, 2 and 3."""

    def __init__(self) -> None:
        self.step_number = 0

    def reset(self) -> np.ndarray:
        self.step_number = 0
        return np.zeros((2, 2, 3), np.uint8)

    def step(self, buttons: np.ndarray) -> tuple[np.ndarray, float, bool, object]:
        assert buttons.shape == (12,)
        self.step_number += 1
        return self.reset_frame, float(self.step_number), self.step_number == 3, {}

    reset_frame = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize("agent", BASELINES)
@pytest.mark.parametrize(
    ("budget_steps", "episodes"),
    [(3, 0), (8, 1), (9, 2), (12, 2), (13, 3)],
)
def test_an_episode_of_a_baseline_counts_at_the_next_reset(
    tmp_path: Path, agent: str, budget_steps: int, episodes: int
) -> None:
    # A reset is a timestep: with three steps an episode the resets are timesteps 1, 5, 9 and 13.
    task = BaselineTask(agent, Level("Game", "L"), 1, budget_steps, tmp_path / "play")
    play = play_budget(FakeLevel(), task)
    assert play.returns == [6.0] * episodes and play.lengths == [3] * episodes
    assert play.timesteps == budget_steps


def test_our_agents_and_their_identities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCK_IN_SCORE", "7")  # the caller's environment changes no score
    pretrained = packed(tmp_path / "model")
    bare = identities(pretrained)
    play = {"lock_in_rule": "best-of", "lock_in_candidates": 4, "candidate_order": "mean-first"}
    (pretrained / "play.json").write_text(json.dumps(play))
    tuned = identities(pretrained)
    assert list(tuned) == list(AGENTS)
    assert [name for name in AGENTS if tuned[name] != bare[name]] == [SHIPPED]

    agents = {name: our_agent(name, pretrained, 1000, 2, tmp_path / "models") for name in OURS}
    for name, agent in agents.items():
        agent.check()
        assert agent.settings.seed == 2
        described = agent.describe()
        for key, value in tuned[name]["settings"].items():
            assert described[key] == value
    assert agents[SHIPPED].settings.lock_in_rule == "best-of"
    old = agents[ORIGINAL_2018].settings
    assert (old.lock_in_rule, old.lock_in_score, old.explore) == ("first-above", 2000.0, False)
    assert old.candidate_order == "distribution" and old.pretrained == pretrained
    untrained = agents[UNTRAINED].settings
    assert untrained.pretrained != pretrained and untrained.lock_in_rule == "first-above"
    again = our_agent(UNTRAINED, pretrained, 1000, 2, tmp_path / "models")
    assert again.describe() == agents[UNTRAINED].describe()
    other = our_agent(UNTRAINED, pretrained, 1000, 3, tmp_path / "models")
    assert other.describe()["manifest_sha256"] != again.describe()["manifest_sha256"]


def test_an_identity_is_data(tmp_path: Path) -> None:
    pretrained = packed(tmp_path / "model")
    known = identities(pretrained)
    model = model_digest(load(pretrained))
    assert known[BASELINES[0]] == {"agent": BASELINES[0]}
    assert known[SHIPPED] == {
        "agent": SHIPPED,
        "model": model,
        "settings": {},
        "explorer": EXPLORER_VERSION,
    }
    assert known[ORIGINAL_2018] == {
        "agent": ORIGINAL_2018,
        "model": model,
        "settings": {"explore": False},
    }
    assert known == json.loads(json.dumps(known))


def test_settings_at_their_defaults_leave_an_identity_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @dataclass(frozen=True)
    class Longer(Settings):
        added: int = 3

    changed = {"explore": False, "lock_in_score": 500.0}
    before = play_identity(Settings(**changed))
    monkeypatch.setattr(contest_players, "PLAY_SETTINGS", (*PLAY_SETTINGS, "added"))
    assert play_identity(Longer(**changed)) == before
    assert play_identity(Longer(**changed, added=4)) != before
    fewer = tuple(name for name in PLAY_SETTINGS if name != "candidate_order")
    monkeypatch.setattr(contest_players, "PLAY_SETTINGS", fewer)
    assert play_identity(Settings(**changed)) == before


def test_a_changed_setting_or_explorer_makes_another_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, without = play_identity(Settings()), play_identity(Settings(explore=False))
    assert "explorer" in before and "explorer" not in without
    assert play_identity(Settings(lock_in_score=500.0))["settings"] == {"lock_in_score": 500.0}
    monkeypatch.setattr(contest_players, "EXPLORER_VERSION", EXPLORER_VERSION + 1)
    assert play_identity(Settings()) == {**before, "explorer": EXPLORER_VERSION + 1}
    assert (
        play_identity(Settings(explore=False)) == without
    )  # the explorer is off, so its version does not matter


def test_a_models_digest_depends_on_the_content_of_the_files_that_play(tmp_path: Path) -> None:
    model = load(packed(tmp_path / "model"))
    before = model_digest(model)

    def with_files(change: Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]) -> str:
        files = dict(change(name, entry) for name, entry in model.manifest["files"].items())
        return model_digest(replace(model, manifest={**model.manifest, "files": files}))

    def renamed(name: str, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return (name if name == MODEL_CARD else f"new-{name}"), entry

    def altered(role: str, *names: str) -> Callable[..., tuple[str, dict[str, Any]]]:
        def change(name: str, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
            mine = entry["role"] == role and (not names or name in names)
            return name, {**entry, "sha256": "0" * 64} if mine else entry

        return change

    assert with_files(renamed) == before
    assert with_files(altered("play", MODEL_CARD)) == before
    assert with_files(altered("train")) == before
    assert with_files(altered("play", MEMORY)) != before


@pytest.mark.parametrize(
    ("known", "file", "agents", "budget_steps", "seeds", "levels"),
    [
        (identities, "contest_scores.json", [JERK, *OURS], 100_000, 3, 11),
        (identities, "contest_scores.json", [*BASELINES, *OURS], 20_000, 1, 11),
        (play_settings.identities, "play_settings.json", play_settings.VARIANTS, 20_000, 1, 12),
    ],
)
def test_the_committed_plays_are_those_of_the_shipped_model(
    known: Callable[[Path], dict[str, Any]],
    file: str,
    agents: Iterable[str],
    budget_steps: int,
    seeds: int,
    levels: int,
) -> None:
    path = ROOT / "results" / file
    shown = ContestPlays.load(path)
    measured = ContestPlays.open(path, known(ROOT / "pretrained"), {}, [])
    assert (measured.players, measured.current) == (shown.players, shown.current)
    keys = [
        measured.key(budget_steps, agent, level, seed)
        for agent in agents
        for level in measured.levels
        for seed in range(1, seeds + 1)
    ]
    assert len(measured.levels) == levels and all(key in measured.plays for key in keys)


def test_the_defaults_are_those_of_the_committed_plays() -> None:
    # Results name no value that equals its default. Before a default is changed here, write the
    # old value into the settings of the stored identities, or their plays count as the new ones.
    settings = Settings()
    assert (settings.lock_in_rule, settings.lock_in_score) == ("first-above", 2000.0)
    assert settings.candidate_order == "distribution"
    assert settings.explore
