"""The command that measures the contest's scores: it continues, excludes, and shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from agent.world_model.packed_model import MODEL_CARD, load
from arena.environment.levels import Level
from arena.evaluation.agents import LocalAgent
from arena.evaluation.baseline_agents import BaselineAgent
from benchmarks import measured_tables
from benchmarks.identity import model_digest
from benchmarks.measured_tables import ROOT
from benchmarks.scores import contest_measure, contest_scores
from benchmarks.scores.contest_players import SHIPPED
from benchmarks.scores.contest_plays import ContestPlays, Play, PlayKey
from benchmarks.scores.contest_runs import PlayError
from benchmarks.scores.contest_summary import budgets
from tests.helpers.contest_plays import JERK, LEVELS, packed, playing
from training.pack import write_new_card


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces the plays and lists them; "interrupt" or "fail" in the list ends a play so."""
    found: list[str] = []

    def play(agent: Any, level: Level, budget_steps: int) -> Play:
        for what, error in (("interrupt", KeyboardInterrupt()), ("fail", PlayError("it hung"))):
            if len(found) == 5 and what in found:
                found.remove(what)
                raise error
        found.append(f"{agent.name} {level.state} {described(agent)}")
        # Baselines score 10 for each character of their name.
        score = 500.0 if isinstance(agent, LocalAgent) else 10.0 * len(agent.name)
        return Play([score], [5], budget_steps, 1.0, peak_mib=100.26)

    monkeypatch.setattr(contest_measure, "play_level", playing(play))
    return found


def described(agent: Any) -> str:
    about = agent.describe()
    return f"{about['seed']}{' without explorer' if about.get('explore') is False else ''}"


def arguments(tmp_path: Path, *more: str) -> list[str]:
    pretrained = tmp_path / "model"
    if not pretrained.exists():
        packed(pretrained)
    folders = ["--pretrained", str(pretrained), "--folder", str(tmp_path / "runs")]
    folders += ["--out", str(tmp_path / "results" / "scores.json"), "--levels", ",".join(LEVELS)]
    return [*folders, "--steps", "1000", "--seeds", "2", *more]


