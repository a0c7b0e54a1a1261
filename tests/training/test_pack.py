"""Packing: the packed model plays, and runs that do not belong together are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from agent.errors import UserError
from agent.evolution.hall_of_fame import read_hall_of_fame
from agent.world_model.packed_model import (
    DECODER,
    EVOLUTION_ARRAYS,
    EXPECTATION,
    MANIFEST,
    MODEL_CARD,
    PackedModelError,
    load,
)
from agent.world_model.vision import Vision
from tests.helpers.datasets import write_trained
from tests.helpers.small_models import TINY
from training import evolve, pack
from training.models.checkpoint import load_networks
from training.models.untrained import random_networks
from training.pack import write_new_card
from training.runs.resume import TrainingError
from training.search.history import CHAMPION


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of all stages; evolve really ran, with the debug preset."""
    folder = tmp_path_factory.mktemp("runs")
    vision, memory = write_trained(folder)
    evolve.main(
        ["--preset", "debug", "--workers", "1", "--vision", str(vision), "--memory", str(memory)]
        + ["--out", str(folder / "evolution"), "--generations", "3"]
    )
    return folder


def run(runs: Path, out: Path, *arguments: str) -> int:
    places = [f"--{name}={runs / name}" for name in ("vision", "memory", "evolution")]
    return pack.main([*places, "--out", str(out), *arguments])


def test_a_packed_model_holds_the_trained_networks(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "pretrained"
    assert run(runs, out) == 0
    packed = load(out)
    assert packed.spec == TINY and packed.manifest["games"] == ["Airstriker-Genesis-v0"]
    best = runs / "evolution" / evolve.BEST_MEAN / EVOLUTION_ARRAYS
    assert (out / EVOLUTION_ARRAYS).read_bytes() == best.read_bytes()
    vae, _ = load_networks(out / "networks.safetensors")
    expected, _ = random_networks(TINY)
    stored = expected.mu.weight.detach().half().float()
    np.testing.assert_array_equal(vae.mu.weight.detach(), stored)
    assert {DECODER, EXPECTATION} < set(packed.manifest["files"])
    frame = np.random.default_rng(1).integers(0, 256, (224, 320, 3), np.uint8)
    assert np.isfinite(Vision(out / "vision.onnx", TINY).encode(frame)).all()
    champion = load_file(runs / "evolution" / CHAMPION)["parameters"]
    hall_of_fame = read_hall_of_fame(packed)
    assert len(hall_of_fame) == 3  # the best of each generation
    np.testing.assert_array_equal(hall_of_fame[0], champion)
    card = (out / MODEL_CARD).read_text()
    for fact in ("95 frames of 3 episodes", "of generation 2", "Not measured yet."):
        assert fact in card
    assert packed.manifest["training"]["options"]["evolve"]["vision"] == "vision"
    assert str(runs) not in (out / MANIFEST).read_text()  # no path of this machine is stored
    assert [path.name for path in tmp_path.iterdir()] == ["pretrained"]


def test_the_last_state_can_be_packed_over_the_best(runs: Path, tmp_path: Path) -> None:
    run(runs, tmp_path / "pretrained")
    run(runs, tmp_path / "pretrained", "--state", "last", "--replace")
    last = runs / "evolution" / EVOLUTION_ARRAYS
    assert (tmp_path / "pretrained" / EVOLUTION_ARRAYS).read_bytes() == last.read_bytes()
    assert "of generation 3" in (tmp_path / "pretrained" / MODEL_CARD).read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["pretrained"]


def test_a_new_card_changes_only_the_card_and_the_manifest(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "pretrained"
    run(runs, out)
    (out / "play.json").write_text('{"lock_in_score": 1500}')  # as the tuner writes it
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    manifest = load(out).manifest
    write_new_card(out, "# Another\n")
    after = {path.name: path.read_bytes() for path in out.iterdir()}
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {MANIFEST, MODEL_CARD} and after[MODEL_CARD] == b"# Another\n"
    entry = load(out).manifest["files"][MODEL_CARD]
    assert manifest | {"files": {**manifest["files"], MODEL_CARD: entry}} == load(out).manifest
    assert [path.name for path in tmp_path.iterdir()] == ["pretrained"]
    (out / "memory.onnx").write_bytes(b"cut")
    with pytest.raises(PackedModelError, match="has 3 bytes"):
        write_new_card(out, "# A third\n")
    assert (out / MODEL_CARD).read_bytes() == b"# Another\n"


def test_missing_and_mismatched_runs_are_refused(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "pretrained"
    shutil.copytree(runs, tmp_path / "runs")
    write_trained(tmp_path / "other", seed=2)
    shutil.rmtree(tmp_path / "runs/vision")
    with pytest.raises(TrainingError, match="no finished run of train_vision"):
        run(tmp_path / "runs", out)
    shutil.copytree(tmp_path / "other/vision", tmp_path / "runs/vision")
    with pytest.raises(TrainingError, match="memory was trained with another V") as error:
        run(tmp_path / "runs", out)
    assert "\n" not in str(error.value)
    shutil.rmtree(tmp_path / "runs/memory")
    shutil.copytree(tmp_path / "other/memory", tmp_path / "runs/memory")
    with pytest.raises(TrainingError, match="evolved with other networks"):
        run(tmp_path / "runs", out)
    with pytest.raises(TrainingError, match="is a run of 'evolve'"):
        pack.main(
            [f"--vision={runs / 'evolution'}", f"--memory={runs / 'memory'}"]
            + [f"--evolution={runs / 'evolution'}", "--out", str(out)]
        )
    assert not out.exists()


def test_a_model_is_not_replaced_unasked(runs: Path, tmp_path: Path) -> None:
    run(runs, tmp_path / "pretrained")
    before = {path.name: path.read_bytes() for path in (tmp_path / "pretrained").iterdir()}
    with pytest.raises(TrainingError, match="contains a packed model.*or --replace to replace it"):
        run(runs, tmp_path / "pretrained", "--state", "last")
    with pytest.raises(UserError, match="required: --out"):
        pack.main([f"--{name}={runs / name}" for name in ("vision", "memory", "evolution")])
    assert before == {p.name: p.read_bytes() for p in (tmp_path / "pretrained").iterdir()}


def test_a_folder_of_other_files_is_not_replaced(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/one.jpg").write_bytes(b"1")
    with pytest.raises(TrainingError, match="holds files that do not belong to a packed model"):
        run(runs, tmp_path / "photos", "--replace")
    assert (tmp_path / "photos/one.jpg").read_bytes() == b"1"


def test_the_card_describes_the_initial_weights_and_the_expert(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    path = tmp_path / "runs/memory/result.json"
    result = json.loads(path.read_text())
    result["options"]["start"] = "an-earlier-run"
    result["held_out"]["expert_action_accuracy_held_out"] = 0.82
    path.write_text(json.dumps(result))
    run(tmp_path / "runs", tmp_path / "pretrained")
    card = (tmp_path / "pretrained" / MODEL_CARD).read_text()
    assert "M started from the weights of an earlier run" in card
    assert "V started from" not in card
    assert "in 82% of held-out steps" in card
