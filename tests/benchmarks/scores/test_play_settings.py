"""Settings of play: what each variant changes, continuing, and the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from agent.settings import PLAY_SETTINGS
from arena.environment.levels import Level, select
from arena.evaluation.agents import LocalAgent
from benchmarks.scores import contest_measure, play_settings
from benchmarks.scores.contest_players import ORIGINAL_2018, ORIGINAL_2018_PLAY, SHIPPED
from benchmarks.scores.contest_plays import ContestPlays, Play
from tests.helpers.contest_plays import packed, playing
from training.data.held_out import refuse_held_out
from training.runs.resume import TrainingError

LEVELS = [f"PangolinDash-Genesis:{name}" for name in ("MeadowZone.Act1", "CanyonZone.Act1")]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], str, int]]:
    """Replaces the play; a return depends on the settings and the seed."""
    found: list[tuple[dict[str, Any], str, int]] = []

    def play(agent: LocalAgent, level: Level, budget_steps: int) -> Play:
        if len(found) == 5:
            found.append(({}, "interrupt", 0))
            raise KeyboardInterrupt
        how = {name: getattr(agent.settings, name) for name in PLAY_SETTINGS}
        assert agent.settings.seed is not None
        found.append((how, level.state, agent.settings.seed))
        score = 1000.0 * agent.settings.explore
        score += 10.0 * agent.settings.seed + ("Canyon" in level.state)
        return Play([score], [5], 1000, 1.0)

    monkeypatch.setattr(contest_measure, "play_level", playing(play))
    return found


def arguments(tmp_path: Path) -> list[str]:
    places = ["--pretrained", str(packed(tmp_path / "model")), "--folder", str(tmp_path / "runs")]
    places += ["--out", str(tmp_path / "results.json"), "--levels", ",".join(LEVELS)]
    return [*places, "--steps", "1000", "--seeds", "2", "--workers", "1"]


def test_every_variant_plays_the_same_levels_and_continues(
    tmp_path: Path, played: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    command = arguments(tmp_path)
    assert play_settings.main(command) == 130
    assert len(ContestPlays.load(tmp_path / "results.json").plays) == 5
    assert play_settings.main(command) == 0
    settings = [how for how, state, _ in played if state != "interrupt"]
    assert len(settings) == 2 * 2 * len(play_settings.VARIANTS)
    assert len({(*how.items(), state, seed) for how, state, seed in played if how}) == len(settings)
    shipped = settings[0]
    changed = {tuple(name for name in how if how[name] != shipped[name]) for how in settings}
    assert changed == {
        (),
        ("candidate_order",),
        ("explore",),
    }
    printed = capsys.readouterr().out.splitlines()
    rows = [line.strip("| ").split(" | ") for line in printed if " timesteps" not in line][3:]
    assert rows[0][:3] == [SHIPPED, "1,016", "1,010 to 1,020"]
    assert [row[3].split(" ")[0] for row in rows[1:]] == ["+0", "-1,000"]
    assert rows[1][0] == play_settings.LABELS["mean-first"]
    named = (tmp_path / "results.json").read_text()
    assert not any(label in named for label in play_settings.LABELS.values())
    assert (
        play_settings.main(command) == 0 and len(played) == len(settings) + 1
    )  # nothing is left to play


def test_some_variants_can_be_played_alone(tmp_path: Path, played: list[Any]) -> None:
    command = [*arguments(tmp_path), "--seeds", "1", "--variants", "mean-first,ours"]
    assert play_settings.main(command) == 0
    orders = [how["candidate_order"] for how, _, _ in played]
    assert orders == ["mean-first"] * 2 + ["distribution"] * 2
    with pytest.raises(UserError, match="--variants has the unknown name 'fast'"):
        play_settings.main([*command, "--variants", "fast"])


def test_the_last_variant_plays_as_the_original_agent(tmp_path: Path) -> None:
    pretrained = packed(tmp_path / "model")
    settings = play_settings.player(ORIGINAL_2018, pretrained, 7, 3).settings
    assert {name: getattr(settings, name) for name in ORIGINAL_2018_PLAY} == ORIGINAL_2018_PLAY
    assert settings.seed == 3
    shipped = play_settings.player(SHIPPED, pretrained, 7, 3)
    assert shipped == LocalAgent(shipped.settings)


def test_only_training_levels_are_accepted(tmp_path: Path, played: list[Any]) -> None:
    command = [*arguments(tmp_path), "--levels", "pangolin-validation"]
    with pytest.raises(TrainingError, match="belongs to pangolin-validation"):
        play_settings.main(command)
    refuse_held_out(level.name for level in select(play_settings.LEVELS))
    with pytest.raises(UserError, match="--seeds is 0"):
        play_settings.main([*command, "--seeds", "0"])
    assert not played
