"""Who plays for the contest's scores: episodes counted as the contest does, agents told apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from contest_scores_tools import packed

from arena.levels import Level
from benchmarks import contest_scores_players
from benchmarks.contest_scores_players import (
    AGENTS,
    AS_SEED,
    OURS,
    RIVALS,
    SHIPPED,
    UNTRAINED,
    Task,
    code,
    identities,
    our_agent,
    play_budget,
)


class MadeUp:
    """A level whose episodes take three steps, of 1, 2 and 3."""

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


@pytest.mark.parametrize("agent", RIVALS)
@pytest.mark.parametrize(
    ("budget_steps", "episodes"),
    [(3, 0), (8, 1), (9, 2), (12, 2), (13, 3)],
)
def test_a_rivals_episode_counts_once_the_next_reset_was_paid(
    tmp_path: Path, agent: str, budget_steps: int, episodes: int
) -> None:
    # A reset is a timestep: with three steps an episode the resets are timesteps 1, 5, 9 and 13.
    task = Task(agent, Level("Game", "L"), 1, budget_steps, tmp_path / "play")
    play = play_budget(MadeUp(), task)
    assert play.returns == [6.0] * episodes and play.lengths == [3] * episodes
    assert play.timesteps == budget_steps


def test_who_ours_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCK_IN_SCORE", "7")  # the caller's own settings move no score
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
        assert agent.settings.seed == 2 and agent.settings.budget_steps == 1000
        assert all(
            tuned[name][key] == value
            for key, value in agent.describe().items()
            if key in tuned[name]
        )
    assert agents[SHIPPED].settings.lock_in_rule == "best-of" and agents[SHIPPED].settings.learn
    seed = agents[AS_SEED].settings
    assert (seed.lock_in_rule, seed.lock_in_score, seed.learn) == ("first-above", 2000.0, False)
    assert seed.candidate_order == "distribution" and seed.pretrained == pretrained
    untrained = agents[UNTRAINED].settings
    assert untrained.pretrained != pretrained and untrained.lock_in_rule == "first-above"
    again = our_agent(UNTRAINED, pretrained, 1000, 2, tmp_path / "models")
    assert again.describe() == agents[UNTRAINED].describe()
    other = our_agent(UNTRAINED, pretrained, 1000, 3, tmp_path / "models")
    assert other.describe()["manifest_sha256"] != again.describe()["manifest_sha256"]


def test_who_ours_are_is_told_by_the_code_of_the_levels_memory_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "made_up"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    (package / "way.py").write_text('"""Says one thing."""\nLONG = 1  # a step\n')
    before = code("made_up.way")
    (package / "way.py").write_text('"""Says another."""\n\nLONG  =  1\n')
    assert code("made_up.way") == before
    (package / "way.py").write_text('"""Says one thing."""\nLONG = 2  # a step\n')
    assert code("made_up.way") != before
    with pytest.raises(ImportError, match="made_up"):
        code("made_up.none")

    pretrained = packed(tmp_path / "model")
    now = identities(pretrained)
    monkeypatch.setattr(contest_scores_players, "MEMORY_OF_THE_LEVEL", ("agent.retrace",))
    then = identities(pretrained)
    assert [name for name in AGENTS if now[name] != then[name]] == [UNTRAINED, SHIPPED]
