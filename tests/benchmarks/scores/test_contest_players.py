"""The players of the contest's scores: what identifies them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from agent.explore.explorer import EXPLORER_VERSION
from agent.settings import PLAY_SETTINGS, Settings
from agent.world_model.packed_model import MEMORY, MODEL_CARD, load
from arena.evaluation import shipped_weights
from benchmarks.identity import model_digest
from benchmarks.measured_tables import ROOT
from benchmarks.scores import contest_players, play_settings
from benchmarks.scores.contest_players import (
    AGENTS,
    HOLD_RIGHT,
    JERK,
    ORIGINAL_2018,
    OURS,
    RANDOM,
    SHIPPED,
    UNTRAINED,
    baseline_identity,
    identities,
    our_agent,
    play_identity,
)
from benchmarks.scores.contest_plays import ContestPlays
from tests.helpers.contest_plays import packed


def test_our_agents_and_their_identities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCK_IN_SCORE", "7")  # the caller's environment changes no score
    pretrained = packed(tmp_path / "model")
    bare = identities(pretrained)
    play = {"lock_in_rule": "best-of", "lock_in_candidates": 4, "candidate_order": "mean-first"}
    (pretrained / "play.json").write_text(json.dumps(play))
    tuned = identities(pretrained)
    assert list(tuned) == [name for name in AGENTS if name in tuned]
    assert [name for name in tuned if tuned[name] != bare[name]] == [SHIPPED]

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
    assert known[JERK] == {"agent": JERK}
    ppo2, aborghi = known["ppo2"]["hyperparameters"], known["aborghi"]["hyperparameters"]
    assert (ppo2["learning_rate"], aborghi["learning_rate"]) == (2e-4, 7.5e-5)
    assert (ppo2["rollout_steps"], ppo2["gae_lambda"]) == (4096, 0.95)
    assert known["rainbow"]["hyperparameters"]["update_steps"] == 4
    assert not {"seed", "budget_steps", "weights"} & {*ppo2}
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


def test_pretrained_baselines_are_identified_by_their_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_weights, "FOLDER", tmp_path)
    with pytest.raises(UserError, match="no weights"):
        baseline_identity("rainbow_pretrained")
    assert "rainbow_pretrained" not in identities(packed(tmp_path / "model"))
    (tmp_path / "rainbow.safetensors").write_bytes(b"weights")
    found, plain = baseline_identity("rainbow_pretrained"), baseline_identity("rainbow")
    assert found["weights"] == hashlib.sha256(b"weights").hexdigest() and "weights" not in plain
    (tmp_path / "rainbow.npz").write_bytes(b"frames")
    framed = baseline_identity("rainbow_pretrained")
    assert framed == {**found, "frames": hashlib.sha256(b"frames").hexdigest()}
    # Arguments that the agent is started with are hyperparameters too.
    priorities = [one["hyperparameters"]["priority_exponent"] for one in (found, plain)]
    assert priorities == [0.2, 0.5]


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
        (identities, "contest_scores.json", [SHIPPED], 100_000, 3, 11),
        (identities, "contest_scores.json", [RANDOM, HOLD_RIGHT, JERK, *OURS], 100_000, 1, 11),
        (play_settings.identities, "play_settings.json", play_settings.VARIANTS, 20_000, 1, 12),
    ],
)
def test_the_committed_plays_are_those_of_the_present_agents(
    known: Callable[[Path], dict[str, Any]],
    file: str,
    agents: Iterable[str],
    budget_steps: int,
    seeds: int,
    levels: int,
) -> None:
    shown = ContestPlays.load(ROOT / "results" / file)
    present = known(ROOT / "pretrained")
    for agent in {key.agent for key in shown.plays if shown.is_current(key)}:
        assert shown.players[shown.current[agent]] == present[agent]
    keys = [
        shown.key(budget_steps, agent, level, seed)
        for agent in agents
        for level in shown.levels
        for seed in range(1, seeds + 1)
    ]
    assert len(shown.levels) == levels and all(key in shown.plays for key in keys)


def test_the_defaults_are_those_of_the_committed_plays() -> None:
    # Results name no value that equals its default. Before a default is changed here, write the
    # old value into the settings of the stored identities, or their plays count as the new ones.
    settings = Settings()
    assert (settings.lock_in_rule, settings.lock_in_score) == ("first-above", 2000.0)
    assert settings.candidate_order == "distribution"
    assert settings.explore
