"""The device and the precision of training: the choice, and equal results with bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agent import command_line
from agent.errors import UserError
from tests.helpers.datasets import write_dataset
from tests.helpers.small_models import TINY
from training import train_memory, train_vision
from training.data.frames import Frames
from training.data.latents import Sequences, cut_episodes
from training.memory_trainer import MemoryTrainer
from training.models.networks import MDNLSTM
from training.runs.devices import ComputeDevice, choose_device
from training.runs.loop import take_step
from training.vision_trainer import VisionTrainer

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def vision_trainer(device: str, precision: str | None) -> VisionTrainer:
    """Tiny V on random frames with the player's position and expert actions."""
    random = np.random.default_rng(1)
    frames = Frames(
        random.integers(0, 256, (24, TINY.frame_size, TINY.frame_size, 3), np.uint8),
        random.integers(0, 2, (24, 4), np.uint8),
        np.full((24, 2), 100, np.int16),
    )
    options = train_vision.Options(data="", out=Path(), batch=8, device=device, precision=precision)
    return VisionTrainer(options, TINY, frames, frames)


def memory_trainer(device: str, precision: str | None) -> MemoryTrainer:
    """Tiny M on random latents."""
    generator = torch.Generator().manual_seed(1)
    mu = torch.randn((160, TINY.latent), generator=generator)
    buttons = torch.randint(0, 2, (160, 4), generator=generator, dtype=torch.uint8)
    sequences = Sequences(
        mu, torch.full_like(mu, -2.0), buttons, cut_episodes([20] * 8, 20), buttons
    )
    options = train_memory.Options(
        data="", vision=Path(), out=Path(), batch=4, device=device, precision=precision
    )
    return MemoryTrainer(options, MDNLSTM(TINY), sequences, sequences)


Maker = Callable[[str, str | None], Any]
MAKERS: list[Maker] = [vision_trainer, memory_trainer]


def test_the_choice_of_device_and_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("cpu", "auto"):
        assert choose_device(device, None) == ComputeDevice(torch.device("cpu"), "float32")
    assert choose_device("cpu", "bfloat16").precision == "bfloat16"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    for device in ("cuda", "auto"):
        assert choose_device(device, None) == ComputeDevice(torch.device("cuda"), "bfloat16")
    assert choose_device("cpu", None) == ComputeDevice(torch.device("cpu"), "float32")
    assert choose_device("cuda", "float32").precision == "float32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "an old one")
    with pytest.raises(UserError, match="an old one .* bfloat16.*--precision float32"):
        choose_device("auto", None)


@no_gpu
def test_missing_cuda_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = str(write_dataset(tmp_path / "data")), str(tmp_path / "run")
    arguments = ["--data", data, "--out", out, "--device", "cuda"]
    with pytest.raises(SystemExit) as ended:
        command_line.run(lambda: train_vision.main(arguments))
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        command_line.run(lambda: train_memory.main([*arguments, "--vision", str(tmp_path)]))
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all("finds no CUDA device" in line for line in lines)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("make", MAKERS)
def test_bfloat16_trains_nearly_like_float32(make: Maker, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    trainers = {precision: make("cpu", precision) for precision in ("float32", "bfloat16")}
    seen: dict[str, list[float]] = {}
    for precision, trainer in trainers.items():
        parts = trainer.losses(trainer.state)
        assert all(part.dtype == torch.float32 for part in parts.values())
        seen[precision] = [float(part.detach()) for part in parts.values()]
        for _ in range(20):
            last = take_step(tmp_path, trainer.state, trainer.losses)
        seen[precision].append(last["loss"])
        weights = list(trainer.state.network.parameters())
        assert all(weight.dtype == torch.float32 for weight in weights)
    assert np.isfinite(seen["bfloat16"]).all()
    assert seen["bfloat16"] != seen["float32"]  # the precision really differs
    np.testing.assert_allclose(seen["bfloat16"], seen["float32"], rtol=0.03, atol=0.02)


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_trains_nearly_like_the_cpu(make: Maker, precision: str, tmp_path: Path) -> None:
    trainers = [make("cpu", "float32"), make("cuda", precision)]
    for _ in range(10):
        losses = [take_step(tmp_path, one.state, one.losses)["loss"] for one in trainers]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    measured = [one.evaluate() for one in trainers]
    for name, value in measured[0].items():
        if isinstance(value, float):
            assert measured[1][name] == pytest.approx(value, rel=0.1, abs=0.05), name


@pytest.mark.gpu
@needs_gpu
def test_a_run_on_a_gpu_can_resume_on_the_cpu(tmp_path: Path) -> None:
    data, out = str(write_dataset(tmp_path / "data")), str(tmp_path / "run")
    arguments = ["--preset", "debug", "--data", data, "--out", out]
    assert train_vision.main([*arguments, "--steps", "2", "--device", "cuda"]) == 0
    assert train_vision.main(arguments) == 0
