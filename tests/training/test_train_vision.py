"""Training V: it learns, resumes bit for bit, and stops cleanly."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from agent.world_model.packed_model import NETWORKS, PRESETS
from agent.world_model.preprocess import preprocess
from arena.evaluation.run_folder import RunFolderError, open_run
from tests.helpers.datasets import same_arrays, write_dataset
from training import train_vision, vision_trainer
from training.data.dataset import DataError, Dataset
from training.data.frames import read_frames
from training.models.checkpoint import load_networks
from training.models.networks import VAE
from training.models.weights import load_network
from training.runs.resume import TrainingError
from training.runs.stages import VISION_WEIGHTS


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("vision") / "data")


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the debug preset."""
    folder = tmp_path_factory.mktemp("vision") / "run"
    assert run(data, folder) == 0
    return folder


def run(data: Path, folder: Path, *arguments: str) -> int:
    fixed = ["--preset", "debug", "--threads", "1", "--data", str(data), "--out", str(folder)]
    return train_vision.main([*fixed, *arguments])


def test_a_finished_run_holds_weights_metrics_and_pictures(finished: Path) -> None:
    result = json.loads((finished / "result.json").read_text())
    assert (result["stage"], result["steps"]) == ("train_vision", 4)
    assert result["beta"] == 1.0  # 4 for 128 x 128, a quarter of it for a quarter of the pixels
    assert result["data"]["held_out_frames"] == 30
    measured = result["held_out"]
    assert measured["reconstruction_loss_held_out"] > measured["perfect_copy_loss_held_out"] > 0
    assert len(measured["kl_by_dimension"]) == PRESETS["compact"].latent
    assert sum(measured["kl_by_dimension"]) == pytest.approx(measured["kl_held_out"], abs=0.01)
    record = json.loads((finished / "run.json").read_text())
    assert record["options"]["batch"] == 8 and "torch" in record["packages"]
    steps = [json.loads(line)["step"] for line in (finished / "metrics.jsonl").open()]
    assert steps == [2, 2, 4, 4]
    assert list((finished / "tensorboard").iterdir())
    picture = cv2.imread(str(finished / "reconstructions.png"))
    assert picture.shape == (2 * 2 * 66, 110 + 10 * 2 * 66, 3)
    assert load_network(finished / VISION_WEIGHTS, VAE).spec == PRESETS["compact"]


