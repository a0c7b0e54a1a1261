"""The agent's settings by flag, by environment variable and in play.json, and their errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from agent.command_line import parse
from agent.errors import UserError
from agent.settings import PLAY_SETTINGS, Settings, read_settings


def test_the_defaults_are_the_contest() -> None:
    settings = parse(Settings, [], environment={})
    assert settings.socket_dir == Path("tmp/sock")
    assert settings.output_dir == Path("out")
    assert settings.lock_in_score == 2000
    assert settings.explore is True
    assert settings.seed is None


def test_every_setting_has_a_variable() -> None:
    assert all(field.metadata["env"] for field in fields(Settings))
    environment = {
        "SOCKET_DIR": "s",
        "OUTPUT_DIR": "o",
        "PRETRAINED": "p",
        "LOCK_IN_SCORE": "1e9",
        "SEED": "3",
        "CONNECT_SECONDS": "1",
        "EXPLORE": "0",
    }
    expected = Settings(Path("s"), Path("o"), Path("p"), 1e9, 3, 1.0, explore=False)
    assert parse(Settings, [], environment=environment) == expected


@pytest.mark.parametrize(
    "argv",
    [
        ["--seed", "0"],
        ["--lock-in-score", "nan"],
        ["--connect-seconds", "-1"],
        ["--lock-in-rule", "luck"],
        ["--lock-in-candidates", "0"],
        ["--repeats", "-1"],
        ["--candidate-order", "best-first"],
    ],
)
def test_invalid_values_are_refused(argv: list[str]) -> None:
    with pytest.raises(UserError):
        parse(Settings, argv, environment={})


def test_flags_win_over_variables_and_variables_over_play_json(tmp_path: Path) -> None:
    play = {"lock_in_rule": "best-of", "lock_in_score": 1500, "candidate_order": "mean-first"}
    (tmp_path / "play.json").write_text(json.dumps(play))
    variables = {"PRETRAINED": str(tmp_path)}
    settings = read_settings([], environment=variables)
    assert (settings.lock_in_rule, settings.lock_in_score) == ("best-of", 1500.0)
    assert settings.candidate_order == "mean-first" and settings.pretrained == tmp_path
    assert read_settings([], environment={}, pretrained=tmp_path).lock_in_score == 1500.0
    variables["LOCK_IN_SCORE"] = "7"
    assert read_settings([], environment=variables).lock_in_score == 7.0
    argv = ["--lock-in-score", "9", "--lock-in-rule", "first-above"]
    settings = read_settings(argv, environment=variables)
    assert (settings.lock_in_rule, settings.lock_in_score) == ("first-above", 9.0)
    assert read_settings([], environment={"PRETRAINED": "nowhere"}).lock_in_score == 2000.0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "can't be read"),
        ("[]", "not a JSON object"),
        ('{"socket_dir": "x"}', "'socket_dir' is not one of lock_in_rule"),
        ('{"lock_in_score": "high"}', "lock_in_score is 'high', expected type float"),
        ('{"lock_in_candidates": true}', "lock_in_candidates is True, expected type int"),
        ('{"lock_in_rule": "luck"}', "lock_in_rule is 'luck': use one of first-above"),
    ],
)
def test_an_invalid_play_json_ends_in_one_line(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "play.json").write_text(text)
    with pytest.raises(UserError, match=problem) as raised:
        read_settings([], environment={}, pretrained=tmp_path)
    assert str(tmp_path / "play.json") in str(raised.value) and "\n" not in str(raised.value)


def test_play_settings_are_settings() -> None:
    assert set(PLAY_SETTINGS) < {field.name for field in fields(Settings)}


def test_the_program_ends_with_one_line_and_code_2(tmp_path: Path) -> None:
    environment = {**os.environ, "PRETRAINED": str(tmp_path / "nothing"), "SEED": ""}
    command = [sys.executable, "-m", "agent"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert str(tmp_path / "nothing") in done.stderr
    assert done.stderr.count("\n") == 1