def test_the_same_command_continues_and_plays_nothing_twice(
    tmp_path: Path, played: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = arguments(tmp_path, "--agents", "original-2018,random,ours", "--workers", "1")
    played.append("interrupt")
    assert contest_scores.main(command) == 130
    said = capsys.readouterr().err
    assert "4 of 12 plays are measured" in said and "random buttons, MeadowZone.Act3" in said
    # Seed by seed, and in the order of --agents.
    assert played == [
        "model MeadowZone.Act3 1 without explorer",
        "model CanyonZone.Act3 1 without explorer",
        "random MeadowZone.Act3 1",
        "random CanyonZone.Act3 1",
    ]
    assert contest_scores.main(command) == 0
    assert "4 of 12 plays are already measured" in capsys.readouterr().err
    assert len(played) == len(set(played)) == 12
    assert contest_scores.main(command) == 0
    assert "12 of 12" in capsys.readouterr().err and len(played) == 12

    # Another budget and another agent are added to the same file.
    assert contest_scores.main([*command, "--steps", "500", "--agents", "jerk"]) == 0
    read = ContestPlays.load(tmp_path / "results" / "scores.json")
    assert len(read.plays) == 16 and budgets(read) == [1000, 500]
    printed = capsys.readouterr().out
    assert "**1,000 timesteps" in printed and "**500 timesteps" in printed
    (setup,) = read.setups.values()
    assert "commit" in setup and "stable-retro" in setup["packages"]
    assert {play.peak_mib for play in read.plays.values()} == {100.3}


def test_a_failed_play_is_named_and_the_others_go_on(
    tmp_path: Path, played: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = arguments(tmp_path, "--agents", "random,ours", "--workers", "1")
    played.append("fail")
    with pytest.raises(UserError, match="^1 play failed"):
        contest_scores.main(command)
    assert "seed 2 failed: it hung" in capsys.readouterr().err
    assert len(played) == 7 and contest_scores.main(command) == 0 and len(played) == 8


def test_an_agent_that_cannot_be_started_is_left_out(
    tmp_path: Path,
    played: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def check(agent: BaselineAgent) -> None:
        if agent.name == "rainbow":
            raise UserError("there are no weights")

    monkeypatch.setattr(BaselineAgent, "check", check)
    assert contest_scores.main(arguments(tmp_path, "--agents", "rainbow,jerk")) == 0
    assert "note: rainbow is left out: there are no weights\n" in capsys.readouterr().err
    assert {line.partition(" ")[0] for line in played} == {"jerk"}
    with pytest.raises(UserError, match="none of the --agents can be started"):
        contest_scores.main(arguments(tmp_path, "--agents", "rainbow"))


def test_a_new_model_is_measured_again(
    tmp_path: Path, played: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = arguments(tmp_path, "--agents", "random,ours")
    assert contest_scores.main(command) == 0
    capsys.readouterr()
    packed(tmp_path / "model", seed=2)
    assert contest_scores.main(command) == 0
    said = capsys.readouterr().err
    assert "4 plays are excluded" in said and "4 of 8 plays" in said
    assert len(played) == 12


def test_mistakes_are_named(tmp_path: Path, played: list[str]) -> None:
    with pytest.raises(UserError, match="--seeds is 0"):
        contest_scores.main(["--seeds", "0"])
    with pytest.raises(UserError, match="--agents has the unknown name 'JERKS': choose from"):
        contest_scores.main(arguments(tmp_path, "--agents", "JERKS"))
    with pytest.raises(UserError, match="scenario"):
        contest_measure.chosen_levels("airstriker")
    with pytest.raises(UserError, match="scores.json does not exist"):
        contest_scores.main(arguments(tmp_path, "--show"))
    with (
        contest_measure.exclusive(tmp_path / "runs"),
        pytest.raises(UserError, match="in use by another measurement"),
    ):
        contest_scores.main(arguments(tmp_path))


def test_show_updates_the_documents(
    tmp_path: Path,
    played: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- contest scores -->\n<!-- end -->\nb\n")
    monkeypatch.setattr(measured_tables, "ROOT", tmp_path)
    monkeypatch.setattr(contest_scores, "PICTURES", tmp_path / "pictures")
    assert contest_scores.main(arguments(tmp_path, "--agents", "jerk,ours")) == 0
    capsys.readouterr()
    assert contest_scores.main(arguments(tmp_path, "--show")) == 0
    printed = capsys.readouterr().out.strip()
    assert readme.read_text() == f"a\n<!-- contest scores -->\n{printed}\n<!-- end -->\nb\n"
    assert f"{SHIPPED} / {JERK}: the ratio of the mean returns is **12.50**" in printed
    linked = {path.name for path in (tmp_path / "pictures").iterdir()}
    ends = {"ends_MeadowZone.png", "ends_CanyonZone.png"}
    assert linked == {"contest_scores.png", "learning_curves_1000.png", *ends}
    assert all(f"(results/pictures/{name})" in printed for name in linked)


def test_no_pictures_are_drawn_of_another_rom(
    tmp_path: Path,
    played: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(measured_tables, "ROOT", tmp_path)
    monkeypatch.setattr(contest_scores, "PICTURES", tmp_path / "pictures")
    assert contest_scores.main(arguments(tmp_path, "--agents", "jerk,ours")) == 0
    monkeypatch.setattr(contest_scores, "rom_hashes", lambda levels: {levels[0].game: "new"})
    assert contest_scores.main(arguments(tmp_path, "--show")) == 0
    assert "another ROM of PangolinDash-Genesis" in capsys.readouterr().err
    assert not (tmp_path / "pictures").exists()


def test_show_writes_the_scores_into_the_card_of_their_model(
    tmp_path: Path,
    played: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(measured_tables, "ROOT", tmp_path)
    monkeypatch.setattr(contest_scores, "PICTURES", tmp_path / "pictures")
    assert contest_scores.main(arguments(tmp_path, "--agents", "jerk,ours")) == 0
    model = tmp_path / "model"
    write_new_card(model, "# Card\n\n<!-- contest scores -->\nNot yet.\n<!-- end -->\n\nrest\n")
    before = model_digest(load(model))
    assert contest_scores.main(arguments(tmp_path, "--show")) == 0
    card = (model / MODEL_CARD).read_text()
    assert card.startswith("# Card\n\n<!-- contest scores -->\n**1,000 timesteps a level, 2 levels")
    assert f"| {SHIPPED} | 500 |" in card and card.endswith("<!-- end -->\n\nrest\n")
    assert "Of 4 episodes with 1,000 timesteps a level: died 100%, out of time 0%" in card
    assert model_digest(load(model)) == before  # it is still the same model
    assert contest_scores.main(arguments(tmp_path, "--agents", "ours")) == 0
    assert "4 of 4 plays are already measured" in capsys.readouterr().err

    packed(model, seed=2)
    write_new_card(model, "<!-- contest scores -->\nNot yet.\n<!-- end -->\n")
    assert contest_scores.main(arguments(tmp_path, "--show")) == 0
    assert "is not the measured model" in capsys.readouterr().err
    assert "Not yet." in (model / MODEL_CARD).read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_on_the_emulator_interrupted_and_resumed(tmp_path: Path) -> None:
    out = tmp_path / "results" / "scores.json"
    command = [sys.executable, "-m", "benchmarks.scores.contest_scores", "--workers", "1"]
    command += arguments(tmp_path, "--agents", "right,ours")
    command += ["--steps", "1500", "--seeds", "1"]
    first = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    give_up = time.monotonic() + 300
    while not out.exists() and first.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGINT)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 130, said
    before = ContestPlays.load(out).plays
    assert 1 <= len(before) < 4

    again = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=True
    )
    assert f"{len(before)} of 4 plays are already measured" in again.stderr
    after = ContestPlays.load(out)
    assert len(after.plays) == 4 and before.items() <= after.plays.items()
    assert all(play.timesteps == 1500 for play in after.plays.values())
    assert all(play.peak_mib and play.peak_mib > 20 for play in after.plays.values())
    # An agent that holds RIGHT in Canyon falls into the same pit each time.
    key: PlayKey = after.key(1500, "hold RIGHT", LEVELS[1], 1)
    assert len(set(after.plays[key].returns)) == 1 and 800 < after.plays[key].returns[0] < 900
    assert "**1,500 timesteps a level, 2 levels, 1 seed**" in again.stdout
