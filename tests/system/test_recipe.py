"""The shipped model's recipe, `training/pangolin.sh`, from generated levels to a packed model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.world_model.packed_model import load
from arena.environment.levels import Level
from training.data.dataset import Dataset

PROJECT = Path(__file__).parents[2]


def rehearse(*arguments: str, share: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "training/pangolin.sh", *arguments],
        cwd=PROJECT,
        env={**os.environ, "PATH": path, "SHARE": share},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_a_rehearsal_runs_from_start_to_end(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    ran = rehearse(str(runs), share="0.002")
    assert ran.returncode == 0, ran.stderr[-2000:]
    packed = load(runs / "pretrained")  # a rehearsal does not replace the shipped model
    assert packed.spec.preset == "compact"
    levels = Dataset(f"{runs / 'data-11'},{runs / 'data-12'}").summary()["levels"]
    games = {Level.parse(level).game for level in levels}
    assert games > {"PangolinDash-Genesis"}  # and games with generated levels


@pytest.mark.parametrize("share", ["0", "2", "half"])
def test_an_impossible_share_is_refused(share: str, tmp_path: Path) -> None:
    ran = rehearse(str(tmp_path / "runs"), share=share)
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1
    assert f"SHARE is {share}: give a number above 0" in ran.stderr
    assert not (tmp_path / "runs").exists()
