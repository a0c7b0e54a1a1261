"""What weights of sprites are worth: the commands behind it, the table, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.world_model.packed_model import NETWORKS, PRESETS
from benchmarks.ablations import sprite_weights
from tests.helpers.small_models import write_random_pretrained
from training.models.checkpoint import save_networks
from training.models.untrained import random_networks
from training.runs.run_folder import read_result
from training.train_vision import STAGE

LEVEL, OTHER = "PangolinDash-Genesis:MeadowZone.Act1", "PangolinDash-Genesis:MeadowZone.Act3"
SMALL = (
    f"--levels {LEVEL} --unseen {OTHER} --frames 1000 --unseen-frames 300 --measured-frames 40 "
    "--steps 2 --workers 2 --threads 1 --weights 1,8"
)


def test_each_weight_is_trained_and_measured_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = write_random_pretrained(tmp_path / "start", spec=PRESETS["compact"])
    save_networks(start / NETWORKS, *random_networks(PRESETS["compact"]))
    out = tmp_path / "results" / "weights.json"
    places = ["--start", str(start), "--runs", str(tmp_path / "runs"), "--out", str(out)]
    sprite_weights.main([*SMALL.split(), *places])
    result = json.loads(out.read_text())
    assert [row["weight"] for row in result["weights"]] == [1, 8]
    runs = [read_result(tmp_path / "runs" / f"vision-{weight}", STAGE) for weight in (1, 8)]
    first, second = (dict(run["options"]) for run in runs)
    assert [options.pop("sprite_weight") for options in (first, second)] == [1, 8]
    assert first.pop("out") != second.pop("out") and first == second
    assert list((tmp_path / "runs" / "unseen").glob("episode-*"))
    for row, run in zip(result["weights"], runs, strict=True):
        assert row["advice"] == pytest.approx(run["held_out"]["advice_held_out"], abs=1e-4)
        assert row["things"]["player"]["boxes"] > 30 and row["things"]["ring"]["boxes"] > 0
    assert sprite_weights.table(result) in capsys.readouterr().out


def test_the_table_says_what_is_kept() -> None:
    things = {kind: {"boxes": 1200, "kept": 0.714} for kind in ("player", "ring", "enemy")}
    rows = [
        {"weight": weight, "reconstruction": 6500.0, "floor": 6395.4, "advice": 0.6421}
        | {"things": {**things, "ring": {"boxes": 1200, "kept": kept}, "elsewhere": {"error": 20}}}
        for weight, kept in ((1.0, -0.1), (8.0, 0.5))
    ]
    lines = sprite_weights.table({"weights": rows}).splitlines()
    assert "player, kept (1,200)" in lines[0]
    assert lines[2:] == [
        "| 1 | 71% | -10% | 71% | 20.0 | 105 | 0.642 |",
        "| 8 | 71% | 50% | 71% | 20.0 | 105 | 0.642 |",
    ]


@pytest.mark.parametrize("text", ["", "1,x", "0", "1,-2"])
def test_weights_that_are_none_are_named(text: str) -> None:
    with pytest.raises(UserError, match="give numbers above 0"):
        sprite_weights.main(["--weights", text])
