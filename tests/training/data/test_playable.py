"""Levels that a stage refuses before it makes its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import stable_retro.data

from agent.errors import UserError
from training import collect


def test_a_game_of_another_console_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    airstriker = Path(stable_retro.data.get_romfile_path("Airstriker-Genesis-v0")).parent
    game = tmp_path / "own" / "Own-Sms"
    shutil.copytree(airstriker, game, ignore=shutil.ignore_patterns("rom.*"))
    (game / "rom.sms").write_bytes(b"never loaded")
    sets = {"own": {"about": "", "levels": {game.name: ["Level1"]}}}
    (game.parent / "levels.json").write_text(json.dumps({"format_version": 1, "sets": sets}))
    out = tmp_path / "data"
    with pytest.raises(UserError, match="the game has 9 buttons"):
        collect.main(["--levels", str(game.parent), "--out", str(out), "--workers", "1"])
    assert not out.exists()
