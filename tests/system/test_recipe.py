"""The recipes, `training/pangolin.sh` and `training/recipe.sh`, from the ROM file to the score."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stable_retro.data

from agent.world_model.packed_model import load
from arena.environment.levels import Level
from training.data.dataset import Dataset

PROJECT = Path(__file__).parents[2]


def rehearse(
    *arguments: str, share: str, script: str = "pangolin.sh", **variables: str
) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", f"training/{script}", *arguments],
        cwd=PROJECT,
        env={**os.environ, "PATH": path, "SHARE": share, **variables},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_rehearsal_runs_from_start_to_end(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    ran = rehearse(str(runs), share="0.002")
    assert ran.returncode == 0, ran.stderr[-2000:]
    packed = load(runs / "pretrained")  # a rehearsal does not replace the shipped model
    assert packed.spec.preset == "compact"
    levels = Dataset(f"{runs / 'data-11'},{runs / 'data-12'}").summary()["levels"]
    games = {Level.parse(level).game for level in levels}
    assert games > {"PangolinDash-Genesis"}  # and games with generated levels


@pytest.fixture
def stranger(tmp_path: Path) -> tuple[str, dict[str, str]]:
    """A game that only stable-retro's data knows, whose ROM file somebody owns.

    It is Pangolin Dash under another name: no planner, no movies and no level set belong to it.
    """
    data, shipped = tmp_path / "data", PROJECT / "game" / "integrations" / "PangolinDash-Genesis"
    shutil.copytree(stable_retro.data.path(), data, copy_function=os.symlink)
    game = data / "contrib" / "StrangerDash-Genesis"
    game.mkdir()
    for name in ("data.json", "metadata.json", "script.lua", "rom.sha"):
        shutil.copy(shipped / name, game)
    shutil.copy(shipped / "contest.json", game / "scenario.json")
    for state in ("MeadowZone.Act1", "MeadowZone.Act3"):
        shutil.copy(shipped / f"{state}.state", game)
    roms = tmp_path / "roms"
    roms.mkdir()
    shutil.copy(shipped / "rom.md", roms / "my cartridge.bin")
    variables = {"RETRO_DATA_PATH": str(data)}
    imported = subprocess.run(
        [sys.executable, "-m", "arena", "roms", "import", str(roms)],
        cwd=PROJECT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert f"imported  {game.name}, from my cartridge.bin" in imported.stdout, imported.stderr
    return f"{game.name}:", variables


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_game_of_somebody_else_is_trained_from_its_rom_file_to_the_score(
    stranger: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    (game, variables), runs = stranger, tmp_path / "runs"
    variables["EVALUATE"] = f"{game}MeadowZone.Act3"
    arguments = (f"{game}MeadowZone.Act1", str(runs))
    ran = rehearse(*arguments, share="0.002", script="recipe.sh", **variables)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.startswith("stage") and "GB in" in ran.stdout
    assert load(runs / "pretrained").manifest["games"] == ["StrangerDash-Genesis"]
    results = json.loads((runs / "evaluation" / "results.json").read_text())
    (level,) = results["levels"]
    assert level["level"] == variables["EVALUATE"] and level["status"] == "finished"


@pytest.mark.parametrize("share", ["0", "2", "half"])
def test_an_impossible_share_is_refused(share: str, tmp_path: Path) -> None:
    ran = rehearse(str(tmp_path / "runs"), share=share)
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1
    assert f"SHARE is {share}: give a number above 0" in ran.stderr
    assert not (tmp_path / "runs").exists()