def test_a_run_can_start_from_the_weights_of_a_run(
    data: Path, finished: Path, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    run(data, started, "--steps", "1", "--learning-rate", "1e-9", "--start", str(finished))
    for name, tensor in load_network(finished / VISION_WEIGHTS, VAE).state_dict().items():
        ours = load_network(started / VISION_WEIGHTS, VAE).state_dict()[name]
        assert torch.allclose(ours, tensor, atol=1e-6), name
    with pytest.raises(TrainingError, match="has the sizes 'compact'.*same --model"):
        run(data, tmp_path / "other", "--model", "original2018", "--start", str(finished))
    assert not (tmp_path / "other").exists()


def test_a_run_can_start_from_a_packed_model(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path, "--steps", "1", "--learning-rate", "1e-9", "--start", "pretrained")
    ours = load_network(tmp_path / VISION_WEIGHTS, VAE).state_dict()
    for name, tensor in load_networks(Path("pretrained") / NETWORKS)[0].state_dict().items():
        assert torch.allclose(ours[name], tensor, atol=1e-6), name


def test_a_resumed_run_equals_an_uninterrupted_one(
    data: Path, finished: Path, tmp_path: Path
) -> None:
    run(data, tmp_path / "run", "--steps", "2")
    assert not same_arrays(tmp_path / "run" / VISION_WEIGHTS, finished / VISION_WEIGHTS)
    run(data, tmp_path / "run")
    assert same_arrays(tmp_path / "run" / VISION_WEIGHTS, finished / VISION_WEIGHTS)
    newest = Path("checkpoints/00000004/arrays.safetensors")
    assert same_arrays(tmp_path / "run" / newest, finished / newest)
    records = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").open()]
    assert json.loads((tmp_path / "run/run.json").read_text())["resumed"]
    assert [record["loss"] for record in records if "loss" in record] == [
        json.loads(line)["loss"] for line in (finished / "metrics.jsonl").open() if '"loss"' in line
    ]


def test_it_resumes_bit_for_bit_with_decoded_and_shifted_frames(data: Path, tmp_path: Path) -> None:
    some = ("--decoded-frames", "3", "--shift", "2")
    run(data, tmp_path / "whole", *some)
    run(data, tmp_path / "run", *some, "--steps", "2")
    run(data, tmp_path / "run", *some)
    assert same_arrays(tmp_path / "run" / VISION_WEIGHTS, tmp_path / "whole" / VISION_WEIGHTS)


def test_ctrl_c_saves_the_running_step(
    data: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = vision_trainer.VisionTrainer.losses

    def interrupted(trainer: vision_trainer.VisionTrainer, state: Any) -> Any:
        if state.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return losses(trainer, state)

    monkeypatch.setattr(vision_trainer.VisionTrainer, "losses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path)
    assert (tmp_path / "checkpoints/00000003/DONE").exists()
    assert not (tmp_path / "result.json").exists()
    monkeypatch.undo()
    run(data, tmp_path)
    assert same_arrays(tmp_path / VISION_WEIGHTS, finished / VISION_WEIGHTS)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = vision_trainer.VisionTrainer.losses

    def poisoned(trainer: vision_trainer.VisionTrainer, state: Any) -> Mapping[str, torch.Tensor]:
        found = dict(losses(trainer, state))
        return found | {"loss": found["loss"] * (np.nan if state.step == 3 else 1)}

    monkeypatch.setattr(vision_trainer.VisionTrainer, "losses", poisoned)
    with pytest.raises(
        TrainingError, match="loss is not finite at step 3.*00000002 is kept.*--learning-rate"
    ):
        run(data, tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000002"]


@pytest.mark.parametrize("some", [{}, {"decoded_frames": 4, "shift": 1}])
def test_training_lowers_the_reconstruction_loss(
    tmp_path: Path, data: Path, some: dict[str, Any]
) -> None:
    dataset, spec = Dataset(str(data)), PRESETS["compact"]
    options = train_vision.Options(data=str(data), out=tmp_path, batch=8, **some)
    frames = read_frames(dataset.training[:1], spec)
    np.testing.assert_array_equal(
        frames.pixels[7], preprocess(dataset.training[0].frames(7, 8)[0], spec)
    )
    torch.set_num_threads(1)
    trainer = vision_trainer.VisionTrainer(options, spec, frames, frames.take(np.arange(8)))
    before = trainer.evaluate()["reconstruction_loss_held_out"]
    for _ in range(20):
        train_vision_step(trainer, tmp_path)
    assert trainer.evaluate()["reconstruction_loss_held_out"] < 0.8 * before


def train_vision_step(trainer: vision_trainer.VisionTrainer, folder: Path) -> None:
    from training.runs.loop import take_step

    take_step(folder, trainer.state, trainer.losses)


def test_a_folder_of_another_run_is_refused(data: Path, finished: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="another command .batch: 8 -> 9"):
        run(data, finished, "--batch", "9")
    shutil.copytree(finished, tmp_path / "copy")
    settings = json.loads((tmp_path / "copy/run.json").read_text())["settings"]
    holder = open_run(tmp_path / "copy", settings, name="x", seeds={}, argv=["x"])
    with pytest.raises(RunFolderError, match="in use by another process"):
        run(data, tmp_path / "copy")
    holder.close()


def test_a_damaged_dataset_or_checkpoint_is_refused(
    data: Path, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data/episode-00000000/frames/c/0/0/0").unlink()
    with pytest.raises(DataError, match="is missing"):
        run(tmp_path / "data", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    shutil.copytree(finished, tmp_path / "copy")
    (tmp_path / "copy/checkpoints/00000004/arrays.safetensors").write_bytes(b"short")
    with pytest.raises(TrainingError, match="is damaged.*Delete it"):
        run(data, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy/checkpoints/00000004")
    run(data, tmp_path / "copy")
    assert same_arrays(tmp_path / "copy" / VISION_WEIGHTS, finished / VISION_WEIGHTS)


@pytest.mark.parametrize(
    ("flag", "value", "allowed"),
    [
        ("--decoded-frames", "9", "1 to 8"),
        ("--shift", "64", "0 to 63"),
    ],
)
def test_an_invalid_option_is_refused_with_the_allowed_values(
    data: Path, tmp_path: Path, flag: str, value: str, allowed: str
) -> None:
    with pytest.raises(TrainingError, match=f"{flag} is {value}.*{allowed}"):
        run(data, tmp_path, flag, value)
