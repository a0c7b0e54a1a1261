"""Ablations of models: what is trained for each, the tables, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.command_line import parse
from agent.errors import UserError
from agent.world_model.packed_model import PRESETS
from benchmarks.ablations import model_ablations
from benchmarks.ablations.ablation_runs import AblationRuns, EvolvedRun
from benchmarks.ablations.model_ablations import MODELS, Options, tables
from benchmarks.measured_tables import ROOT
from training.data.dataset import Dataset
from training.runs.resume import TrainingError

TWO_LEVELS = "PangolinDash-Genesis:MeadowZone.Act1,PangolinDash-Genesis:CanyonZone.Act1"
SMALL = (
    f"--data-levels {TWO_LEVELS} --data-frames 330 --data-steps 20 --vision-steps 2 "
    "--memory-steps 2 --seeds 1 --generations 1 --population 4 --levels-per-generation 1 "
    "--measure-episodes 1 --max-steps 20 --workers 1 --levels airstriker --measure airstriker"
)


def arguments(folder: Path) -> list[str]:
    return [*SMALL.split(), "--runs", str(folder / "runs"), "--out", str(folder / "results.json")]


def made() -> AblationRuns:
    facts = {"vision_minutes": 29.6, "vision_error": 21.25, "active_dimensions": 30.0}
    results = AblationRuns(
        {}, models={"original2018": {**facts, "memory_minutes": 3, "memory_error": 0.912}}
    )
    for name, score in (("compact", 1000.0), ("original2018", 1250.0)):
        results.runs[name] = {1: EvolvedRun({"Game:A": [score]}, 100, 2.0)}
    return results


def test_the_tables_show_what_was_measured(tmp_path: Path) -> None:
    made().save(tmp_path / "results.json")
    read = AblationRuns.load(tmp_path / "results.json")
    assert read == made()
    scores, models = tables(read).split("\n\n")
    assert scores.split("\n")[2:] == [
        "| `compact` | 1,000 | 1,000 |  |",
        "| `original2018` | 1,250 | 1,250 | +250 |",
    ]
    assert models.split("\n")[2:] == ["| `original2018` | 30 | 21.2 | 30 | 3 | 91% |"]


def test_models_are_presets_of_the_agent() -> None:
    assert set(MODELS) == {model.sizes for model in MODELS.values()} <= set(PRESETS)


def test_what_was_measured_is_what_the_command_measures() -> None:
    settings = AblationRuns.load(ROOT / "results" / "model_ablations.json").settings
    defaults = parse(Options, [])
    assert all(settings[name] == getattr(defaults, name) for name in model_ablations.TRAINING)


def test_mistakes_are_named(tmp_path: Path) -> None:
    fixed = arguments(tmp_path)
    with pytest.raises(
        UserError, match="--models has the unknown name 'huge': choose from compact"
    ):
        model_ablations.main([*fixed, "--models", "huge"])
    with pytest.raises(TrainingError, match="belongs to pangolin-validation"):
        model_ablations.main([*fixed, "--data-levels", "pangolin-validation"])
    assert not (tmp_path / "results.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(1500)  # two models are trained, and the processes load everything again
def test_on_the_emulator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fixed = [*arguments(tmp_path), "--models", "compact"]
    assert model_ablations.main(fixed) == 0
    results = AblationRuns.load(tmp_path / "results.json")
    assert list(results.runs) == list(results.models) == ["compact"]
    dataset = Dataset(str(tmp_path / "runs" / model_ablations.DATA))
    assert {episode.steps for episode in dataset.episodes} == {20}
    capsys.readouterr()
    before = results.runs
    assert model_ablations.main(fixed) == 0  # nothing is left to do
    assert AblationRuns.load(tmp_path / "results.json").runs == before
    assert "| `compact` |" in capsys.readouterr().out
